"""A chart of `report.html`: how often each submission comes out at each rank."""

from __future__ import annotations

import html
from typing import Any

from esr.report.board import Board
from esr.report.figure_points import shorten_name

Figure = dict[str, Any]
"""A figure of plotly.js, `data` and `layout`: https://plotly.com/javascript/reference/."""

_LEAST_COLOUR, _MOST_COLOUR, _DOT_COLOUR = "rgba(59,118,225,0)", "#3b76e1", "#d98200"


def draw_rank_frequencies(board: Board) -> Figure:
    """Draw a row a submission and a column a rank, of the first track; empty without intervals."""
    ranked = [line for line in board.lines if line.standing.placings[0].frequencies]
    placings = [line.standing.placings[0] for line in ranked]
    count = len(ranked)
    shares = [[round(100 * share, 2) for share in placing.frequencies] for placing in placings]
    ranks = list(range(1, count + 1))
    heat = {
        "type": "heatmap",
        "x": ranks,
        "y": list(range(count)),
        "z": [[share or None for share in row] for row in shares],
        "zmin": 0,
        "zmax": 100,
        "colorscale": [[0, _LEAST_COLOUR], [1, _MOST_COLOUR]],
        "colorbar": {"title": {"text": "% of draws"}, "thickness": 12},
        "hovertemplate": "rank %{x}: %{z} % of draws<extra></extra>",
        "hoverongaps": False,
        "xgap": 1,
        "ygap": 1,
    }
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": [placing.rank for placing in placings],
        "y": list(range(count)),
        "marker": {"color": _DOT_COLOUR, "size": 7},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [(p.interval[1] - (p.rank or 0)) if p.interval else 0 for p in placings],
            "arrayminus": [((p.rank or 0) - p.interval[0]) if p.interval else 0 for p in placings],
            "color": _DOT_COLOUR,
            "thickness": 1,
        },
        "hoverinfo": "skip",
        "showlegend": False,
    }
    return {
        "data": [heat, dots] if count > 1 else [],
        "layout": {
            "yaxis": {
                "tickvals": list(range(count)),
                "ticktext": [html.escape(shorten_name(line)) for line in ranked],
                "range": [count - 0.5, -0.5],
                "automargin": True,
            },
            "xaxis": {
                "title": {"text": f"Rank {board.ranking.protocol.tracks[0].title}"},
                "side": "top",
                "range": [0.5, count + 0.5],
                "tickformat": "d",
                "automargin": True,
            },
            "margin": {"l": 10, "r": 10, "t": 60, "b": 20},
            "height": 120 + 26 * count,
        },
    }
