"""What charts are drawn of: the axes that there are figures for, a point a submission, the front.

`report.html` lets the reader choose among the axes; `esr.report.paper` draws some for a paper.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from esr.images.metrics import METRICS, Metric
from esr.rank.ranking import Ranking, Standing
from esr.report.board import Board, Line

Group = Literal["ranked", "baseline", "not ranked", "failed since"]
GROUPS: tuple[Group, ...] = ("ranked", "baseline", "not ranked", "failed since")

_NAME_AT_MOST = 26
"""Letters of a name on an axis or beside a point."""


@dataclass(frozen=True)
class Axis:
    """What a chart can have along an axis."""

    column: str
    """Title of the board's column."""
    title: str
    """With the unit in brackets."""
    higher_is_better: bool = False
    low: str = ""
    """Title of the column that holds the lower end of the interval; empty where there is none."""
    high: str = ""

    @property
    def short(self) -> str:
        """The title without its unit."""
        return self.title.partition(" [")[0]


RUNTIME = Axis(
    "Ranked runtime [ms]", "Runtime [ms]", False, "Runtime low [ms]", "Runtime high [ms]"
)
COSTS = (
    RUNTIME,
    Axis("Steady Time [ms]", "Steady time [ms]", False, "Steady low [ms]", "Steady high [ms]"),
    Axis("Warm Time [ms]", "Warm time [ms]", False, "Warm low [ms]", "Warm high [ms]"),
    Axis("FLOPs [G]", "FLOPs [G]"),
    Axis("Params [M]", "Parameters [M]"),
    Axis("Acts [M]", "Activations [M]"),
    Axis("Mem [M]", "GPU memory [MiB]"),
    Axis("Process memory [MiB]", "Process memory [MiB]"),
    Axis("Conv", "Convolutions"),
    Axis("Energy [J/image]", "Energy [J/image]"),
    Axis("Input Time [ms]", "Time of the fixed input [ms]"),
)
"""Less is better."""

Interval = tuple[float, float, float]
"""(value, lower end, upper end); all the same where none is known."""


@dataclass(frozen=True)
class FigurePoint:
    """One submission on charts."""

    name: str
    group: Group
    scale: int | None
    """Of super-resolution; None where official results do not say."""
    rank: int | None
    """In the first track."""
    values: dict[str, Interval]
    """What is known and finite, by column."""


def list_axes(board: Board) -> list[Axis]:
    """List the axes along which a submission has a place, quality first."""
    known = {
        column.title
        for index, column in enumerate(board.columns)
        if any(_is_drawable(line.cells[index].value) for line in board.lines)
    }
    return [axis for axis in (*_list_qualities(board), *COSTS) if axis.column in known]


def _list_qualities(board: Board) -> Iterator[Axis]:
    """Every mean of a metric, by the column's title: `Val PSNR`, `Set5 SSIM_Y`."""
    for column in board.columns:
        metric = find_metric(column.title)
        if metric and not column.title.startswith(("Claimed ", "Deploy ")):
            unit = f" [{metric.unit}]" if metric.unit else ""
            yield Axis(column.title, f"{column.heading}{unit}", metric.higher_is_better)


def find_metric(title: str) -> Metric | None:
    """Find the metric that a column's title ends with."""
    return METRICS.get(title.split()[-1].lower()) if title.strip() else None


def list_points(board: Board, axes: Sequence[Axis]) -> list[FigurePoint]:
    """Make a point of every submission that has a place along any axis, and is not disqualified."""
    positions = {column.title: index for index, column in enumerate(board.columns)}
    lines = (line for line in board.lines if line.standing.row.disqualified is None)
    points = [_make_point(line, axes, positions) for line in lines]
    return [point for point in points if point.values]


def _make_point(line: Line, axes: Sequence[Axis], positions: dict[str, int]) -> FigurePoint:
    def read(title: str, otherwise: float) -> float:
        value = line.cells[positions[title]].value if title in positions else None
        return float(value) if _is_drawable(value) else otherwise  # type: ignore[arg-type]

    values = {
        axis.column: (value, read(axis.low, value), read(axis.high, value))
        for axis in axes
        if not math.isnan(value := read(axis.column, math.nan))
    }
    standing = line.standing
    scale = standing.row.record.sidecar.scale if standing.row.record else None
    rank = standing.placings[0].rank
    return FigurePoint(shorten_name(line), _choose_group(standing), scale, rank, values)


def _is_drawable(value: object) -> bool:
    # An infinite PSNR has no place on an axis.
    return isinstance(value, int | float) and math.isfinite(value)


def _choose_group(standing: Standing) -> Group:
    if standing.is_baseline and standing.section == "ranked":
        return "baseline"
    names: dict[str, Group] = {"unranked": "not ranked", "failed": "failed since"}
    return names.get(standing.section, "ranked")


def find_front(points: Sequence[FigurePoint], x: Axis, y: Axis) -> list[FigurePoint]:
    """Find the Pareto front: the points that no other equals in both figures and beats in one.

    Who is not ranked has no part in it: below the gate any cost can be had. Where nobody is, as at
    another scale than the challenge's, it is that of all.

    Returns:
        from the best along `x` to the best along `y`
    """

    def cost(point: FigurePoint, axis: Axis) -> float:
        return point.values[axis.column][0] * (-1 if axis.higher_is_better else 1)

    placed = [p for p in points if x.column in p.values and y.column in p.values]
    ranked = [point for point in placed if point.group in ("ranked", "baseline")]
    front: list[FigurePoint] = []
    for point in sorted(ranked or placed, key=lambda p: (cost(p, x), cost(p, y))):
        if not front or cost(point, y) < cost(front[-1], y):
            front.append(point)
    return front


def shorten_name(line: Line) -> str:
    """Show a name where there is little room."""
    label = line.name.strip()
    return label if len(label) <= _NAME_AT_MOST else f"{label[: _NAME_AT_MOST - 3]}..."


def split_score(standing: Standing, ranking: Ranking) -> dict[str, float]:
    """Break the first track's score into the terms that it is the sum of.

    Returns:
        a part a figure; empty where the score is no such sum, or a figure is not known
    """
    base, track = ranking.base_costs or {}, ranking.protocol.tracks[0]
    known = all(term in standing.costs and term in base for term in track.terms)
    if track.score != "exponential" or len(track.terms) < 2 or not known:
        return {}
    if not standing.row.is_believed:
        return {}
    # Beyond any axis, and within a float.
    powers = {t: min(2 * standing.costs[t].value / base[t].value, 700.0) for t in track.terms}
    return {term: weight * math.exp(powers[term]) for term, weight in track.terms.items()}
