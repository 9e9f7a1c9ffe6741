"""How figures for a paper look: a column wide, 8 pt, told apart without colours.

Colours are those of Okabe and Ito, which the colour-blind tell apart; in grey, shape, filling and
hatching still do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

COLUMN_IN = 3.33
"""Width of a column in the templates of CVPR."""

BLUE, ORANGE, GREEN, PURPLE, SKY, RED = (
    *("#0072b2", "#e69f00", "#009e73"),
    *("#cc79a7", "#56b4e9", "#d55e00"),
)
_WIDE = 8.0
"""Times the smallest figure that the largest must be before an axis becomes logarithmic."""

SUFFIXES = ("svg", "pdf", "png")
SMALL_PT = 6.0
"""Names beside points and rows."""

_STYLE: Any = {
    "font.size": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "grid.linewidth": 0.4,
    "grid.color": "0.85",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "hatch.linewidth": 0.4,
    # TrueType: publishers refuse Type 3.
    "pdf.fonttype": 42,
    "svg.hashsalt": "esr",
    # A name with a dollar sign is no mathematics.
    "text.parse_math": False,
}

Draw = Callable[[Axes], bool]
"""Draws into axes; False if there is nothing to draw."""


@contextmanager
def paper_style() -> Iterator[None]:
    """Draw for a paper within this context."""
    with mpl.rc_context(_STYLE):
        yield


def save_figure(draw: Draw, height_in: float, file: Path) -> list[Path]:
    """Draw a figure and write it in every format.

    Args:
        draw: what to draw.
        height_in: of the whole figure.
        file: without its suffix.

    Returns:
        the files, none if there is nothing to draw
    """
    with paper_style():
        # The same file of the same figures, whenever it is written.
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
        figure = Figure(figsize=(COLUMN_IN, height_in), layout="constrained")
        if not draw(figure.add_subplot()):
            return []
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # Once is enough for all formats.
        files = [file.with_name(f"{file.name}.{suffix}") for suffix in SUFFIXES]
        for path, suffix in zip(files, SUFFIXES, strict=True):
            figure.savefig(path, dpi=300, metadata=metadata[suffix])
        return files


def is_wide(values: Sequence[float]) -> bool:
    """Tell whether figures want a logarithmic axis."""
    return 0 < _WIDE * min(values) < max(values)


def make_logarithmic(axes: Axes, along: Literal["x", "y"]) -> None:
    """Scale an axis by logarithms, with ticks at 1, 2, 5, 10 as they are read."""
    axis = axes.xaxis if along == "x" else axes.yaxis
    (axes.set_xscale if along == "x" else axes.set_yscale)("log")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
