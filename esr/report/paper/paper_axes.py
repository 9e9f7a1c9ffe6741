"""Which two figures a paper draws against each other: the quality of each set, and what it costs.

Of PSNR and SSIM that of Y is drawn where it was measured, as papers print it; of the challenge's
own sets PSNR of RGB as well, by which it judges.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from esr.images.metrics import METRICS
from esr.report.board import Board
from esr.report.figure_points import RUNTIME, Axis, FigurePoint, find_metric, list_axes, list_points

_FLOPS = "FLOPs [G]"
_COSTS = (RUNTIME.column, _FLOPS, "Params [M]", "Acts [M]", "Mem [M]", "Energy [J/image]")
_COSTS_OF_ALL = _COSTS[:3]
"""What SSIM and every other metric is drawn against; PSNR is against all."""

_SET_NAME_AT_MOST = 18
"""Letters that stand along an axis."""


@dataclass(frozen=True)
class ScatterFigure:
    """A scatter figure: the points of one scale, and its two axes."""

    name: str
    """Of its files; another figure may have the same."""
    points: tuple[FigurePoint, ...]
    x: Axis
    y: Axis


def list_scatter_figures(board: Board) -> Iterator[ScatterFigure]:
    """List the scatter figures that there are points for.

    Scales have figures of their own, since quality and cost of one say nothing of another; a scale
    with a single point has none where another has more.
    """
    axes = list_axes(board)
    points = list_points(board, axes)
    groups = _group_by_scale(points)
    for x, y in _pair_axes(axes, points, board):
        placed = {
            words: tuple(p for p in group if x.column in p.values and y.column in p.values)
            for words, group in groups.items()
        }
        most = max(map(len, placed.values()), default=0)
        for words, group in placed.items():
            if len(group) >= min(2, most) > 0:
                scale = words if len(groups) > 1 else ""
                yield ScatterFigure(_name_files(x, y, scale), group, *_say_more(x, y, board, scale))


def _group_by_scale(points: Sequence[FigurePoint]) -> Mapping[str, list[FigurePoint]]:
    scales = sorted({point.scale or 0 for point in points})
    return {
        f"x{scale}" if scale else "scale unknown": [p for p in points if (p.scale or 0) == scale]
        for scale in scales
    }


def _pair_axes(
    axes: Sequence[Axis], points: Sequence[FigurePoint], board: Board
) -> Iterator[tuple[Axis, Axis]]:
    """(x, y): quality against each cost that papers show, and FLOPs against runtime."""
    costs = {axis.column: axis for axis in axes if axis.column in _COSTS}
    for quality in _choose_qualities(axes, points, board):
        against = _COSTS if _find_kind(quality) == "psnr" else _COSTS_OF_ALL
        yield from ((cost, quality) for column, cost in costs.items() if column in against)
    if {RUNTIME.column, _FLOPS} <= costs.keys():
        yield RUNTIME, costs[_FLOPS]


def _choose_qualities(
    axes: Sequence[Axis], points: Sequence[FigurePoint], board: Board
) -> Iterator[Axis]:
    """Choose of each set and kind of metric what papers print, and more where a row lacks that."""
    titles = {column.title for column in board.columns}
    kinds: dict[tuple[str, str], list[Axis]] = {}
    for axis in axes:
        dataset = axis.column.rpartition(" ")[0]
        if find_metric(axis.column) and f"{dataset} set" in titles:
            kinds.setdefault((dataset, _find_kind(axis)), []).append(axis)
    for variants in kinds.values():
        shown: set[int] = set()
        for axis in sorted(variants, key=_rank_variant):
            known = {number for number, p in enumerate(points) if axis.column in p.values}
            if not known <= shown or _is_official(axis):
                yield axis
            shown |= known


def _find_kind(axis: Axis) -> str:
    """PSNR of Y is a PSNR."""
    metric = find_metric(axis.column)
    return metric.name.partition("_")[0] if metric else ""


def _rank_variant(axis: Axis) -> tuple[bool, bool, int]:
    metric = find_metric(axis.column)
    name = metric.name if metric else ""
    return not name.endswith("_y"), "_y_" not in name, list(METRICS).index(name)


def _is_official(axis: Axis) -> bool:
    """Whether it is the PSNR of the challenge's own set, which the board calls by its role."""
    return axis.column in ("Val PSNR", "Test PSNR") and axis.short == axis.column


def _say_more(x: Axis, y: Axis, board: Board, scale: str) -> tuple[Axis, Axis]:
    """Say beside an axis what a reader of the figure alone has to know."""
    y = replace(y, title=f"{_shorten(y)}, {scale}") if scale else replace(y, title=_shorten(y))
    clock = describe_clock(board)
    return (replace(x, title=f"{x.title}{clock}") if x == RUNTIME else x), y


def _shorten(axis: Axis) -> str:
    """Cut the set's name, so that the title is no longer than the axis."""
    metric = find_metric(axis.column)
    if metric is None:
        return axis.title
    unit = f" [{metric.unit}]" if metric.unit else ""
    dataset, _, of = axis.title.removesuffix(unit).rpartition(" ")
    if len(dataset) > _SET_NAME_AT_MOST:
        dataset = f"{dataset[: _SET_NAME_AT_MOST - 3]}..."
    return f"{dataset} {of}{unit}"


def describe_clock(board: Board) -> str:
    """Say that times are those of a CPU, as the end of an axis' title; nothing of a GPU's."""
    records = [line.standing.row.record for line in board.lines]
    clocks = {record.clock for record in records if record}
    if "perf_counter" not in clocks:
        return ""
    return " (CPU, wall clock)" if len(clocks) == 1 else " (some: CPU, wall clock)"


def _name_files(x: Axis, y: Axis, scale: str) -> str:
    parts = [y.short, x.short, *([scale] if scale else [])]
    return "-".join(
        "".join(c if c.isalnum() else "_" for c in part.lower())[-50:] for part in parts
    )
