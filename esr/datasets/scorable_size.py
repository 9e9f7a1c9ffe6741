"""How large an image must be for metrics to be defined: one rule for all who score."""

from __future__ import annotations

from pathlib import Path

from esr.base.errors import UserError


def refuse_too_small(shape: tuple[int, ...], window_px: int, border_px: int, file: Path) -> None:
    """Refuse an HR image of which too little is left within the border.

    Args:
        shape: of HR, cropped to a multiple of the scale: height, width and whatever follows.
        window_px: smallest side that the metrics are defined for (`esr.images.metrics`).
        border_px: what they leave out on each side.
        file: of HR.

    Raises:
        UserError: a side is shorter than both together need.
    """
    smallest_px = window_px + 2 * border_px
    if min(shape[:2]) < smallest_px:
        what = f"too small to be scored: both sides need {smallest_px} px"
        raise UserError(what, where=file, remedy="leave the image out")
