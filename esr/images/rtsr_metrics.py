"""The four figures of the NTIRE 2023 Real-Time SR challenge, Y in both published variants.

Source: metric scripts of eduardzamfir/NTIRE23-RTSR, the first one used during the challenge, the
final one of 2023-03-22 for the evaluation. Nothing is left out at the border, whatever the
protocol says.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from esr.images import Image
from esr.images.official_image import calculate_psnr
from esr.images.ssim import calculate_ssim

Plane = npt.NDArray[Any]

_OFFSET = 16
_Y_OF_RGB = (65.481, 128.553, 24.966)
"""R, G, B in [0, 1] to Y in [16, 235], ITU-R BT.601."""
_Y_OF_RGB_SWAPPED = _Y_OF_RGB[::-1]
"""What the final script applies to RGB, red and blue exchanged. The published figures carry it."""


def psnr_rgb(sr: Image, hr: Image, border: int) -> float:
    """PSNR of the whole image in dB, over all pixels and channels; both scripts agree."""
    del border
    return calculate_psnr(sr, hr)


def ssim_rgb(sr: Image, hr: Image, border: int) -> float:
    """SSIM of the whole image, mean over the channels; both scripts agree."""
    del border
    return calculate_ssim(sr, hr)


def psnr_y_first(sr: Image, hr: Image, border: int) -> float:
    """PSNR of `luma_first` in dB."""
    del border
    return calculate_psnr(luma_first(sr), luma_first(hr))


def ssim_y_first(sr: Image, hr: Image, border: int) -> float:
    """SSIM of `luma_first`."""
    del border
    return calculate_ssim(luma_first(sr), luma_first(hr))


def psnr_y_final(sr: Image, hr: Image, border: int) -> float:
    """PSNR of `luma_final` in dB."""
    del border
    return calculate_psnr(luma_final(sr), luma_final(hr))


def ssim_y_final(sr: Image, hr: Image, border: int) -> float:
    """SSIM of `luma_final`."""
    del border
    return calculate_ssim(luma_final(sr), luma_final(hr))


def luma_first(img: Image) -> Plane:
    """Y of uint8 RGB (H, W, 3) as during the challenge: uint8 (H, W), rounded half to even."""
    rounded: Plane = (_OFFSET + img @ np.array(_Y_OF_RGB) / 255).round().astype(np.uint8)
    return rounded


def luma_final(img: Image) -> Plane:
    """Y of uint8 RGB (H, W, 3) as in the final script: float32 (H, W), R and B exchanged."""
    luma: Plane = (_OFFSET + img @ np.array(_Y_OF_RGB_SWAPPED) / 255).astype(np.float32)
    return luma
