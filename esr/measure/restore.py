"""LR to SR: padding to the network's size, tiling, and what an output must be."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from esr.base.errors import UserError
from esr.challenge.protocol import TILE_OVERLAP_PX
from esr.submissions.sidecar import Sidecar

Restorer = Callable[[Tensor], Tensor]
"""(1, 3, h, w) in [0, data_range] -> (1, 3, s*h, s*w)."""


def restorer(network: Restorer, sidecar: Sidecar) -> Restorer:
    """Wrap a network in the tiling and padding that its sidecar declares.

    Both are part of the timed region, as in the official script.
    """
    restore = network
    if sidecar.size_multiple_px > 1:
        restore = _padded(restore, sidecar.size_multiple_px, sidecar.scale)
    if sidecar.tile is not None:
        restore = _tiled(restore, sidecar.tile, sidecar.scale)
    return restore


def _padded(restore: Restorer, multiple: int, scale: int) -> Restorer:
    def padded(lr: Tensor) -> Tensor:
        height, width = lr.shape[-2:]
        bottom, right = -height % multiple, -width % multiple
        # Reflection reaches no further than the image itself.
        mode = "reflect" if bottom < height and right < width else "replicate"
        grown = functional.pad(lr, (0, right, 0, bottom), mode)
        sr = check_output(restore(grown), grown, scale)
        return sr[..., : height * scale, : width * scale]

    return padded


def _tiled(restore: Restorer, tile: int, scale: int) -> Restorer:
    # As officially, a mask of ones is made for every tile: its cost is part of the figure.
    def tiled(lr: Tensor) -> Tensor:
        batch, channels, height, width = lr.shape
        side = min(tile, height, width)
        total = lr.new_zeros(batch, channels, height * scale, width * scale)
        count = torch.zeros_like(total)
        for top in _starts(height, side):
            for left in _starts(width, side):
                patch = lr[..., top : top + side, left : left + side]
                sr = check_output(restore(patch), patch, scale)
                if sr.itemsize == 1:  # PyTorch adds no numbers of 8 bits.
                    sr = sr.float()
                rows = slice(top * scale, (top + side) * scale)
                columns = slice(left * scale, (left + side) * scale)
                total[..., rows, columns].add_(sr)
                count[..., rows, columns].add_(torch.ones_like(sr))
        return total.div_(count)

    return tiled


def _starts(length: int, side: int) -> list[int]:
    # Tiles are averaged where they overlap, and the last one ends at the border (official forward).
    # Tiles no larger than the overlap, with which the official loop fails, lie side by side.
    stride = side - TILE_OVERLAP_PX if side > TILE_OVERLAP_PX else side
    return [*range(0, length - side, stride), length - side]


def check_output(sr: object, lr: Tensor, scale: int) -> Tensor:
    """Make sure that what a network returned has the shape and type of an image.

    It looks at no pixel, so it costs nothing worth timing.

    Args:
        sr: the network's output.
        lr: its input, (1, 3, h, w).
        scale: factor between their sides.

    Returns:
        `sr`, a floating-point tensor of shape (1, 3, scale*h, scale*w).

    Raises:
        UserError: it is anything else.
    """
    if not isinstance(sr, Tensor):
        raise UserError(
            f"the network returned a {type(sr).__name__}, not a tensor",
            remedy="return the SR image alone",
        )
    unreadable = _unreadable(sr)
    if unreadable:
        raise UserError(
            f"the network returned {unreadable}", remedy="return a dense tensor with values"
        )
    expected = (*lr.shape[:-2], lr.shape[-2] * scale, lr.shape[-1] * scale)
    if tuple(sr.shape) != expected:
        raise UserError(
            f"the network returned the shape {_text(sr.shape)} for an input of "
            f"{_text(lr.shape)}: x{scale} needs {_text(expected)}"
        )
    if not sr.is_floating_point():
        raise UserError(
            f"the network returned {sr.dtype}", remedy="return floating point in data_range"
        )
    return sr


def _unreadable(sr: Tensor) -> str | None:
    """Name a kind of tensor that is no grid of numbers; None if it is one."""
    if sr.is_nested:
        return "a nested tensor"
    if sr.layout != torch.strided:
        return f"a tensor of layout {str(sr.layout).removeprefix('torch.').removeprefix('_')}"
    if sr.is_meta:
        return "a meta tensor, which has a shape and no values"
    if sr.is_floating_point() and not _has_values(sr.dtype):
        return f"{sr.dtype}, which PyTorch cannot convert"
    return None


@cache
def _has_values(dtype: torch.dtype) -> bool:
    try:
        torch.empty(1, dtype=dtype).float()
    except (NotImplementedError, RuntimeError):
        return False
    return True


def check_finite(low: float, high: float) -> None:
    """Make sure that an output holds neither NaN nor infinity.

    Args:
        low: its smallest value, as float32; NaN if there is one.
        high: its largest.

    Raises:
        UserError: it does.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        raise UserError("the network returned NaN or infinity")


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
