"""One pass of a reduction by 2, 4, 8, in float32, with the bits that float64 gives.

There every output pixel has the same weights, and they are multiples of a power of two: no product
and no sum is rounded, so that neither the precision nor the order of additions can change a value.
"""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from esr.images import Image

Weights = npt.NDArray[np.floating[Any]]

_UNIT = 4096
"""Of the weights; 255 * _UNIT, with room for the negative ones, is far below 2**24."""
_OUTPUT_ROWS = 16
"""A strip of this many rows, with what it is made of, stays in a core's cache."""


def is_exact(weights: Weights, step: int) -> bool:
    """Tell whether the weights (outputs, taps) of a reduction by `step` allow this."""
    scaled = weights * _UNIT
    same = bool((weights == weights[0]).all())
    return same and step in (2, 4, 8) and bool((scaled == scaled.round()).all())


def swapped(image: Image) -> Image:
    """Exchange rows and columns of (H, W) or (H, W, C); the result is contiguous."""
    height, width, *channels = image.shape
    if channels not in ([], [1], [3]):
        return np.ascontiguousarray(image.swapaxes(0, 1))
    # OpenCV moves pixels in blocks that fit the cache: ten times as fast as NumPy.
    return cast(Image, cv2.transpose(image)).reshape(width, height, *channels)


def shrink(rows: Image, weights: Weights, taps: npt.NDArray[np.intp], step: int) -> Image:
    """Reduce the first axis; rounded halves up.

    Args:
        rows: uint8 (L, N), contiguous.
        weights: of one output row, (taps,).
        taps: rows that each output row is made of, (outputs, taps), reflected at the border.
        step: rows from one output row to the next.
    """
    reduced = np.empty((len(taps), rows.shape[1]), np.uint8)
    for top in range(0, len(taps), _OUTPUT_ROWS):
        strip = taps[top : top + _OUTPUT_ROWS]
        source = _source(rows, strip, step).astype(np.float32)
        reduced[top : top + len(strip)] = _weighted(source, weights, len(strip), step)
    return reduced


def _source(rows: Image, strip: npt.NDArray[np.intp], step: int) -> Image:
    first, last = int(strip[0, 0]), int(strip[-1, -1])
    height = (len(strip) - 1) * step + strip.shape[1]
    if last - first + 1 == height and (np.diff(strip[:, 0]) == step).all():
        return rows[first : last + 1]
    # At the border, pixel by pixel: what comes with each output row, and the rest of the last one.
    order = np.concatenate([*(line[:step] for line in strip[:-1]), strip[-1]])
    picked: Image = rows[order]
    return picked


def _weighted(source: npt.NDArray[Any], weights: Weights, count: int, step: int) -> Image:
    span = (count - 1) * step + 1
    total = source[:span:step] * np.float32(weights[0])
    for tap in range(1, len(weights)):
        cv2.scaleAdd(source[tap : tap + span : step], float(weights[tap]), total, total)
    np.clip(total, 0, 255, out=total)
    total += np.float32(0.5)
    rounded: Image = total.astype(np.uint8)
    return rounded
