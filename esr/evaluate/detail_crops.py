"""Details of images beside bicubic interpolation and HR, kept for the report.

Of a submission's worst and best image, and of the data set's most detailed ones, which every
submission shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from esr.base.threads import in_parallel
from esr.datasets.staging import StagedImage, StagedSplit
from esr.images import Image
from esr.images.image_file import imsave
from esr.images.metrics import METRICS
from esr.images.resample import imresize_uint8
from esr.records.record import Crop
from esr.records.split_result import ImageResult

SIDE_PX = 96
"""Side of a detail in HR pixels."""

_MARGIN_PX = 4
"""LR pixels around a detail, more than the bicubic kernel reaches."""

Picture = Literal["bicubic", "sr", "hr"]
PICTURES: tuple[Picture, ...] = ("bicubic", "sr", "hr")
Choice = Literal["worst", "best", "first", "second", "third"]
_OF_ALL: tuple[Choice, ...] = ("first", "second", "third")
"""By the data set alone, so that the same details of all submissions stand side by side."""


def picture_file(results: Path, label: str, crop: Crop, picture: Picture) -> Path:
    """Name the PNG file of one picture of a detail."""
    return results / "crops" / label / f"{crop.choice}-{picture}.png"


def keep_crops(
    split: StagedSplit,
    images: Sequence[ImageResult],
    sr_files: Sequence[Path],
    results: Path,
    label: str,
) -> tuple[Crop, ...]:
    """Cut out and write the details of the worst, the best and the most detailed images of a set.

    Args:
        split: the decoded pairs.
        images: their scores, in the same order.
        sr_files: SR images as .npy, in the same order.
        results: the results folder.
        label: the submission's.

    Raises:
        OSError: a picture cannot be written.
    """
    order = sorted(range(len(images)), key=lambda index: images[index].scores["psnr"])
    shared = zip(_OF_ALL, _find_most_detailed(split), strict=False)
    chosen: dict[Choice, int] = {"worst": order[0], "best": order[-1], **dict(shared)}

    def keep(choice: Choice) -> Crop:
        index = chosen[choice]
        detail = _find_detail(split.images[index], split.scale)
        sr: Image = np.load(sr_files[index], mmap_mode="r")
        pictures: dict[Picture, Image] = {
            "bicubic": detail.bicubic,
            "sr": np.array(sr[detail.window]),
            "hr": detail.hr,
        }
        crop = Crop(
            choice=choice,
            role=split.role,
            image=images[index].name,
            psnr_db=images[index].scores["psnr"],
            detail_psnr_db=_psnr(pictures["sr"], pictures["hr"]),
            detail_bicubic_psnr_db=_psnr(pictures["bicubic"], pictures["hr"]),
            top_px=detail.window[0].start,
            left_px=detail.window[1].start,
            size_px=detail.hr.shape[0],
        )
        for picture, image in pictures.items():
            target = picture_file(results, label, crop, picture)
            target.parent.mkdir(parents=True, exist_ok=True)
            imsave(image, str(target))
        return crop

    return tuple(in_parallel(keep, [*chosen]))


@lru_cache(maxsize=4)
def _find_most_detailed(split: StagedSplit) -> tuple[int, ...]:
    """Find the images with the finest detail, the finest first, once for all submissions.

    By LR alone, which is a sixteenth of HR: the energy of its Laplacian, in the window of a detail
    that has most of it.
    """
    side = SIDE_PX // split.scale

    def measure(image: StagedImage) -> float:
        lr: Image = np.load(image.lr, mmap_mode="r")
        grey = cv2.cvtColor(np.ascontiguousarray(lr), cv2.COLOR_RGB2GRAY)
        edges = cv2.Laplacian(grey, cv2.CV_32F)
        return float(cv2.boxFilter(edges * edges, -1, (side, side)).max())

    energies = in_parallel(measure, split.images)
    return tuple(sorted(range(len(energies)), key=lambda index: (-energies[index], index))[:3])


def _psnr(image: Image, hr: Image) -> float:
    return METRICS["psnr"].function(image, hr, 0)


@dataclass(frozen=True)
class _Detail:
    """What every submission shows of an image."""

    window: tuple[slice, slice]
    """Rows and columns in HR."""
    bicubic: Image
    hr: Image


@lru_cache(maxsize=64)
def _find_detail(image: StagedImage, scale: int) -> _Detail:
    hr: Image = np.load(image.hr, mmap_mode="r")
    side = min(SIDE_PX, *hr.shape[:2]) // scale * scale
    top, left = _busiest(hr, side, scale)
    window = slice(top, top + side), slice(left, left + side)
    bicubic = _bicubic(np.load(image.lr), top // scale, left // scale, side // scale, scale)
    return _Detail(window, bicubic, np.array(hr[window]))


def _busiest(hr: Image, side: int, scale: int) -> tuple[int, int]:
    """Find the window with the greatest variance, on the grid of LR pixels.

    By HR alone, so that every submission shows the same detail of an image.
    """
    grey = cv2.cvtColor(np.ascontiguousarray(hr), cv2.COLOR_RGB2GRAY)
    total = _window_sums(grey, side, scale)
    squares = _window_sums(np.multiply(grey, grey, dtype=np.uint16), side, scale)
    variance = squares - total * total / side**2
    row, column = np.unravel_index(int(variance.argmax()), variance.shape)
    return int(row) * scale, int(column) * scale


def _window_sums(values: npt.NDArray[Any], side: int, scale: int) -> npt.NDArray[np.float64]:
    # Of LR pixels first, a sixteenth as many for x4. Integers in float64: exact for any image.
    height, width = values.shape
    rows = np.add.reduce(values.reshape(height // scale, scale, width), 1, np.uint32)
    # Along rows, where neighbours are few, whole columns are added in a fifth of the time.
    blocks = rows[:, ::scale].copy()
    for column in range(1, scale):
        blocks += rows[:, column::scale]
    table = cv2.integral(blocks.astype(np.float64), sdepth=cv2.CV_64F)
    near, far = slice(None, -(side // scale)), slice(side // scale, None)
    sums: npt.NDArray[np.float64] = (
        table[far, far] - table[far, near] - table[near, far] + table[near, near]
    )
    return sums


def _bicubic(lr: Image, top: int, left: int, side: int, scale: int) -> Image:
    """Enlarge only what is shown: a whole image would cost more than scoring it does."""
    first_row, first_column = max(top - _MARGIN_PX, 0), max(left - _MARGIN_PX, 0)
    patch = lr[
        first_row : top + side + _MARGIN_PX,
        first_column : left + side + _MARGIN_PX,
    ]
    large = imresize_uint8(patch, scale)
    y, x = (top - first_row) * scale, (left - first_column) * scale
    return np.ascontiguousarray(large[y : y + side * scale, x : x + side * scale])
