"""The images of an upload against HR, as an evaluation scores them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.base.errors import UserError
from esr.base.sha256 import hash_file
from esr.base.threads import in_parallel, keep_freed_memory
from esr.datasets.each_image import quiet_decoders
from esr.datasets.image_pairs import ImagePair
from esr.datasets.scorable_size import refuse_too_small
from esr.datasets.splits import Split
from esr.evaluate.upload.upload_format import NAME, Readme, read_readme, sr_name
from esr.images import Image
from esr.images.image_file import decode_uint, imread_uint
from esr.images.metrics import METRICS
from esr.images.official_image import modcrop
from esr.tools.upload_scoring.upload_contents import BadArchive, UploadContents, open_archive

_SIGNATURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_BYTES_A_PIXEL = 8
"""Of 16 bits with alpha, the widest there are."""
_BESIDE_PIXELS = 2**20
"""Bytes for headers, colour profile, text."""
_README_AT_MOST = 2**16


@dataclass(frozen=True)
class ImageScore:
    """One image."""

    name: str
    """HR file name."""
    scores: dict[str, float]
    """By name in `esr.images.metrics.METRICS`."""


@dataclass(frozen=True)
class ArchiveScore:
    """One archive."""

    archive: str
    archive_sha256: str
    role: str
    dataset: str
    scale: int
    border_px: int
    """Left out by the metrics on each side."""
    means: dict[str, float]
    """Of each metric over the images."""
    images: tuple[ImageScore, ...]
    readme: Readme | None
    """What the participants say; None without a readme.txt."""


def score_archive(
    path: Path, split: Split, metrics: Sequence[str], border: int, crop_px: int | None = None
) -> ArchiveScore:
    """Score an archive as `esr.evaluate.score_images` scores SR images, to the last bit.

    Args:
        path: the archive.
        split: the data set it is about.
        metrics: names in `esr.images.metrics.METRICS`.
        border: pixels that they leave out on each side; the scale, in the official scripts.
        crop_px: multiple that the sides of HR are cropped to; the scale by default.

    Raises:
        BadArchive: something is wrong with the archive.
        UserError: something is wrong with the data.
    """
    names = [sr_name(pair.name) for pair in split.pairs]
    keep_freed_memory()
    with quiet_decoders(), open_archive(path, names, split.scale) as contents:
        readme = _readme(contents)

        def score(pair: ImagePair) -> ImageScore | UserError:
            try:
                hr = _hr(pair, crop_px or split.scale, metrics, border)
                sr = _decode(contents, sr_name(pair.name), hr.shape, split.scale)
            except UserError as error:
                return error
            scores = {name: METRICS[name].function(sr, hr, border) for name in metrics}
            return ImageScore(pair.name, scores)

        results = in_parallel(score, split.pairs)
    errors = [image for image in results if isinstance(image, UserError)]
    if errors:
        raise _first(errors)
    images = tuple(image for image in results if isinstance(image, ImageScore))
    return ArchiveScore(
        archive=path.name,
        archive_sha256=hash_file(path),
        role=split.role,
        dataset=split.dataset,
        scale=split.scale,
        border_px=border,
        means={name: _mean([image.scores[name] for image in images]) for name in metrics},
        images=images,
        readme=readme,
    )


def _first(errors: Sequence[UserError]) -> UserError:
    error = next((error for error in errors if not isinstance(error, BadArchive)), errors[0])
    more = f" ({len(errors) - 1} more images like this)" if len(errors) > 1 else ""
    return type(error)(f"{error.what}{more}", where=error.where, remedy=error.remedy)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _readme(contents: UploadContents) -> Readme | None:
    if not contents.has(NAME):
        return None
    return read_readme(contents.read(NAME, _README_AT_MOST).decode("utf-8-sig", "replace"))


def _hr(pair: ImagePair, crop_px: int, metrics: Sequence[str], border: int) -> Image:
    hr: Image = modcrop(imread_uint(pair.hr), crop_px)
    window_px = max(METRICS[name].window_px for name in metrics)
    refuse_too_small(hr.shape, window_px, border, pair.hr)
    return hr


def _decode(contents: UploadContents, name: str, shape: tuple[int, ...], scale: int) -> Image:
    height, width = shape[:2]
    data = contents.read(name, height * width * _BYTES_A_PIXEL + _BESIDE_PIXELS)
    where = contents.where(name)
    if not data.startswith(_SIGNATURE) or len(data) < len(_SIGNATURE) + 8:
        raise BadArchive("is no PNG image", where=where, remedy="save SR images as PNG")
    size = struct.unpack_from(">II", data, len(_SIGNATURE))
    # Before it is decoded: a small file may promise a gigapixel.
    if size != (width, height):
        is_lr = size == (width // scale, height // scale)
        pixels = f"{size[0]}x{size[1]} px" + (", the size of LR" if is_lr else "")
        raise BadArchive(
            f"is {pixels}; HR is {width}x{height}", where=where, remedy="upload SR of this size"
        )
    try:
        return decode_uint(data, where)
    except UserError as error:
        raise BadArchive(error.what, where=where, remedy=error.remedy) from error
