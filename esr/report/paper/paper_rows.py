"""Charts of a row a submission, for a paper: parts of the score, images, ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from esr.rank.entrants import FIGURE_NAMES
from esr.report.board import Board, Line
from esr.report.figure_points import shorten_name, split_score
from esr.report.image_matrix import RUNTIME, ImageMatrix
from esr.report.paper.paper_style import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    SMALL_PT,
    add_legend,
    is_wide,
    make_logarithmic,
)

ROW_IN, HEAD_IN = 0.13, 0.75
"""Height of a row, and of what stands around them."""

_FILLINGS = ((BLUE, ""), (ORANGE, "////"), (GREEN, "...."), (PURPLE, "xxxx"), (SKY, "----"))
"""Colour and hatching of each part."""

_WIDEST = 3.0
"""Times the baseline's score at which the axis ends."""


def list_scored(board: Board) -> list[Line]:
    """List whose score is known, and is a sum of parts."""
    return [line for line in board.lines if split_score(line.standing, board.ranking)]


def draw_score_bars(axes: Axes, board: Board) -> bool:
    """Draw what the scores of the first track consist of; False if there are none."""
    lines, track = list_scored(board), board.ranking.protocol.tracks[0]
    if not lines:
        return False
    ends = _WIDEST * math.exp(2)
    reached = np.zeros(len(lines))
    for term, (colour, hatch) in zip(track.terms, _FILLINGS, strict=False):
        parts = [split_score(line.standing, board.ranking)[term] for line in lines]
        widths = np.minimum(parts, ends)
        axes.barh(
            range(len(lines)),
            widths,
            left=reached,
            height=0.7,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0.2,
            label=FIGURE_NAMES[term],
        )
        reached += widths
    right = min(1.02 * float(reached.max()), ends)
    axes.set_xlim(0, right)
    for row, line in enumerate(lines):
        whole = sum(split_score(line.standing, board.ranking).values())
        if whole > right:  # A bar that ends at the frame would read as that score.
            _say_beyond(axes, row, f"{whole:.4g} \N{RIGHTWARDS ARROW}", right)
    axes.set_xlabel(f"Score {track.title} (lower is better)")
    add_legend(axes)
    _name_rows(axes, lines)
    return True


def _say_beyond(axes: Axes, row: int, text: str, right: float) -> None:
    box = {"boxstyle": "square,pad=0.15", "facecolor": "white", "linewidth": 0}
    axes.text(0.99 * right, row, text, ha="right", va="center", fontsize=6, bbox=box)


def draw_image_boxes(
    axes: Axes, board: Board, matrix: ImageMatrix, metric: str, clock: str = ""
) -> bool:
    """Draw a box of the images of every submission; False if nobody has any.

    Args:
        axes: to draw into.
        board: the leaderboard.
        matrix: every figure of every image of one data set.
        metric: one of the matrix, or `runtime`.
        clock: what the title of a runtime ends with.
    """
    rows = matrix.values.get(metric, [])
    shown = (
        [(line, row) for line, row in zip(board.lines, rows, strict=True) if row] if rows else []
    )
    if not shown:
        return False
    values = [[value for value in row if value is not None] for _, row in shown]
    axes.boxplot(
        values,
        positions=range(len(values)),
        orientation="horizontal",
        widths=0.6,
        showmeans=True,
        meanline=True,
        flierprops={"marker": ".", "markersize": 1.5},
        medianprops={"color": BLUE, "linewidth": 1.0},
        meanprops={"color": ORANGE, "linewidth": 0.8},
        boxprops={"linewidth": 0.5},
        whiskerprops={"linewidth": 0.5},
        capprops={"linewidth": 0.5},
    )
    flat = [value for row in values for value in row]
    if metric == RUNTIME and is_wide(flat):
        make_logarithmic(axes, "x")
    # In two lines, since names of rows leave little room.
    runtime = f"Runtime of an image [ms]\n{clock.strip()}".rstrip()
    axes.set_xlabel(runtime if metric == RUNTIME else f"{metric.upper()} of an image")
    _name_rows(axes, [line for line, _ in shown])
    return True


def draw_rank_shares(axes: Axes, board: Board) -> bool:
    """Draw how often each rank comes out; False without intervals."""
    lines = [line for line in board.lines if line.standing.placings[0].frequencies]
    if len(lines) < 2:
        return False
    placings = [line.standing.placings[0] for line in lines]
    width = len(lines)
    shares = np.zeros((width, width))
    for row, placing in enumerate(placings):
        shares[row, : len(placing.frequencies)] = placing.frequencies[:width]
    axes.grid(visible=False)
    axes.imshow(
        shares,
        cmap="Greys",
        vmin=0,
        vmax=1,
        aspect="auto",
        extent=(0.5, width + 0.5, width - 0.5, -0.5),
    )
    ranks = [placing.rank or 0 for placing in placings]
    axes.plot(ranks, range(width), ".", color=ORANGE, markersize=4, label="as measured")
    axes.set_xlabel(f"Rank {board.ranking.protocol.tracks[0].title}")
    add_legend(axes)
    _name_rows(axes, lines)
    return True


def _name_rows(axes: Axes, lines: Sequence[Line]) -> None:
    scales = [
        line.standing.row.record.sidecar.scale if line.standing.row.record else None
        for line in lines
    ]
    several = len({*scales} - {None}) > 1
    names = [
        f"{shorten_name(line)}, x{scale}" if several and scale else shorten_name(line)
        for line, scale in zip(lines, scales, strict=True)
    ]
    axes.set_yticks(range(len(lines)), names, fontsize=SMALL_PT)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
