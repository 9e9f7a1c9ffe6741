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
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

COLUMN_IN = 3.33
"""Width of a column in the templates of CVPR."""

BLUE, ORANGE, GREEN, PURPLE, SKY, RED = (
    *("#0072b2", "#e69f00", "#009e73"),
    *("#cc79a7", "#56b4e9", "#d55e00"),
)
_WIDE = 8.0
"""Times the smallest figure that the largest must be before an axis becomes logarithmic."""
_DECADES_ALONE = 300.0
"""Times the smallest figure of an axis from which 2 and 5 have no room beside 1 and 10."""

_NEAR = 0.01
"""Of the largest figure, how far apart figures lie that need more digits than usual."""

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


def make_figure(draw: Draw, height_in: float) -> Figure | None:
    """Lay out a figure a column wide.

    Args:
        draw: what to draw.
        height_in: of the whole figure.

    Returns:
        the figure, whose places are fixed; None if there is nothing to draw
    """
    figure = Figure(figsize=(COLUMN_IN, height_in), layout="constrained")
    if not draw(figure.add_subplot()):
        return None
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # Once is enough for all formats.
    return figure


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
        figure = make_figure(draw, height_in)
        if figure is None:
            return []
        # The same file of the same figures, whenever it is written.
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
        files = [file.with_name(f"{file.name}.{suffix}") for suffix in SUFFIXES]
        for path, suffix in zip(files, SUFFIXES, strict=True):
            figure.savefig(path, dpi=300, metadata=metadata[suffix])
        return files


def add_legend(axes: Axes) -> None:
    """Explain what is drawn above the axes, in as many columns as the figure is wide enough for."""
    figure = axes.get_figure(root=True)
    handles, labels = axes.get_legend_handles_labels()
    if figure is None or not labels:
        return
    for columns in range(len(labels), 0, -1):
        # Of the figure: a legend of the axes is as wide as it likes, and the layout narrows them.
        legend = figure.legend(
            handles, labels, loc="outside upper center", ncols=columns, columnspacing=1.0
        )
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def is_wide(values: Sequence[float]) -> bool:
    """Tell whether figures want a logarithmic axis."""
    return 0 < _WIDE * min(values) < max(values)


def make_logarithmic(axes: Axes, along: Literal["x", "y"]) -> None:
    """Scale an axis by logarithms, with ticks as they are read: at 1, 2, 5, 10, or 1 and 10."""
    axis = axes.xaxis if along == "x" else axes.yaxis
    (axes.set_xscale if along == "x" else axes.set_yscale)("log")
    low, high = axis.get_data_interval()
    axis.set_major_locator(
        LogLocator(subs=(1.0,) if high > _DECADES_ALONE * low else (1.0, 2.0, 5.0))
    )
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def make_linear(axes: Axes, along: Literal["x", "y"]) -> None:
    """Write whole figures at the ticks, with no offset to add, and fewer where they are long."""
    axis = axes.xaxis if along == "x" else axes.yaxis
    low, high = axis.get_data_interval()
    is_near = along == "x" and high - low < _NEAR * abs(high)
    axis.set_major_locator(MaxNLocator(3 if is_near else "auto", steps=[1, 2, 2.5, 5, 10]))
    axes.ticklabel_format(axis=along, style="plain", useOffset=False)
