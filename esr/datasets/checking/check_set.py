"""A data set checked: every pair, and what only all of them together show."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image as Pillow

from esr.base.errors import UserError
from esr.base.sha256 import hash_bytes, hash_file
from esr.datasets.checking.data_findings import (
    DataFinding,
    Kind,
    check_number,
    compare_manifest,
    find_duplicates,
    find_imageless,
    find_leftovers,
    find_unpaired,
)
from esr.datasets.checking.lr_origin import examine
from esr.datasets.each_image import map_images
from esr.datasets.image_folders import SetFolder
from esr.datasets.image_pairs import ImagePair, pair_images
from esr.datasets.prepare_lr import make_lr
from esr.datasets.scorable_size import refuse_too_small
from esr.images import Image
from esr.images.image_file import NotPlainRgb, imread_uint
from esr.images.metrics import METRICS
from esr.images.official_image import modcrop

_FORMATS = {".png": "PNG", ".bmp": "BMP", ".jpg": "JPEG", ".jpeg": "JPEG"}
"""Pillow's names of what the suffixes stand for."""


@dataclass(frozen=True)
class CheckedPair:
    """What was found out about two files, or about one without a partner."""

    findings: tuple[DataFinding, ...]
    hashes: Mapping[Path, str]
    """SHA-256 of the files, hexadecimal."""
    digests: Mapping[Path, str] = field(default_factory=dict)
    """Of pictures, however they are stored."""


@dataclass(frozen=True)
class CheckedSet:
    """What was found out about a set."""

    folder: SetFolder
    pairs: int
    findings: tuple[DataFinding, ...]
    hashes: Mapping[Path, str]

    @property
    def defects(self) -> int:
        """Number of what must be put right."""
        return sum(finding.is_defect for finding in self.findings)


def check_set(folder: SetFolder, manifest: Mapping[Path, str]) -> CheckedSet:
    """Check every image of a set, in parallel.

    Args:
        folder: where it lies.
        manifest: the hash that each file should have; empty if nobody said.
    """
    pairing = pair_images(folder)
    items: list[ImagePair | Path] = [*pairing.pairs, *pairing.hr_alone, *pairing.lr_alone]
    checked = map_images(lambda item: _check(item, folder.scale), items, folder.name)
    hashes = {path: digest for item in checked for path, digest in item.hashes.items()}
    digests = {path: digest for item in checked for path, digest in item.digests.items()}
    findings = (
        *check_number(folder, pairing),
        *find_imageless(folder),
        *find_unpaired(folder, pairing),
        *find_leftovers(folder),
        *(finding for item in checked for finding in item.findings),
        *find_duplicates(digests),
        *compare_manifest(manifest, hashes, folder),
    )
    return CheckedSet(folder, len(pairing.pairs), findings, hashes)


def _check(item: ImagePair | Path, scale: int) -> CheckedPair:
    return check_pair(item, scale) if isinstance(item, ImagePair) else _check_alone(item)


def check_pair(pair: ImagePair, scale: int) -> CheckedPair:
    """Check two files: decodable, 8-bit RGB or grey, of fitting size, LR the bicubic of HR."""
    lr, hr = _read(pair.lr), _read(pair.hr)
    findings = [image for image in (hr, lr) if isinstance(image, DataFinding)]
    findings += [*_storage(pair.lr, lr), *_storage(pair.hr, hr, is_hr=True)]
    hashes = _hashes([pair.hr, pair.lr])
    if isinstance(lr, DataFinding) or isinstance(hr, DataFinding):
        return CheckedPair(tuple(findings), hashes)
    if (misfit := _misfit(lr, hr, scale, pair.lr)) is not None:
        return CheckedPair((*findings, misfit), hashes)
    findings += _too_small(modcrop(hr, scale), scale, pair.hr)
    expected = make_lr(hr, scale)
    if (finding := examine(lr, hr, expected, scale, pair.lr)) is not None:
        findings.append(finding)
    # HR is told by its reduced picture: it is at hand, and a sixteenth of the bytes.
    digests = {pair.hr: _digest(expected)}
    return CheckedPair(tuple(findings), hashes, digests)


def _check_alone(path: Path) -> CheckedPair:
    image = _read(path)
    findings = (image,) if isinstance(image, DataFinding) else tuple(_storage(path, image))
    digests = {} if isinstance(image, DataFinding) else {path: _digest(image)}
    return CheckedPair(findings, _hashes([path]), digests)


def _read(path: Path) -> Image | DataFinding:
    try:
        return imread_uint(path)
    except UserError as error:
        kind: Kind = "mode" if isinstance(error, NotPlainRgb) else "unreadable"
        return DataFinding(kind, path, error.what)


def _storage(
    path: Path, image: Image | DataFinding, *, is_hr: bool = False
) -> Iterator[DataFinding]:
    if isinstance(image, DataFinding):
        return
    try:
        with Pillow.open(path) as header:
            mode, kind = header.mode, header.format
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        return  # OpenCV could read it; how it is stored stays unknown.
    if mode in ("L", "1"):
        yield DataFinding("grey", path)
    # JPEG has a finding of its own, on either side.
    if kind not in (None, "JPEG", "MPO", _FORMATS.get(path.suffix.lower())):
        yield DataFinding("other_format", path, f"a {kind} file")
    if is_hr and kind == "JPEG":
        yield DataFinding("hr_jpeg", path)


def _too_small(hr: Image, scale: int, file: Path) -> Iterator[DataFinding]:
    """Apply the rule of an evaluation that asks for nothing but PSNR, then that of SSIM."""
    for metric in ("psnr", "ssim"):
        try:
            refuse_too_small(hr.shape, METRICS[metric].window_px, scale, file)
        except UserError as error:
            if metric == "psnr":
                yield DataFinding("too_small", file, error.what)
            else:
                what = error.what.replace("to be scored", f"for {metric.upper()}")
                yield DataFinding("small", file, what)
            return


def _misfit(lr: Image, hr: Image, scale: int, file: Path) -> DataFinding | None:
    height, width = hr.shape[0] // scale, hr.shape[1] // scale
    if lr.shape[:2] == (height, width) and height and width:
        return None
    detail = f"{lr.shape[1]}x{lr.shape[0]} px; x{scale} of HR needs {width}x{height}"
    if lr.shape[:2] == (-(-hr.shape[0] // scale), -(-hr.shape[1] // scale)):
        detail += ": HR was not cropped to a multiple of the scale first"
    return DataFinding("size", file, detail)


def _hashes(files: Iterable[Path]) -> dict[Path, str]:
    hashes = {}
    for file in files:
        with contextlib.suppress(OSError):  # Reading it has failed too, and was said.
            hashes[file] = hash_file(file)
    return hashes


def _digest(image: Image) -> str:
    return hash_bytes(str(image.shape).encode() + image.tobytes())
