"""The charts of `report.html`, as plotly.js reads them: {"data": [...], "layout": {...}}.

Plotly, because its wheel holds the whole JavaScript library: the page needs no network and no
second package, whereas Altair would need vl-convert to become a self-contained page. Figures are
plain dictionaries, since building `plotly.graph_objects` costs more than the rest of the page;
the tests validate them against `plotly.graph_objects`. Quartiles and outliers are computed by
plotly.js from the values of every image.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from esr.base.visible_text import name
from esr.rank.ranking import Standing
from esr.report.board import Board
from esr.report.columns import VALID
from esr.report.html.bubble_charts import (
    Figure,
    choose_points,
    draw_flops_runtime,
    draw_psnr_runtime,
    shorten_name,
)

_VALID_COLOUR, _TEST_COLOUR = "#3b76e1", "#d98200"


def draw_charts(board: Board) -> dict[str, Figure]:
    """Draw every chart that there are figures for, by the id of its place on the page."""
    standings = [line.standing for line in board.lines]
    points = choose_points(standings)
    figures = {
        "psnr-runtime": draw_psnr_runtime(points, board.ranking.protocol),
        "flops-runtime": draw_flops_runtime(points),
        "psnr-images": _draw_psnr_images(standings),
    }
    return {place: figure for place, figure in figures.items() if figure["data"]}


def _draw_psnr_images(standings: Sequence[Standing]) -> Figure:
    """Make a box of every submission's images; the test set waits in the legend."""
    shown = [s for s in standings if any(_read_psnr(s, role) for role in (*VALID, "test"))]
    traces = []
    for role in (*VALID, "test"):
        psnrs_db = [_read_psnr(standing, role) for standing in shown]
        if any(psnrs_db):
            traces.append(_draw_boxes(role, psnrs_db, [_list_image_names(s, role) for s in shown]))
    for trace in traces[1:]:
        trace["visible"] = "legendonly"
    return {
        "data": traces,
        "layout": {
            # Positions rather than names: two names may look alike once they are cut.
            "yaxis": {
                "tickvals": list(range(len(shown))),
                "ticktext": [shorten_name(standing) for standing in shown],
                "range": [len(shown) - 0.5, -0.5],
                "automargin": True,
            },
            "xaxis": {"title": {"text": "PSNR of an image [dB]"}, "side": "top"},
            "legend": {"orientation": "h", "x": 0, "y": -0.01, "yanchor": "top"},
            "margin": {"l": 10, "r": 10, "t": 60, "b": 40},
            "height": 140 + 26 * len(shown),
        },
    }


def _draw_boxes(
    role: str, psnrs_db: Sequence[list[float]], image_names: Sequence[list[str]]
) -> Figure:
    return {
        "type": "box",
        "orientation": "h",
        "name": "test" if role == "test" else "validation",
        "x": [round(psnr_db, 4) for psnrs in psnrs_db for psnr_db in psnrs],
        "y": [position for position, psnrs in enumerate(psnrs_db) for _ in psnrs],
        "text": [html.escape(image) for images in image_names for image in images],
        "boxpoints": "outliers",
        "boxmean": True,
        "marker": {"color": _TEST_COLOUR if role == "test" else _VALID_COLOUR, "size": 4},
        "line": {"width": 1.2},
        "hoverlabel": {"align": "left"},
    }


def _read_psnr(standing: Standing, role: str) -> list[float]:
    """Every image's PSNR; somebody's `results.json` may hold anything, or nothing."""
    values = (standing.row.official or {}).get(f"{role}_psnr")
    if not isinstance(values, list):
        return []
    usable = all(isinstance(value, int | float) and math.isfinite(value) for value in values)
    return [float(value) for value in values] if usable else []


def _list_image_names(standing: Standing, role: str) -> list[str]:
    splits = standing.row.record.splits if standing.row.record else ()
    split = next((split for split in splits if split.role == role), None)
    if split is not None:
        return [name(image.name) for image in split.images]
    return [f"image {number}" for number, _ in enumerate(_read_psnr(standing, role), 1)]
