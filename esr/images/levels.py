"""Floating point to grey levels, strip by strip: the official bytes.

NumPy, not PyTorch: its threads wait for each other after every operation, so that on a machine with
other work to do twenty short ones took half a second an image.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Levels = npt.NDArray[np.uint8]
Extremes = tuple[float, float]
"""Smallest and largest value before clamping; NaN if one is among them."""

_STRIP_VALUES = 2**17
"""Of one channel: whatever a strip needs stays in the cache of one core."""

_SATURATES = 2**20
"""So many times `data_range` are still a level that an int32 holds, and become 255."""


def convert(
    values: Plane,
    data_range: float,
    put: Callable[[int, Levels], None],
    helper: Executor | None = None,
) -> Extremes:
    """Clamp to [0, data_range], scale in float32 by 255 and 1 / data_range, round half to even.

    Args:
        values: (C, H, W) in [0, data_range], left as it is.
        data_range: what becomes 255.
        put: called with the first row of a strip and its levels (rows, W, C), in any order; the
            next strip is made in the same memory.
        helper: a thread that takes strips as well, as soon as it gets a core. PyTorch's own keep
            theirs busy for 10 ms after a network has run, so this one does not wait for it.
    """
    channels, height, width = values.shape
    rows = max(1, min(height, _STRIP_VALUES // width))
    # An iterator that is at its end holds nothing: a helper that comes too late keeps no output.
    todo = iter([(top, values[:, top : top + rows]) for top in range(0, height, rows)])

    def strips() -> list[Extremes]:
        scratch = np.empty((rows, width), np.float32)
        planes = np.empty((channels, rows, width), np.uint8)
        image = np.empty((rows, width, channels), np.uint8)
        extremes = []
        for top, strip in todo:  # Whichever thread is free takes the next one.
            here = slice(strip.shape[1])
            for plane, levels in zip(strip, planes[:, here], strict=True):
                extremes.append(scale(plane, data_range, scratch[here], levels))
            cv2.merge(list(planes[:, here]), image[here])
            put(top, image[here])
        return extremes

    helping = helper.submit(strips) if helper is not None and rows < height else None
    try:
        extremes = strips()
    except BaseException:
        for _ in todo:  # Nothing is left to do for the helper, nor to hold.
            pass
        raise
    finally:
        helped = [] if helping is None or helping.cancel() else helping.result()
    lows, highs = zip(*extremes, *helped, strict=True)
    # Not by `min`, which passes over NaN.
    return float(np.min(lows)), float(np.max(highs))


def scale(values: Plane, data_range: float, scratch: Plane, out: Levels) -> Extremes:
    """Convert (H, W) values into `out`; `scratch` is of that shape too."""
    low, high = float(values.min()), float(values.max())
    if not high <= _SATURATES * data_range:
        values = np.clip(values, 0, data_range, out=scratch)
    elif low < 0:
        cv2.threshold(values, 0, 0, cv2.THRESH_TOZERO, dst=scratch)
        values = scratch
    factor = 255.0
    if data_range != 1:
        values, factor = np.multiply(values, np.float32(255), out=scratch), 1.0
        np.divide(scratch, np.float32(data_range), out=scratch)
    # Multiplies in float32, rounds half to even and saturates, in one go; nothing is negative.
    cv2.convertScaleAbs(values, out, factor)
    return low, high
