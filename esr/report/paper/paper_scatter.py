"""Two figures of every submission against each other, with the Pareto front, for a paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from esr.report.figure_points import GROUPS, Axis, FigurePoint, Group, find_front
from esr.report.paper.paper_style import (
    BLUE,
    ORANGE,
    PURPLE,
    RED,
    SMALL_PT,
    add_legend,
    is_wide,
    make_linear,
    make_logarithmic,
)
from esr.report.paper.place_names import Area, Named, place_names

_LOOKS: dict[Group, tuple[str, bool]] = {
    "ranked": (BLUE, True),
    "baseline": (PURPLE, True),
    "not ranked": (ORANGE, False),
    "failed since": (RED, False),
}
"""Colour, and whether markers are filled."""

_PAPER: Any = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.3}
"""Behind a name, so that the front does not strike it through."""
_RADIUS_PX = 3.0
_LEADS_FROM_PX = 7


def draw_scatter(axes: Axes, points: Sequence[FigurePoint], x: Axis, y: Axis) -> bool:
    """Draw the points that both figures are known of; False if there are none.

    Args:
        axes: to draw into.
        points: submissions of one scale: fewer pixels to find are easier, and cost less.
        x: what lies across.
        y: what goes up.
    """
    placed = [p for p in points if x.column in p.values and y.column in p.values]
    if not placed:
        return False
    front = find_front(placed, x, y)
    _draw_front(axes, front, x, y)
    for group in GROUPS:
        _draw_group(axes, [point for point in placed if point.group == group], x, y)
    _set_scales(axes, placed, x, y)
    axes.set_xlabel(x.title)
    axes.set_ylabel(y.title)
    add_legend(axes)
    _name_points(axes, placed, front, x, y)
    return True


def _read(points: Sequence[FigurePoint], axis: Axis, end: int = 0) -> list[float]:
    return [point.values[axis.column][end] for point in points]


def _draw_front(axes: Axes, front: Sequence[FigurePoint], x: Axis, y: Axis) -> None:
    if len(front) > 1:
        # Steps, since nothing between two networks was reached by any.
        axes.step(
            _read(front, x),
            _read(front, y),
            where="post",
            linestyle=":",
            linewidth=0.9,
            color="0.35",
            label="Pareto front",
        )


def _draw_group(axes: Axes, group: Sequence[FigurePoint], x: Axis, y: Axis) -> None:
    if not group:
        return
    colour, filled = _LOOKS[group[0].group]
    errors = [
        np.abs([np.subtract(_read(group, axis, end), _read(group, axis)) for end in (1, 2)])
        for axis in (x, y)
    ]
    axes.errorbar(
        _read(group, x),
        _read(group, y),
        xerr=errors[0] if errors[0].any() else None,
        yerr=errors[1] if errors[1].any() else None,
        fmt="*" if group[0].group == "baseline" else "o",
        markersize=6 if group[0].group == "baseline" else 3.6,
        markerfacecolor=colour if filled else "white",
        markeredgecolor=colour,
        markeredgewidth=0.7,
        ecolor=colour,
        elinewidth=0.5,
        label=group[0].group,
    )


def _set_scales(axes: Axes, points: Sequence[FigurePoint], x: Axis, y: Axis) -> None:
    both: tuple[tuple[Literal["x", "y"], Axis], ...] = (("x", x), ("y", y))
    for along, axis in both:
        if not axis.higher_is_better and is_wide(_read(points, axis)):
            make_logarithmic(axes, along)
        else:
            make_linear(axes, along)
    axes.margins(0.12)


def _name_points(
    axes: Axes, points: Sequence[FigurePoint], front: Sequence[FigurePoint], x: Axis, y: Axis
) -> None:
    """Name the points that there is room for, the first, the baseline and the front before all."""
    if (figure := axes.get_figure(root=True)) is None:
        return

    def weigh(point: FigurePoint) -> tuple[int, float]:
        order = 0 if point.rank == 1 else 1 if point.group == "baseline" else 2
        return (order if point in front or order < 2 else 3, point.rank or math.inf)

    ordered = sorted(points, key=weigh)
    places = [(point.values[x.column][0], point.values[y.column][0]) for point in ordered]
    texts = [
        axes.text(
            *(px, py, point.name),
            fontsize=SMALL_PT,
            ha="center",
            va="center",
            bbox=_PAPER,
            in_layout=False,
        )
        for (px, py), point in zip(places, ordered, strict=True)
    ]
    figure.draw_without_rendering()  # Only then is it known where everything lies.
    boxes = [text.get_window_extent() for text in texts]
    at = axes.transData.transform(places)
    named = [
        Named(px, py, _RADIUS_PX, box.width + 2, box.height + 1)
        for (px, py), box in zip(at, boxes, strict=True)
    ]
    frame = axes.get_window_extent()
    free = place_names(named, Area(frame.x0, frame.x1, frame.y0, frame.y1))
    for text, point, middle in zip(texts, named, free, strict=True):
        if middle is None:
            text.remove()
            continue
        back = axes.transData.inverted()
        text.set_position(tuple(back.transform(middle)))
        box = Area.around(*middle, point.width, point.height)
        end = (np.clip(point.x, box.left, box.right), np.clip(point.y, box.bottom, box.top))
        if math.dist(end, (point.x, point.y)) > _LEADS_FROM_PX:
            line = back.transform([(point.x, point.y), end])
            axes.plot(*line.T, linewidth=0.35, color="0.45", zorder=1)
