"""Details of images beside bicubic interpolation and HR, kept for the report.

Of a submission's worst and best image, and of the data set's most detailed ones, which every
submission shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from esr.base.threads import in_parallel
from esr.datasets.staging import StagedImage, StagedSplit
from esr.images import Image
from esr.images.image_file import imsave
from esr.images.metrics import METRICS
from esr.images.resample import BICUBIC_MARGIN_LR_PX, imresize_uint8
from esr.records.record import Crop
from esr.records.split_result import ImageResult

SIDE_PX = 96
"""Side of a detail in HR pixels."""

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
    """Find the images with the finest detail, the finest first, once for all submissions."""
    details = in_parallel(lambda image: _find_finest(image, split.scale), split.images)
    order = sorted(range(len(details)), key=lambda index: (-details[index].energy, index))
    return tuple(order[:3])


@dataclass(frozen=True)
class _Finest:
    """Where an image has the most detail: the energy of its Laplacian, in a window."""

    energy: float
    top: int
    """LR pixels, as all of these."""
    left: int
    side: int


@lru_cache(maxsize=1024)
def _find_finest(image: StagedImage, scale: int) -> _Finest:
    """Find the window by LR alone, so that every submission shows the same detail of an image.

    LR is a sixteenth of HR, and what is fine in it is what a network is to restore.
    """
    lr: Image = np.load(image.lr, mmap_mode="r")
    side = min(SIDE_PX // scale, *lr.shape[:2])
    edges = cv2.Laplacian(cv2.cvtColor(np.ascontiguousarray(lr), cv2.COLOR_RGB2GRAY), cv2.CV_32F)
    centred = cv2.sqrBoxFilter(edges, cv2.CV_32F, (side, side))
    # OpenCV says of each pixel what the window around it has; only whole windows are asked for.
    height, width = lr.shape[0] - side + 1, lr.shape[1] - side + 1
    whole = centred[side // 2 :, side // 2 :][:height, :width]
    top, left = np.unravel_index(int(whole.argmax()), whole.shape)
    return _Finest(float(whole[top, left]), int(top), int(left), side)


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
    finest = _find_finest(image, scale)
    top, left, side = (value * scale for value in (finest.top, finest.left, finest.side))
    window = slice(top, top + side), slice(left, left + side)
    bicubic = _bicubic(np.load(image.lr), finest.top, finest.left, finest.side, scale)
    hr: Image = np.load(image.hr, mmap_mode="r")
    return _Detail(window, bicubic, np.array(hr[window]))


def _bicubic(lr: Image, top: int, left: int, side: int, scale: int) -> Image:
    """Enlarge only what is shown: a whole image would cost more than scoring it does."""
    first_row, first_column = (
        max(top - BICUBIC_MARGIN_LR_PX, 0),
        max(left - BICUBIC_MARGIN_LR_PX, 0),
    )
    patch = lr[
        first_row : top + side + BICUBIC_MARGIN_LR_PX,
        first_column : left + side + BICUBIC_MARGIN_LR_PX,
    ]
    large = imresize_uint8(patch, scale)
    y, x = (top - first_row) * scale, (left - first_column) * scale
    return np.ascontiguousarray(large[y : y + side * scale, x : x + side * scale])
