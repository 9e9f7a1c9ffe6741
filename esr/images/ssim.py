"""SSIM (Wang et al., 2004) with the official constants, window and cropping, to the last digit.

The official `calculate_ssim` loops over three channels but passes the whole image each time, so
its value is, up to the rounding of a mean of three, that of one call: the mean of the SSIM map over
all pixels and channels. Here it is computed once, channel by channel. The window stays the official
`cv2.filter2D` with 11x11 weights, for float64 a DFT: two passes of 11 weights would be faster, and
differ in the last digits.
"""

from __future__ import annotations

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
_STRIP_ROWS = 16
"""What is computed at once where no neighbours matter: it stays in the cache."""


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
    similarity = np.empty((height - _WINDOW + 1, width - _WINDOW + 1, first.shape[2]))
    for channel in range(first.shape[2]):
        x, y = (img[..., channel].astype(np.float64) for img in (first, second))
        _ssim_map(x, y, similarity[..., channel])
    # The whole map at once: NumPy adds in another order where it gets less.
    return float(similarity.mean())


def _ssim_map(x: Array, y: Array, out: Array) -> None:
    moments = [_blur(x), _blur(y), _blur(x**2), _blur(y**2), _blur(x * y)]
    for top in range(0, len(out), _STRIP_ROWS):
        rows = slice(top, top + _STRIP_ROWS)
        out[rows] = _formula(*(moment[rows] for moment in moments))


def _formula(mean_x: Array, mean_y: Array, xx: Array, yy: Array, xy: Array) -> Array:
    # In the order of the official formula, which decides about the last digits. Not in the moments'
    # own memory: what is made of a strip stays in the cache, they would have to be written back.
    squares_x, squares_y, product = mean_x**2, mean_y**2, mean_x * mean_y
    variances, covariance = xx - squares_x, xy - product
    variances += yy - squares_y
    variances += _C2
    squares_x += squares_y
    squares_x += _C1
    product *= 2
    product += _C1
    covariance *= 2
    covariance += _C2
    product *= covariance
    squares_x *= variances
    product /= squares_x
    return product


def _blur(plane: Array) -> Array:
    """Gaussian mean at every full position of the window."""
    gaussian = cv2.getGaussianKernel(_WINDOW, _SIGMA)
    window = np.outer(gaussian, gaussian.transpose())
    blurred: Array = cv2.filter2D(plane, -1, window)[_HALF:-_HALF, _HALF:-_HALF]
    return blurred
