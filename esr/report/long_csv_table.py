"""`per_image.csv`: a line for each value of each image, as statistics programs want it.

The twin of `leaderboard.csv`: text is written as there, figures with every digit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from esr.records.results_folder import Row
from esr.report.board import Board
from esr.report.cell import Value
from esr.report.csv_table import write_csv
from esr.report.image_matrix import list_image_figures

LONG_CSV_FILE = "per_image.csv"

_HEAD = ("Model", "Set", "Image", "Metric", "Value")


def render_long_csv(board: Board) -> str:
    """Say every image in CSV: its metrics, and its runtime in ms in the official pass."""
    rows = [row for line in board.lines for row in _list_images(line.standing.row)]
    return write_csv(_HEAD, rows)


def _list_images(row: Row) -> Iterator[tuple[Value, ...]]:
    for figures in list_image_figures(row):
        for number, image in enumerate(figures.images):
            for metric, values in figures.values.items():
                if number < len(values):
                    known = None if math.isnan(values[number]) else values[number]
                    yield row.name, figures.dataset, image, metric, known
