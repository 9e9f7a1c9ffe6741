"""PSNR and SSIM of the Image Super-Resolution (x4) challenges, to the last digit.

Source: `utils/utils_image.py` of zhengchen1999/NTIRE2023_ImageSR_x4 to NTIRE2026_ImageSR_x4, which
is the same file in all of them. Luma alone, in float32, not rounded; both images are cropped to
multiples of 4, then 4 px are left out on each side, whatever border the caller names.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from esr.images import Image
from esr.images.ssim import ssim

Plane = npt.NDArray[np.float32]

_MULTIPLE = _BORDER = 4
LEFT_OUT_PX = 2 * _BORDER + _MULTIPLE - 1
"""Most that a side loses."""
_Y_OF_BGR = (24.966, 128.553, 65.481)
"""B, G, R in [0, 1] to Y in [16, 235], ITU-R BT.601."""


def psnr_y_x4(sr: Image, hr: Image, border: int) -> float:
    """PSNR of luma in dB, 4 px left out; `inf` for equal images.

    Args:
        sr: uint8 RGB (H, W, 3).
        hr: of the same shape.
        border: not used, as in the official function.

    Raises:
        ValueError: different shapes.
    """
    del border
    _refuse_unequal(sr, hr)
    error = np.mean((_luma_x4(sr) - _luma_x4(hr)) ** 2)
    if error == 0:
        return math.inf
    # In float32 to the end, as NumPy 2 calculates it; NumPy 1 took the last steps in float64, which
    # is up to 2e-6 dB away.
    return float(np.float32(20) * np.log10(np.float32(255) / np.sqrt(error)))


def ssim_y_x4(sr: Image, hr: Image, border: int) -> float:
    """SSIM of the same luma, at full positions of the window.

    Args:
        sr: uint8 RGB (H, W, 3).
        hr: of the same shape.
        border: not used, as in the official function.

    Raises:
        ValueError: different shapes, or too few pixels left for the window.
    """
    del border
    _refuse_unequal(sr, hr)
    return ssim(_luma_x4(sr), _luma_x4(hr))


def _luma_x4(image: Image) -> Plane:
    """Y in [16, 235], (H - 8, W - 8) of what is left of H and W as multiples of 4."""
    height, width = (side - side % _MULTIPLE for side in image.shape[:2])
    inner = image[_BORDER : height - _BORDER, _BORDER : width - _BORDER]
    unit = inner[..., ::-1].astype(np.float32) / np.float32(255)
    luma: Any = np.dot(unit, _Y_OF_BGR) + 16.0
    luma /= 255.0
    scaled: Plane = luma.astype(np.float32) * np.float32(255)
    return scaled


def _refuse_unequal(first: Image, second: Image) -> None:
    if first.shape != second.shape:
        raise ValueError(f"images of equal shapes are compared, not {first.shape}, {second.shape}")
