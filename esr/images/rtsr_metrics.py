"""The four figures of the NTIRE 2023 Real-Time SR challenge, Y in both published variants.

Source: metric scripts of eduardzamfir/NTIRE23-RTSR, the first one used during the challenge, the
final one of 2023-03-22 for the evaluation. Nothing is left out at the border, whatever the
protocol says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from esr.images import Image

Plane = npt.NDArray[Any]

_OFFSET = 16
_Y_OF_RGB = (65.481, 128.553, 24.966)
"""R, G, B in [0, 1] to Y in [16, 235], ITU-R BT.601."""
_Y_OF_RGB_SWAPPED = _Y_OF_RGB[::-1]
"""What the final script applies to RGB, red and blue exchanged. The published figures carry it."""


def whole_image(
    metric: Callable[[Plane, Plane], float], plane: Callable[[Image], Plane] | None = None
) -> Callable[[Image, Image, int], float]:
    """Make a metric of whole images: of RGB, on which both scripts agree, or of one plane."""

    def function(sr: Image, hr: Image, border: int) -> float:
        del border
        return metric(sr, hr) if plane is None else metric(plane(sr), plane(hr))

    return function


def luma_first(img: Image) -> Plane:
    """Y of uint8 RGB (H, W, 3) as during the challenge: uint8 (H, W), rounded half to even."""
    rounded: Plane = (_OFFSET + img @ np.array(_Y_OF_RGB) / 255).round().astype(np.uint8)
    return rounded


def luma_final(img: Image) -> Plane:
    """Y of uint8 RGB (H, W, 3) as in the final script: float32 (H, W), R and B exchanged."""
    luma: Plane = (_OFFSET + img @ np.array(_Y_OF_RGB_SWAPPED) / 255).astype(np.float32)
    return luma
