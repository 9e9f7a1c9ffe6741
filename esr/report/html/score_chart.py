"""A chart of `report.html`: what each submission's score consists of."""

from __future__ import annotations

import html
import math

from esr.rank.entrants import FIGURE_NAMES
from esr.report.board import Board
from esr.report.figure_points import shorten_name, split_score
from esr.report.html.rank_chart import Figure

_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")
"""Told apart by the colour-blind (Okabe and Ito)."""

_WIDEST = 3.0
"""Times the baseline's score at which the axis ends: exponentials would hide everybody else."""


def draw_score_parts(board: Board) -> Figure:
    """Draw a bar a submission in the first track, a part a figure; empty without such a score."""
    ranking = board.ranking
    track = ranking.protocol.tracks[0]
    lines = [line for line in board.lines if split_score(line.standing, ranking)]
    parts = [split_score(line.standing, ranking) for line in lines]
    ends = _WIDEST * math.exp(2)
    names = [html.escape(shorten_name(line)) for line in lines]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": FIGURE_NAMES[term],
            "y": list(range(len(lines))),
            "x": [round(min(of[term], ends), 4) for of in parts],
            "customdata": [f"{of[term]:.4g}" for of in parts],
            "hovertemplate": f"{FIGURE_NAMES[term]}: %{{customdata}}<extra></extra>",
            "marker": {"color": colour},
        }
        for term, colour in zip(track.terms, _COLOURS, strict=False)
    ]
    widest = max((min(sum(of.values()), ends) for of in parts), default=1)
    return {
        "data": data if lines else [],
        "layout": {
            "barmode": "stack",
            "yaxis": {
                "tickvals": list(range(len(lines))),
                "ticktext": names,
                "range": [len(lines) - 0.5, -0.5],
                "automargin": True,
            },
            "xaxis": {
                "title": {"text": f"Score {track.title}"},
                "side": "top",
                "range": [0, 1.02 * widest],
            },
            "legend": {"orientation": "h", "x": 0, "y": -0.01, "yanchor": "top"},
            "margin": {"l": 10, "r": 10, "t": 60, "b": 40},
            "height": 140 + 22 * len(lines),
        },
    }
