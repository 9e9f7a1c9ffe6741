"""LR as MATLAB makes it, and as other programs do: two variants in circulation, and resamplers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import cv2
import numpy as np
from PIL import Image as Pillow

from esr.images import Image
from esr.images.resample import imresize_np, imresize_uint8

_BORDER_LR_PX = 4
"""More than the kernel reaches."""

_PILLOW = {
    "Pillow bicubic": Pillow.Resampling.BICUBIC,
    "Pillow Lanczos": Pillow.Resampling.LANCZOS,
    "Pillow bilinear": Pillow.Resampling.BILINEAR,
    "Pillow Hamming": Pillow.Resampling.HAMMING,
    "box (mean of each block)": Pillow.Resampling.BOX,
}
_OPENCV = {
    "OpenCV bicubic, without antialiasing": cv2.INTER_CUBIC,
    "OpenCV bilinear, without antialiasing": cv2.INTER_LINEAR,
    "OpenCV area": cv2.INTER_AREA,
    "OpenCV Lanczos, without antialiasing": cv2.INTER_LANCZOS4,
}


def crop_to_multiple(hr: Image, scale: int) -> Image:
    """Crop HR at the bottom and at the right to a multiple of the scale, as an evaluation does."""
    height, width = (side - side % scale for side in hr.shape[:2])
    return hr[:height, :width]


def make_lr(hr: Image, scale: int) -> Image:
    """Reduce HR, cropped to a multiple of the scale, with MATLAB's bicubic kernel."""
    return imresize_uint8(crop_to_multiple(hr, scale), 1 / scale)


def make_lr_rounded_once(hr: Image, scale: int) -> Image:
    """Make LR in float arithmetic, rounded in the end, as BasicSR's port of `imresize` does."""
    unit = crop_to_multiple(hr, scale).astype(np.float32) / 255
    lr = imresize_np(unit, 1 / scale) * 255
    return cast(Image, np.clip(lr, 0, 255).round().astype(np.uint8))


def make_lr_replicated_border(hr: Image, scale: int) -> Image:
    """Make LR as older MATLAB did, its border repeated instead of reflected."""
    margin = _BORDER_LR_PX * scale
    around = ((margin, margin), (margin, margin), (0, 0))
    padded: Any = np.pad(crop_to_multiple(hr, scale), around, mode="edge")
    inner = slice(_BORDER_LR_PX, -_BORDER_LR_PX)
    return imresize_uint8(padded, 1 / scale)[inner, inner]


def list_resamplers(hr: Image, scale: int) -> Iterator[tuple[str, Callable[[], Image]]]:
    """List what else LR could have been made with, by name."""
    source = np.ascontiguousarray(crop_to_multiple(hr, scale))
    height, width = source.shape[0] // scale, source.shape[1] // scale
    for name, kernel in _PILLOW.items():
        yield (
            name,
            lambda kernel=kernel: np.asarray(  # type: ignore[misc]
                Pillow.fromarray(source).resize((width, height), kernel)
            ),
        )
    for name, flag in _OPENCV.items():
        yield (
            name,
            lambda flag=flag: cv2.resize(  # type: ignore[misc]
                source, (width, height), interpolation=flag
            ),
        )
    yield "nearest neighbour (every first pixel)", lambda: source[::scale, ::scale]
    middle = scale // 2
    yield "nearest neighbour (the middle pixel)", lambda: source[middle::scale, middle::scale]
