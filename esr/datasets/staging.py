"""Images decoded once, before anything is measured: LR for children, HR for the parent alone.

Decoded images lie in files, not in this process: its memory does not grow with their number.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from esr.base.errors import UserError, cause
from esr.base.sha256 import hash_bytes
from esr.base.threads import in_parallel, keep_freed_memory
from esr.datasets.image_pairs import ImagePair
from esr.datasets.manifest import PairHash, set_sha256
from esr.datasets.quiet_decoders import quiet_decoders
from esr.datasets.scorable_size import refuse_too_small
from esr.datasets.splits import Split
from esr.images import Image
from esr.images.image_file import decode_uint, read_image_file
from esr.images.official_image import modcrop


@dataclass(frozen=True)
class StagedImage:
    """One decoded pair."""

    name: str
    lr: Path
    """LR as .npy, for copies only: a child may do what it likes to the file it is given."""
    hr: Path
    """HR cropped to a multiple of the scale, as .npy: mapped into memory it costs no decoding."""
    hashes: PairHash
    """Of the files it was decoded from."""
    lr_file: Path | None = None
    """That of LR."""


@dataclass(frozen=True)
class StagedSplit:
    """One decoded data set."""

    role: str
    dataset: str
    scale: int
    images: tuple[StagedImage, ...]
    sources: tuple[Path, ...] = ()
    """Folders that the HR files lie in."""

    @property
    def sha256(self) -> str:
        """Hash of the files of the whole set."""
        return set_sha256(image.hashes for image in self.images)


def stage(
    split: Split,
    folder: Path,
    window_px: int,
    border_px: int | None = None,
    crop_px: int | None = None,
) -> StagedSplit:
    """Decode and check every image of a data set, in parallel.

    Args:
        split: what to decode.
        folder: receives the decoded images; no child may know of it.
        window_px: what must be left of an image within its border, for the metrics to be defined.
        border_px: that border; as many pixels as the scale by default.
        crop_px: multiple to which the sides of HR are cropped first, and those of LR likewise; the
            scale by default, to which LR is never cropped.

    Raises:
        UserError: an image that cannot be decoded, or an LR that does not fit its HR.
    """
    folder.mkdir(parents=True)
    keep_freed_memory()

    def decode(item: tuple[int, ImagePair]) -> StagedImage | UserError:
        index, pair = item
        try:
            lr, hr, hashes = _decode(pair, split.scale, crop_px)
            refuse_too_small(
                hr.shape, window_px, split.scale if border_px is None else border_px, pair.hr
            )
            lr_file, hr_file = folder / f"{index:04d}-lr.npy", folder / f"{index:04d}-hr.npy"
            staged = StagedImage(pair.name, lr_file, hr_file, hashes, pair.lr)
            _keep(lr, staged.lr)
            _keep(hr, staged.hr)
            return staged
        except UserError as error:
            return error

    with quiet_decoders():
        decoded = in_parallel(decode, list(enumerate(split.pairs)))
    errors = [image for image in decoded if isinstance(image, UserError)]
    if errors:
        more = f" ({len(errors) - 1} more images like this)" if len(errors) > 1 else ""
        raise UserError(f"{errors[0].what}{more}", where=errors[0].where, remedy=errors[0].remedy)
    images = tuple(image for image in decoded if isinstance(image, StagedImage))
    sources = tuple({pair.hr.resolve().parent: None for pair in split.pairs})
    return StagedSplit(split.role, split.dataset, split.scale, images, sources)


def _decode(pair: ImagePair, scale: int, crop_px: int | None) -> tuple[Image, Image, PairHash]:
    (lr, lr_sha256), (hr, hr_sha256) = _read(pair.lr), _read(pair.hr)
    if crop_px is not None:
        lr, hr = modcrop(lr, crop_px // scale), modcrop(hr, crop_px)
    needed = (hr.shape[0] // scale, hr.shape[1] // scale)
    if lr.shape[:2] != needed:
        raise UserError(
            f"LR is {_size(lr.shape)} px; x{scale} of {pair.hr.name} needs {_size(needed)}",
            where=pair.lr,
            remedy="make LR from this HR again, or correct the scale",
        )
    hashes = PairHash(pair.name, hr_sha256, lr_sha256)
    return lr, hr[: needed[0] * scale, : needed[1] * scale], hashes


def _read(file: Path) -> tuple[Image, str]:
    """Decode a file, and hash the very bytes that were decoded."""
    data = read_image_file(file)
    return decode_uint(data, file), hash_bytes(data)


def _keep(image: Image, target: Path) -> None:
    try:
        np.save(target, image)
    except OSError as error:
        raise UserError(
            f"cannot hold the decoded images ({cause(error)})",
            where=target.parent,
            remedy="free some space or point TMPDIR to another disk",
        ) from error


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
