"""Floating point to grey levels on the device that holds an output: the official bytes, cheaply.

A quarter of the data crosses to the host. Nothing is calculated that a device could round in its
own way: CUDA divides by a Python number by multiplying with its reciprocal, which changes the last
bit of many values, and so some levels. Every value is compared with the smallest one that the
official expression turns into each level; those are found on the CPU, and comparing rounds nothing.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from esr.images.levels import Extremes, Levels, Plane, scale

if TYPE_CHECKING:
    from torch import Tensor

_STRIP_VALUES = 2**19
"""What a strip needs, 4 MB, is far below what a network has just given back on its device."""


def convert_on_device(values: Tensor, data_range: float) -> tuple[Levels, Extremes]:
    """Convert as `esr.images.levels.convert`.

    Args:
        values: (C, H, W) of any floating-point type in [0, data_range], left as it is.
        data_range: what becomes 255.

    Returns:
        (H, W, C) on the host, and what the smallest and the largest value were.
    """
    import torch

    channels, height, width = values.shape
    rows = max(1, min(height, _STRIP_VALUES // (channels * width)))
    thresholds = torch.from_numpy(find_thresholds(data_range)).to(values.device)
    image = torch.empty((height, width, channels), dtype=torch.uint8, device=values.device)
    extremes = []
    for top in range(0, height, rows):
        strip = values[:, top : top + rows].permute(1, 2, 0).float().contiguous()
        extremes.append(torch.stack(torch.aminmax(strip)))
        image[top : top + rows] = torch.bucketize(strip, thresholds, right=True, out_int32=True)
    low, high = torch.stack(extremes).cpu().numpy().T
    # Not by `min`, which passes over NaN.
    return cast(Levels, image.cpu().numpy()), (float(np.min(low)), float(np.max(high)))


@cache
def find_thresholds(data_range: float) -> Plane:
    """Find the smallest float32 that becomes each level from 1 to 255.

    By halving: what a value becomes never decreases with it.
    """
    levels = np.arange(1, 256)
    # The order of floats that are not negative is that of their bits, read as integers.
    low = np.zeros(255, np.int32)
    high = np.full(255, np.float32(data_range).view(np.int32), np.int32)
    while (low < high).any():
        middle = low + (high - low) // 2
        reached = _official(middle.view(np.float32), data_range) >= levels
        low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
    thresholds: Plane = high.astype(np.int32).view(np.float32)
    return thresholds


def _official(values: Plane, data_range: float) -> npt.NDArray[np.uint8]:
    row = values.reshape(1, -1)
    levels = np.empty(row.shape, np.uint8)
    scale(row, data_range, np.empty_like(row), levels)
    first: npt.NDArray[np.uint8] = levels[0]
    return first
