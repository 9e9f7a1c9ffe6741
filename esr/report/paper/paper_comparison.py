"""What the comparison that papers print consists of: rows, cells, and what is said below.

PSNR and SSIM of Y, a border of the scale left out, as the tables of the field have them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from esr.report.paper.hr_size import HrSize

QUALITIES = ("psnr_y", "ssim_y")
Mark = Literal["best", "second", "other files", ""]


@dataclass(frozen=True)
class PaperCell:
    """One figure on one set."""

    value: float | None
    """Not rounded; None where it was not measured."""
    text: str
    """As papers round it; empty where it was not measured."""
    mark: Mark = ""


@dataclass(frozen=True)
class PaperRow:
    """One network at one scale."""

    name: str
    scale: int
    params_m: float | None
    flops_g: float | None
    """Multiply-adds of the input that was counted, or of the table's HR size."""
    input_size: str
    """Of the input that was counted: `3x256x256`."""
    area: float | None
    """How many times its area multiply-adds are of; None if they are as counted."""
    cells: tuple[PaperCell, ...]
    """A PSNR and an SSIM a set."""


@dataclass(frozen=True)
class PaperTable:
    """The comparison, sorted by scale, then by parameters."""

    sets: tuple[str, ...]
    rows: tuple[PaperRow, ...]

    hr_size: HrSize | None = None
    """Of the HR image that multiply-adds are of; None if they are as counted."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the figures cannot say themselves."""
        marks = {cell.mark for row in self.rows for cell in row.cells}
        others = "A dagger marks figures of other files of the set: not compared with the others."
        return (self._say_counted(), *([others] if "other files" in marks else []))

    def _say_counted(self) -> str:
        sizes = " and ".join(dict.fromkeys(row.input_size for row in self.rows))
        if self.hr_size is None:
            return f"Multi-Adds are those of an input of {sizes}."
        areas = dict.fromkeys((row.scale, row.area) for row in self.rows)
        factors = ", ".join(f"x{scale}: {area:.4g} times" for scale, area in areas)
        return (
            f"Multi-Adds are those of an HR image of {self.hr_size}, scaled by its area from those"
            f" of an input of {sizes} ({factors}), which holds for networks whose cost is"
            " proportional to the area."
        )
