"""The SR images of an upload against HR, as `esr.evaluate.score_images` scores them.

To the last bit, here and on the server of a competition: `esr.tools.codabench` packs this very
module, so it imports nothing but what images need.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from esr.base.errors import UserError
from esr.base.threads import in_parallel, keep_freed_memory
from esr.datasets.quiet_decoders import quiet_decoders
from esr.datasets.scorable_size import refuse_too_small
from esr.evaluate.upload.upload_format import NAME, Readme, read_readme, sr_name
from esr.images import Image
from esr.images.image_file import decode_uint, imread_uint
from esr.images.metrics import METRICS
from esr.images.official_image import modcrop
from esr.tools.upload_scoring.upload_names import BadArchive

_SIGNATURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_BYTES_A_PIXEL = 8
"""Of 16 bits with alpha, the widest there are."""
_BESIDE_PIXELS = 2**20
"""Bytes for headers, colour profile, text."""
_README_AT_MOST = 2**16


class UploadedFiles(Protocol):
    """What has been uploaded, its names checked: an archive, or a folder it was unpacked to."""

    def read(self, name: str, at_most: int) -> bytes:
        """Read a file of at most so many bytes, or raise `BadArchive`; in several threads."""

    def has(self, name: str) -> bool:
        """Tell whether there is such a file."""

    def where(self, name: str) -> str:
        """Name a file for a message."""


@dataclass(frozen=True)
class ImageComparison:
    """How SR is compared with HR."""

    scale: int
    """Factor between LR and HR."""
    crop_px: int
    """Multiple that the sides of HR are cropped to, at the bottom and at the right."""
    border_px: int
    """Left out by the metrics on each side; the scale, in the official scripts."""
    metrics: tuple[str, ...]
    """Names in `esr.images.metrics.METRICS`."""


@dataclass(frozen=True)
class ImageScore:
    """One image."""

    name: str
    """HR file name."""
    scores: dict[str, float]
    """By name in `esr.images.metrics.METRICS`."""


def score_files(
    files: UploadedFiles, hr_files: Mapping[str, Path], comparison: ImageComparison
) -> tuple[ImageScore, ...]:
    """Score every image.

    Args:
        files: the upload.
        hr_files: HR images by their official names, in the order of the data set.
        comparison: by what.

    Raises:
        BadArchive: an image cannot be scored; the first one is named.
        UserError: something is wrong with HR.
    """

    def score(item: tuple[str, Path]) -> ImageScore | UserError:
        name, hr_file = item
        try:
            hr = read_hr(hr_file, comparison)
            sr = _decode(files, sr_name(name), hr.shape, comparison.scale)
        except UserError as error:
            return error
        border = comparison.border_px
        metrics = {key: METRICS[key].function for key in comparison.metrics}
        return ImageScore(name, {key: metric(sr, hr, border) for key, metric in metrics.items()})

    keep_freed_memory()
    with quiet_decoders():
        results = in_parallel(score, hr_files.items())
    errors = [image for image in results if isinstance(image, UserError)]
    if errors:
        raise _first(errors)
    return tuple(image for image in results if isinstance(image, ImageScore))


def mean_scores(images: Sequence[ImageScore], metrics: Sequence[str]) -> dict[str, float]:
    """Take the official mean of each metric, in image order: another moves the last digit."""
    return {key: sum(image.scores[key] for image in images) / len(images) for key in metrics}


def readme_of(files: UploadedFiles) -> Readme | None:
    """Read what the participants say; None without a readme.txt."""
    if not files.has(NAME):
        return None
    return read_readme(files.read(NAME, _README_AT_MOST).decode("utf-8-sig", "replace"))


def read_hr(file: Path, comparison: ImageComparison) -> Image:
    """Read HR, cropped as the comparison says.

    Raises:
        UserError: it cannot be read, or is too small to be scored.
    """
    hr: Image = modcrop(imread_uint(file), comparison.crop_px)
    window_px = max(METRICS[name].window_px for name in comparison.metrics)
    refuse_too_small(hr.shape, window_px, comparison.border_px, file)
    return hr


def _first(errors: Sequence[UserError]) -> UserError:
    error = next((error for error in errors if not isinstance(error, BadArchive)), errors[0])
    more = f" ({len(errors) - 1} more images like this)" if len(errors) > 1 else ""
    return type(error)(f"{error.what}{more}", where=error.where, remedy=error.remedy)


def _decode(files: UploadedFiles, name: str, shape: tuple[int, ...], scale: int) -> Image:
    height, width = shape[:2]
    data = files.read(name, height * width * _BYTES_A_PIXEL + _BESIDE_PIXELS)
    where = files.where(name)
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
