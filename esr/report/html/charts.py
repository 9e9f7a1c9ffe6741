"""What the charts of `report.html` are drawn from; `templates/*.js` draw with plotly.js.

Where the reader chooses (axes, data set, metric), the page is given figures and draws them itself;
what leaves no choice is a whole figure of plotly.js, {"data": [...], "layout": {...}}. Figures are
plain dictionaries, since building `plotly.graph_objects` costs more than the rest of the page;
the tests validate them against `plotly.graph_objects`.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from esr.base.visible_text import say_count
from esr.rank.figures import official_figure
from esr.rank.ranking import Standing
from esr.report.board import Board
from esr.report.columns import VALID
from esr.report.figure_points import list_axes, list_points, shorten_name
from esr.report.html.rank_chart import Figure, draw_rank_frequencies
from esr.report.html.score_chart import draw_score_parts
from esr.report.image_matrix import build_matrices


def draw_charts(board: Board) -> dict[str, Figure]:
    """Draw every chart that leaves no choice and has figures, by the id of its place."""
    figures = {
        "score-parts": draw_score_parts(board),
        "rank-frequencies": draw_rank_frequencies(board),
    }
    return {place: figure for place, figure in figures.items() if figure["data"]}


def describe_scatter(board: Board) -> dict[str, Any]:
    """Gather what two axes can be chosen among, and every submission's place along them."""
    axes = list_axes(board)
    points = [asdict(point) for point in list_points(board, axes)]
    # plotly.js reads <b>, <a> and the like in every label.
    safe = [point | {"name": html.escape(point["name"])} for point in points]
    return {"axes": [asdict(axis) for axis in axes], "points": safe, "gate_db": _find_gate(board)}


def _find_gate(board: Board) -> float | None:
    """The PSNR that the validation set has to reach, where anybody was judged by it."""
    gate = board.ranking.protocol.gate
    judged = any(line.standing.gate.val_margin_db is not None for line in board.lines)
    return gate.val_psnr_db if gate and judged else None


def describe_images(board: Board) -> dict[str, Any]:
    """Gather every figure of every image, by data set and metric, for boxes and the table."""
    standings = [line.standing for line in board.lines]
    runtimes = [(one.value, one.low, one.high) if (one := s.runtime) else None for s in standings]
    return {
        "models": [html.escape(shorten_name(line)) for line in board.lines],
        "runtimes": runtimes,
        "sets": [asdict(matrix) for matrix in build_matrices([s.row for s in standings])],
    }


def list_undrawn(board: Board) -> Iterator[str]:
    """Name what is in no chart, because an infinite PSNR has no place on an axis."""
    for line in board.lines:
        if official_figure(line.standing.row, "valid_ave_psnr") == math.inf:
            yield f"{line.name}: infinite PSNR (validation)"
        for role in (*VALID, "test"):
            if (count := _count_infinite(line.standing, role)) > 0:
                yield f"{line.name}: {say_count(count, 'image')} of {role}"


def _count_infinite(standing: Standing, role: str) -> int:
    """Count images; somebody's `results.json` may hold anything, or nothing."""
    values = (standing.row.official or {}).get(f"{role}_psnr")
    return values.count(math.inf) if isinstance(values, list) else 0
