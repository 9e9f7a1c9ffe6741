"""`--figures DIR`: every chart of the report as SVG, PDF and PNG."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from esr.base.errors import UserError
from esr.report.board import Board
from esr.report.figure_points import RUNTIME, Axis, list_axes, list_points
from esr.report.image_matrix import ImageMatrix, build_matrices

_SCATTER_IN = 2.5
_COSTS = (RUNTIME.column, "FLOPs [G]", "Params [M]", "Acts [M]", "Mem [M]", "Energy [J/image]")


def write_figures(board: Board, folder: Path) -> list[Path]:
    """Draw what there are figures for.

    Args:
        board: the leaderboard.
        folder: where to; made if it is not there.

    Returns:
        the files

    Raises:
        UserError: a library that figures are drawn with is not installed.
    """
    try:
        from esr.report.paper.paper_style import save_figure
    except ImportError as error:
        raise UserError(
            f"figures cannot be drawn: {error.name} is not installed",
            where="--figures",
            remedy="pip install -r requirements.txt",
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    return [
        path
        for name, draw, height_in in _list_figures(board)
        for path in save_figure(draw, height_in, folder / name)
    ]


def _list_figures(board: Board) -> Iterator[tuple[str, partial[bool], float]]:
    """(name of the file, what draws it, its height in inches) of each chart."""
    from esr.report.paper import paper_rows as rows
    from esr.report.paper.paper_scatter import draw_scatter

    axes = list_axes(board)
    points = list_points(board, axes)
    for x, y in _pair_axes(axes):
        draw = partial(draw_scatter, points=points, x=x, y=y)
        yield f"{_name_axis(y)}-{_name_axis(x)}", draw, _SCATTER_IN
    height_in = rows.HEAD_IN + rows.ROW_IN * len(board.lines)
    yield "score-parts", partial(rows.draw_score_bars, board=board), height_in
    yield "rank-frequencies", partial(rows.draw_rank_shares, board=board), height_in
    for matrix in build_matrices([line.standing.row for line in board.lines]):
        for metric in matrix.values:
            draw = partial(rows.draw_image_boxes, board=board, matrix=matrix, metric=metric)
            yield f"images-{_name_set(matrix)}-{metric}", draw, height_in


def _pair_axes(axes: list[Axis]) -> Iterator[tuple[Axis, Axis]]:
    """Quality against each cost that papers show, and FLOPs against runtime."""
    quality = [axis for axis in axes if axis.higher_is_better][:1]
    costs = {axis.column: axis for axis in axes if axis.column in _COSTS}
    yield from ((cost, best) for best in quality for cost in costs.values())
    if {RUNTIME.column, "FLOPs [G]"} <= costs.keys():
        yield RUNTIME, costs["FLOPs [G]"]


def _name_axis(axis: Axis) -> str:
    return "".join(char if char.isalnum() else "_" for char in axis.short.lower())


def _name_set(matrix: ImageMatrix) -> str:
    safe = "".join(char if char.isalnum() or char in "_-" else "_" for char in matrix.dataset)
    return f"{matrix.role}-{safe[:40]}" if matrix.role != matrix.dataset else safe[:40]
