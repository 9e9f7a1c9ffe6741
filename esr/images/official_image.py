"""The official names of `utils/utils_image.py`, with the official values to the last digit.

PyTorch is imported by the functions that make or read tensors only: the parent process, which
scores, never loads it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from esr.images import Image
from esr.images.output_image import tensor2levels
from esr.images.resample import imresize_np

if TYPE_CHECKING:
    from torch import Tensor

Array = npt.NDArray[Any]


def uint2single(img: Image) -> npt.NDArray[np.float32]:
    """Convert uint8 in [0, 255] to float32 in [0, 1]."""
    return (img / 255.0).astype(np.float32)


def single2uint(img: npt.NDArray[np.floating[Any]]) -> Image:
    """Convert float in [0, 1] to uint8 in [0, 255]: clipped, rounded half to even."""
    return (img.clip(0, 1) * 255.0).round().astype(np.uint8)


def uint2tensor4(img: Image, data_range: float) -> Tensor:
    """Convert (H, W, C) or (H, W) uint8 to float32 (1, C, H, W) in [0, data_range].

    The strides stay those of (H, W, C), as in the official function: a convolution may choose its
    algorithm, and so its last digits and its speed, by them.
    """
    # Divided on the CPU: CUDA multiplies by the reciprocal instead, another last digit. And by
    # NumPy: waking PyTorch's threads takes ten times as long as the division.
    return single2tensor4(np.divide(img, np.float32(255.0 / data_range), dtype=np.float32))


def uint2tensor3(img: Image) -> Tensor:
    """Convert (H, W, C) or (H, W) uint8 to float32 (C, H, W) in [0, 1]."""
    return single2tensor3(img).div(255.0)


def single2tensor4(img: Array) -> Tensor:
    """Convert (H, W, C) or (H, W) to float32 (1, C, H, W), values unchanged."""
    return single2tensor3(img).unsqueeze(0)


def single2tensor3(img: Array) -> Tensor:
    """Convert (H, W, C) or (H, W) to float32 (C, H, W), values unchanged."""
    import torch

    # PyTorch warns about memory it may not write, such as a file mapped read-only.
    image = np.require(img if img.ndim == 3 else np.expand_dims(img, 2), requirements=["C", "W"])
    return torch.from_numpy(image).permute(2, 0, 1).float()


def tensor2uint(img: Tensor, data_range: float) -> Image:
    """Convert (1, C, H, W) in [0, data_range] to contiguous uint8 (H, W, C).

    Clamped, scaled in float32 by 255 and then 1 / data_range, rounded half to even: the official
    bytes. Dimensions of size 1 are dropped. `img` itself is not clamped.
    """
    return tensor2levels(img, data_range)[0]


def tensor2single(img: Tensor) -> npt.NDArray[np.float32]:
    """Convert (1, C, H, W) to float32 (H, W, C) clamped to [0, 1]; size 1 dimensions dropped."""
    values: Array = img.detach().squeeze().float().cpu().clamp(0, 1).numpy()
    return values.transpose(1, 2, 0) if values.ndim == 3 else values


def imresize(img: Tensor, scale: float, antialiasing: bool = True) -> Tensor:
    """Resample a tensor (C, H, W) or (H, W) as `imresize_np`; the result is float32 on the CPU."""
    import torch

    values = img.detach().cpu().numpy()
    channels_last = values.transpose(1, 2, 0) if values.ndim == 3 else values
    resampled = torch.from_numpy(imresize_np(channels_last, scale, antialiasing))
    return resampled.permute(2, 0, 1) if values.ndim == 3 else resampled


def modcrop(img_in: Array, scale: int) -> Array:
    """Copy the top left part of (H, W) or (H, W, C) whose sides are multiples of `scale`.

    Raises:
        ValueError: another number of dimensions.
    """
    if img_in.ndim not in (2, 3):
        raise ValueError(f"an image has 2 or 3 dimensions, not {img_in.ndim}")
    height, width = img_in.shape[:2]
    return img_in[: height - height % scale, : width - width % scale].copy()


def shave(img_in: Array, border: int = 0) -> Array:
    """Copy (H, W) or (H, W, C) without `border` pixels on each side."""
    height, width = img_in.shape[:2]
    return img_in[border : height - border, border : width - border].copy()


def augment_img(img: Array, mode: int = 0) -> Array:
    """View (H, W) or (H, W, C) in one of its eight orientations; mode 0 is the image itself.

    Raises:
        ValueError: a mode outside 0 to 7.
    """
    if mode not in _QUARTER_TURNS_AND_FLIP:
        raise ValueError(f"mode is 0 to 7, not {mode}")
    turns, flip = _QUARTER_TURNS_AND_FLIP[mode]
    turned = np.rot90(img, turns)
    return turned[::-1] if flip else turned


_QUARTER_TURNS_AND_FLIP = {
    **{0: (0, False), 5: (1, False), 6: (2, False), 3: (3, False)},
    **{2: (0, True), 1: (1, True), 4: (2, True), 7: (3, True)},
}
"""The official numbering: counter-clockwise quarter turns, then upside down or not."""


def calculate_psnr(img1: Array, img2: Array, border: int = 0) -> float:
    """PSNR in dB over all pixels and channels jointly; `inf` for equal images.

    Args:
        img1: values in [0, 255], uint8 or float, (H, W) or (H, W, C).
        img2: of the same shape.
        border: pixels left out on each side.

    Raises:
        ValueError: different shapes, or no pixel left inside the border.
    """
    if img1.shape != img2.shape:
        raise ValueError(f"PSNR needs equal shapes, not {img1.shape} and {img2.shape}")
    height, width = img1.shape[:2]
    inner = slice(border, height - border), slice(border, width - border)
    if img1[inner].size == 0:
        raise ValueError(f"no pixel of {img1.shape} is left inside a border of {border}")
    mse = _mean_squared_error(img1[inner], img2[inner])
    return math.inf if mse == 0 else 20 * math.log10(255.0 / math.sqrt(mse))


def _mean_squared_error(img1: Array, img2: Array) -> float:
    if img1.dtype == img2.dtype == np.uint8:
        # The sum is an integer that float64 holds, so that any exact way to it gives the official
        # bits; this one is 40 times faster. OpenCV may return it as the square of a square root.
        return round(cv2.norm(img1, img2, cv2.NORM_L2SQR)) / img1.size
    return float(np.mean((img1.astype(np.float64) - img2.astype(np.float64)) ** 2))
