"""RGB and studio-range YCbCr (ITU-R BT.601), as MATLAB's `rgb2ycbcr` and the official functions.

The official functions scale a float image in place, the caller's array with it; these leave it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_YCBCR_OF_RGB = (
    (65.481, -37.797, 112.0),
    (128.553, -74.203, -93.786),
    (24.966, 112.0, -18.214),
)
"""Row: R, G, B in [0, 1]; column: contribution to Y, Cb, Cr in [0, 255]."""
_OFFSET = (16, 128, 128)
_RGB_OF_YCBCR = (
    (0.00456621, 0.00456621, 0.00456621),
    (0.0, -0.00153632, 0.00791071),
    (0.00625893, -0.00318811, 0.0),
)
"""The official inverse, rounded to eight decimals, and its offset below to three."""
_RGB_OFFSET = (-222.921, 135.576, -276.836)


def rgb2ycbcr(img: Array, only_y: bool = True) -> Array:
    """Convert (H, W, 3) RGB to Y (H, W), or to (H, W, 3) YCbCr.

    Args:
        img: uint8 in [0, 255], or float in [0, 1]; the result has the same dtype and range, uint8
            rounded half to even. Y lies in [16, 235] of 255.
        only_y: return Y alone.
    """
    return _to_ycbcr(img, _YCBCR_OF_RGB, only_y)


def bgr2ycbcr(img: Array, only_y: bool = True) -> Array:
    """Convert (H, W, 3) BGR as `rgb2ycbcr` does RGB."""
    return _to_ycbcr(img, _YCBCR_OF_RGB[::-1], only_y)


def ycbcr2rgb(img: Array) -> Array:
    """Convert (H, W, 3) YCbCr to RGB of the same dtype and range.

    Colours outside RGB are clipped in uint8, where the official function wraps them around.
    """
    rgb = np.matmul(_to_255(img), _RGB_OF_YCBCR) * 255.0 + _RGB_OFFSET
    return _like(rgb.clip(0, 255) if img.dtype == np.uint8 else rgb, img)


def _to_ycbcr(img: Array, matrix: tuple[tuple[float, ...], ...], only_y: bool) -> Array:
    if only_y:
        luma = [of_channel[0] for of_channel in matrix]
        return _like(np.dot(_to_255(img), luma) / 255.0 + _OFFSET[0], img)
    return _like(np.matmul(_to_255(img), matrix) / 255.0 + _OFFSET, img)


def _to_255(img: Array) -> Array:
    return img if img.dtype == np.uint8 else img * 255.0


def _like(values_255: Array, img: Array) -> Array:
    """Bring float64 values of [0, 255] to dtype and range of `img`."""
    values: Array = values_255.round() if img.dtype == np.uint8 else values_255 / 255.0
    return values.astype(img.dtype)
