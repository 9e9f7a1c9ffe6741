"""`--figures DIR`: every chart of the report as SVG, PDF and PNG."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from esr.base.errors import UserError
from esr.report.board import Board
from esr.report.image_matrix import ImageMatrix, build_matrices
from esr.report.paper.paper_axes import describe_clock, list_scatter_figures

_SCATTER_IN = 2.5


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
    files: list[Path] = []
    for name, draw, height_in in _list_figures(board):
        # Names of sets that differ in a sign alone make the same name of a file.
        free = folder / name
        while any(path.stem == free.name for path in files):
            free = free.with_name(f"{free.name}_")
        files += save_figure(draw, height_in, free)
    return files


def _list_figures(board: Board) -> Iterator[tuple[str, partial[bool], float]]:
    """(name of the file, what draws it, its height in inches) of each chart."""
    from esr.report.paper import paper_rows as rows
    from esr.report.paper.paper_scatter import draw_scatter

    for scatter in list_scatter_figures(board):
        draw = partial(draw_scatter, points=scatter.points, x=scatter.x, y=scatter.y)
        yield scatter.name, draw, _SCATTER_IN
    height_in = rows.HEAD_IN + rows.ROW_IN * len(board.lines)
    yield "score-parts", partial(rows.draw_score_bars, board=board), height_in
    yield "rank-frequencies", partial(rows.draw_rank_shares, board=board), height_in
    clock = describe_clock(board)
    for matrix in build_matrices([line.standing.row for line in board.lines]):
        for metric in matrix.values:
            draw = partial(
                rows.draw_image_boxes, board=board, matrix=matrix, metric=metric, clock=clock
            )
            yield f"images-{_name_set(matrix)}-{metric}", draw, height_in


def _name_set(matrix: ImageMatrix) -> str:
    safe = "".join(char if char.isalnum() or char in "_-" else "_" for char in matrix.dataset)
    return f"{matrix.role}-{safe[:40]}" if matrix.role != matrix.dataset else safe[:40]
