"""MATLAB's bicubic `imresize`: the resampler that made nearly every published LR image.

The definition is MATLAB's documented one: the cubic convolution kernel of Keys (1981, a = -0.5),
stretched by the reduction factor (antialiasing), weights normalised to sum 1, symmetric border,
output size `ceil(size * scale)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from esr.images import Image
from esr.images.shrink import is_exact, shrink, swapped

"""(H, W) or (H, W, C)."""
FloatArray = npt.NDArray[np.floating[Any]]

BICUBIC_MARGIN_LR_PX = 4
"""Around a part that is resampled by itself: more than the kernel reaches, at any factor."""
_KERNEL_WIDTH = 4
"""Support of the cubic kernel, in input pixels at scale >= 1."""


def imresize_uint8(img: Image, scale: float) -> Image:
    """Resample as MATLAB does a uint8 image: rounded to uint8 after each of the two passes.

    This, and not float arithmetic with one rounding at the end, is how the LR images of DIV2K,
    Set5, Set14, B100 and Urban100 in circulation were made; about one value in ten differs.

    Args:
        img: uint8, (H, W) or (H, W, C); crop HR to a multiple of the factor first (`modcrop`).
        scale: output size over input size, e.g. 1/4 for LR x4 and 4 for the bicubic baseline.

    Raises:
        ValueError: not a uint8 image of two or three dimensions, or a scale that is not positive.
    """
    if img.dtype != np.uint8:
        raise ValueError(f"imresize_uint8 takes uint8, not {img.dtype}")
    return _imresize(img, scale, True, np.float64, _pass_uint8)


def imresize_np(
    img: npt.NDArray[Any], scale: float, antialiasing: bool = True
) -> npt.NDArray[np.float32]:
    """Resample a float image without any rounding or clipping.

    Args:
        img: usually float in [0, 1], (H, W) or (H, W, C); computed in float32 whatever it is.
        scale: output size over input size.
        antialiasing: stretch the kernel when reducing; False samples with the plain kernel.

    Returns:
        float32. It is the function of that name in the official `utils/utils_image.py` up to the
        order of its float32 sums (measured: at most 5e-7 on [0, 1]), without the official crash
        where the border is wider than the image or not needed at all.

    Raises:
        ValueError: not two or three dimensions, or a scale that is not positive.
    """
    return _imresize(img.astype(np.float32), scale, antialiasing, np.float32, _resample_axis)


def _imresize(
    img: npt.NDArray[Any],
    scale: float,
    antialiasing: bool,
    dtype: type[np.floating[Any]],
    one_pass: Callable[[npt.NDArray[Any], int, FloatArray, npt.NDArray[np.intp]], npt.NDArray[Any]],
) -> npt.NDArray[Any]:
    if img.ndim not in (2, 3) or not scale > 0:
        raise ValueError(f"cannot resample an image of shape {img.shape} by {scale}")
    # MATLAB starts with the dimension of the smaller scale and, as here, with the rows on a tie.
    for axis in (0, 1):
        length = img.shape[axis]
        weights, taps = _contributions(length, scale, antialiasing, dtype)
        img = one_pass(img, axis, weights, taps)
    return img


def _contributions(
    length: int, scale: float, antialiasing: bool, dtype: type[np.floating[Any]]
) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Weights and input positions, both (outputs, taps), of one pass.

    The precision matters as much as the formula: MATLAB computes them in float64, the official
    PyTorch port in float32, and far from the origin the two place the kernel 1e-5 pixel apart.
    """
    shrink = scale if antialiasing and scale < 1 else 1.0
    width = _KERNEL_WIDTH / shrink
    # Pixel centres: 0.5 in the output maps to 0.5 in the input; MATLAB counts pixels from 1.
    outputs = np.arange(1, math.ceil(length * scale) + 1, dtype=dtype)
    centres = outputs / dtype(scale) + dtype(0.5 * (1 - 1 / scale))
    left = np.floor(centres - dtype(width / 2))
    # From `left` itself on, ceil(width) + 2 pixels could be reached; the outer two weigh nothing.
    taps = left[:, None] + np.arange(1, math.ceil(width) + 1, dtype=dtype)
    weights = _cubic((centres[:, None] - taps) * dtype(shrink)) * dtype(shrink)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights, _reflect(taps.astype(np.intp) - 1, length)


def _cubic(x: FloatArray) -> FloatArray:
    x = np.abs(x)
    x2, x3 = x * x, x * x * x
    near = x.dtype.type(1.5) * x3 - x.dtype.type(2.5) * x2 + 1
    far = x.dtype.type(-0.5) * x3 + x.dtype.type(2.5) * x2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, x.dtype.type(0)))


def _reflect(positions: npt.NDArray[np.intp], length: int) -> npt.NDArray[np.intp]:
    """Fold positions outside the image back into it, the edge pixel repeated (symmetric)."""
    positions = positions % (2 * length)
    return np.minimum(positions, 2 * length - 1 - positions)


def _resample_axis(
    img: npt.NDArray[Any], axis: int, weights: FloatArray, taps: npt.NDArray[np.intp]
) -> npt.NDArray[Any]:
    lines = np.ascontiguousarray(np.moveaxis(img, axis, 0), dtype=weights.dtype)
    columns = weights.reshape(*weights.shape, *(1,) * (img.ndim - 1))
    resampled = columns[:, 0] * lines[taps[:, 0]]
    # One tap after the other, not a matrix product: its order of sums changes with the machine,
    # and where a value falls exactly between two levels so would the image.
    for tap in range(1, taps.shape[1]):
        resampled += columns[:, tap] * lines[taps[:, tap]]
    return np.moveaxis(resampled, 0, axis)


def _pass_uint8(
    img: Image, axis: int, weights: FloatArray, taps: npt.NDArray[np.intp]
) -> npt.NDArray[Any]:
    middle = len(taps) // 2
    step = int(taps[middle, 0] - taps[middle - 1, 0])
    if min(taps.shape) < 2 or not is_exact(weights, step):
        return _round_uint8(_resample_axis(img, axis, weights, taps))
    lines = img if axis == 0 else swapped(img)
    flat = np.ascontiguousarray(lines).reshape(len(lines), -1)
    reduced = shrink(flat, weights[0], taps, step).reshape(len(taps), *lines.shape[1:])
    return reduced if axis == 0 else swapped(reduced)


def _round_uint8(img: npt.NDArray[Any]) -> Image:
    # MATLAB rounds halves up, NumPy to even.
    rounded: Image = np.floor(np.clip(img, 0, 255) + 0.5).astype(np.uint8)
    return rounded
