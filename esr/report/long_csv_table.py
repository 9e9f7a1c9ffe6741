"""`leaderboard_long.csv`: a line for each value of each image, as statistics programs want it.

The twin of `leaderboard.csv`: text is written as there, figures with every digit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from esr.images.metrics import METRICS
from esr.records.results_folder import Row
from esr.report.board import Board
from esr.report.cell import Value
from esr.report.csv_table import write_csv

LONG_CSV_FILE = "leaderboard_long.csv"

_HEAD = ("Model", "Set", "Image", "Metric", "Value")
_RUNTIME = "runtime"
"""In ms, of the official pass; as the official key is called."""


def render_long_csv(board: Board) -> str:
    """Say every image in CSV: its metrics, and its runtime in ms in the official pass."""
    rows = [row for line in board.lines for row in _list_images(line.standing.row)]
    return write_csv(_HEAD, rows)


def _list_images(row: Row) -> Iterator[tuple[Value, ...]]:
    if row.record is None:
        yield from _list_official_images(row)
        return
    for split in row.record.splits:
        for image in split.images:
            for metric, value in (image.scores | {_RUNTIME: image.runtime_ms}).items():
                known = None if math.isnan(value) else value
                yield row.name, split.dataset, image.name, metric, known


def _list_official_images(row: Row) -> Iterator[tuple[Value, ...]]:
    """Take what official results name neither set nor image of: their role, and numbers."""
    for key, values in (row.official or {}).items():
        role, metric = _split_key(key)
        if metric and isinstance(values, list):
            for number, value in enumerate(values, 1):
                yield row.name, role, str(number), metric, value


def _split_key(key: str) -> tuple[str, str]:
    """Take `valid_psnr_y` apart: role and metric, which is empty if it is none of ours."""
    for metric in sorted((*METRICS, _RUNTIME), key=len, reverse=True):
        if key.endswith(f"_{metric}"):
            return key.removesuffix(f"_{metric}"), metric
    return key, ""
