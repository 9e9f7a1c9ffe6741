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
from collections.abc import Iterator, Sequence

from esr.base.visible_text import name
from esr.rank.figures import official_figure
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
from esr.report.html.rank_chart import draw_rank_frequencies

_VALID_COLOUR, _TEST_COLOUR = "#3b76e1", "#d98200"


def draw_charts(board: Board) -> dict[str, Figure]:
    """Draw every chart that there are figures for, by the id of its place on the page."""
    standings = [line.standing for line in board.lines]
    points = choose_points(standings)
    figures = {
        "psnr-runtime": draw_psnr_runtime(points, board.ranking.protocol),
        "flops-runtime": draw_flops_runtime(points),
        "rank-frequencies": draw_rank_frequencies(board),
        "psnr-images": _draw_psnr_images(standings),
    }
    return {place: figure for place, figure in figures.items() if figure["data"]}


def list_undrawn(board: Board) -> Iterator[str]:
    """Name what is in no chart, because an infinite PSNR has no place on an axis."""
    for line in board.lines:
        if official_figure(line.standing.row, "valid_ave_psnr") == math.inf:
            yield f"{line.name}: infinite PSNR (validation)"
        for role in (*VALID, "test"):
            if (count := _read_psnr(line.standing, role).count(math.inf)) > 0:
                yield f"{line.name}: {count} image{'' if count == 1 else 's'} of {role}"


def _draw_psnr_images(standings: Sequence[Standing]) -> Figure:
    """Make a box of every submission's images; the test set waits in the legend."""
    shown = [s for s in standings if any(_list_points(s, role) for role in (*VALID, "test"))]
    traces = []
    for role in (*VALID, "test"):
        points = [_list_points(standing, role) for standing in shown]
        if any(points):
            traces.append(_draw_boxes(role, points))
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


def _draw_boxes(role: str, points: Sequence[list[tuple[float, str]]]) -> Figure:
    return {
        "type": "box",
        "orientation": "h",
        "name": "test" if role == "test" else "validation",
        "x": [round(psnr_db, 4) for images in points for psnr_db, _ in images],
        "y": [position for position, images in enumerate(points) for _ in images],
        "text": [html.escape(image) for images in points for _, image in images],
        "boxpoints": "outliers",
        "boxmean": True,
        "marker": {"color": _TEST_COLOUR if role == "test" else _VALID_COLOUR, "size": 4},
        "line": {"width": 1.2},
        "hoverlabel": {"align": "left"},
    }


def _list_points(standing: Standing, role: str) -> list[tuple[float, str]]:
    """Every image that can be drawn: its PSNR and its name."""
    images = zip(_read_psnr(standing, role), _list_image_names(standing, role), strict=False)
    return [(psnr_db, image) for psnr_db, image in images if math.isfinite(psnr_db)]


def _read_psnr(standing: Standing, role: str) -> list[float]:
    """Every image's PSNR; somebody's `results.json` may hold anything, or nothing."""
    values = (standing.row.official or {}).get(f"{role}_psnr")
    if not isinstance(values, list):
        return []
    usable = all(isinstance(value, int | float) and not math.isnan(value) for value in values)
    return [float(value) for value in values] if usable else []


def _list_image_names(standing: Standing, role: str) -> list[str]:
    splits = standing.row.record.splits if standing.row.record else ()
    split = next((split for split in splits if split.role == role), None)
    if split is not None:
        return [name(image.name) for image in split.images]
    return [f"image {number}" for number, _ in enumerate(_read_psnr(standing, role), 1)]
