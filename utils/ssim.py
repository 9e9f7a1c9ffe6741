"""SSIM (Wang et al., 2004) with the official constants, window and cropping, to the last digit.

The official `calculate_ssim` loops over three channels but passes the whole image each time, so
its value is, up to the rounding of a mean of three, that of one call: the mean of the SSIM map over
all pixels and channels. Its 11x11 window is applied by `cv2.filter2D`, which for float64 is a
convolution by DFT, block by block (OpenCV, modules/imgproc/src/templmatch.cpp, crossCorr). The last
digits depend on these blocks, so the same blocks are transformed here; but all that is needed of
one is done while it is in the cache, and no block is there longer than that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_WINDOW = 11
"""Side of the Gaussian window in pixels; only its full positions count ("valid")."""
_HALF = _WINDOW // 2
_SIGMA = 1.5
_C1 = (0.01 * 255) ** 2
_C2 = (0.03 * 255) ** 2
_BLOCK_AT_MOST = 246
"""Side of OpenCV's blocks in pixels: with the window's margin, 256."""


def calculate_ssim(img1: Array, img2: Array, border: int = 0) -> float:
    """Mean SSIM over pixels and channels; as the official function (2022 to 2026).

    Args:
        img1: values in [0, 255], uint8 or float, (H, W), (H, W, 1) or (H, W, 3).
        img2: of the same shape.
        border: pixels left out on each side, before the window takes another five.

    Raises:
        ValueError: different shapes, another number of channels, or fewer than 11 pixels left.
    """
    if img1.shape != img2.shape:
        raise ValueError(f"SSIM needs equal shapes, not {img1.shape} and {img2.shape}")
    if img1.ndim not in (2, 3) or img1.shape[2:] not in ((), (1,), (3,)):
        raise ValueError(f"SSIM needs one or three channels, not the shape {img1.shape}")
    height, width = img1.shape[:2]
    inner = slice(border, height - border), slice(border, width - border)
    value = ssim(img1[inner], img2[inner])
    # The mean of three equal numbers is not always that number: their sum is rounded too.
    return float(np.mean([value] * 3)) if img1.shape[2:] == (3,) else value


def ssim(img1: Array, img2: Array) -> float:
    """Mean SSIM of two images without any cropping but that of the window.

    Args:
        img1: values in [0, 255], (H, W) or (H, W, C).
        img2: of the same shape.

    Raises:
        ValueError: a side shorter than the window.
    """
    height, width = img1.shape[:2]
    if min(height, width) < _WINDOW:
        raise ValueError(f"SSIM needs at least {_WINDOW} pixels a side, not {height}x{width}")
    first, second = (np.atleast_3d(img) for img in (img1, img2))
    similarity = np.empty((height - 2 * _HALF, width - 2 * _HALF, first.shape[2]))
    blur = _Blur(height, width)
    for block in blur.blocks():
        for channel in range(first.shape[2]):
            x, y = block.read(first[..., channel]), block.read(second[..., channel])
            similarity[(*block.valid, channel)] = _ssim_map(blur, block, x, y)
    # The whole map at once: NumPy adds in another order where it gets less.
    return float(similarity.mean())


def _ssim_map(blur: _Blur, block: _Block, x: Array, y: Array) -> Array:
    # In the order of the official formula, which decides about the last digits.
    mean_x, mean_y = blur(block, x), blur(block, y)
    squares_x, squares_y, product = mean_x**2, mean_y**2, mean_x * mean_y
    variance_x = blur(block, x**2) - squares_x
    variance_y = blur(block, y**2) - squares_y
    covariance = blur(block, x * y) - product
    similarity: Array = ((2 * product + _C1) * (2 * covariance + _C2)) / (
        (squares_x + squares_y + _C1) * (variance_x + variance_y + _C2)
    )
    return similarity


@dataclass(frozen=True)
class _Block:
    """A part of the image that OpenCV transforms at once."""

    top: int
    left: int
    rows: int
    columns: int
    height: int
    """Of the image."""
    width: int

    @property
    def valid(self) -> tuple[slice, slice]:
        """Where its full positions of the window lie in the map of the image."""
        top, bottom = self._inside(self.top, self.rows, self.height)
        left, right = self._inside(self.left, self.columns, self.width)
        return slice(top - _HALF, bottom - _HALF), slice(left - _HALF, right - _HALF)

    @property
    def inner(self) -> tuple[slice, slice]:
        """The same in the block."""
        top, bottom = self._inside(self.top, self.rows, self.height)
        left, right = self._inside(self.left, self.columns, self.width)
        return slice(top - self.top, bottom - self.top), slice(left - self.left, right - self.left)

    @staticmethod
    def _inside(start: int, length: int, total: int) -> tuple[int, int]:
        first = max(start, _HALF)
        return first, max(first, min(start + length, total - _HALF))

    def read(self, plane: Array) -> Array:
        """Take it and its margin from a channel; outside the image the channel is mirrored."""
        top, bottom = self.top - _HALF, self.top + self.rows + _HALF
        left, right = self.left - _HALF, self.left + self.columns + _HALF
        part = plane[max(top, 0) : bottom, max(left, 0) : right].astype(np.float64)
        outside = (
            *(max(-top, 0), max(bottom - self.height, 0)),
            *(max(-left, 0), max(right - self.width, 0)),
        )
        mirrored: Array = cv2.copyMakeBorder(part, *outside, cv2.BORDER_REFLECT_101)
        return mirrored


class _Blur:
    """Gaussian mean at every full position of the window, as `cv2.filter2D` rounds it."""

    def __init__(self, height: int, width: int) -> None:
        self._size = height, width
        self._dft = tuple(
            cv2.getOptimalDFTSize(min(side, _BLOCK_AT_MOST) + _WINDOW - 1) for side in self._size
        )
        gaussian = cv2.getGaussianKernel(_WINDOW, _SIGMA)
        kernel = np.zeros(self._dft)
        kernel[:_WINDOW, :_WINDOW] = np.outer(gaussian, gaussian)
        self._kernel = cv2.dft(kernel, nonzeroRows=_WINDOW)

    def blocks(self) -> Iterator[_Block]:
        """Divide the image as OpenCV does."""
        height, width = self._size
        step_y, step_x = (side - _WINDOW + 1 for side in self._dft)
        for top in range(0, height, step_y):
            for left in range(0, width, step_x):
                rows, columns = min(step_y, height - top), min(step_x, width - left)
                yield _Block(top, left, rows, columns, height, width)

    def __call__(self, block: _Block, pixels: Array) -> Array:
        rows = pixels.shape[0]
        padded = np.zeros(self._dft)
        padded[:rows, : pixels.shape[1]] = pixels
        spectrum = cv2.dft(padded, dst=padded, nonzeroRows=rows)
        spectrum = cv2.mulSpectrums(spectrum, self._kernel, 0, c=spectrum, conjB=True)
        flags = cv2.DFT_INVERSE | cv2.DFT_SCALE
        blurred: Array = cv2.dft(spectrum, dst=spectrum, flags=flags, nonzeroRows=block.rows)
        return blurred[block.inner]
