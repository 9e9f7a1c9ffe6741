r"""`leaderboard.csv`: every column that a row fills, every digit, unknown as an empty cell.

Every image stands in its twin (`esr.report.long_csv_table`).

Text that a spreadsheet would run, or a terminal obey, is made harmless in a way that can be undone:

1. A backslash is doubled; a control character, line break or bidirectional control is written as
   `\n`, `\x1b`, `\u202e`.
2. An apostrophe is put at the start of a text, and after a semicolon in it, if what follows begins
   with one of = + - @ or an apostrophe, spaces not counted (OWASP, CSV Injection).

To undo it: remove an apostrophe that stands at the start or after a semicolon, then decode the
backslashes. Numbers are never changed, and names of letters, digits and underscores neither.

pandas 3 reads every figure back as it was; pandas 2 needs `float_precision="round_trip"` for it.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Sequence

from esr.base.visible_text import visible
from esr.report.board import Board
from esr.report.cell import Value
from esr.report.columns import OFFICIAL

# Some spreadsheets split cells at semicolons, whatever the quotes say.
_FORMULA = re.compile(r"(?:^|(?<=;))(?=\s*['=+\-@＝＋－＠])")  # noqa: RUF001


CSV_FILE = "leaderboard.csv"


CsvColumns = Callable[[Board], Sequence[int]]
"""Chooses the columns of the wide file, by their positions on the board."""

_OFFICIAL = frozenset(column.title for column in OFFICIAL)


def choose_filled(board: Board) -> list[int]:
    """Choose the official columns, and of the others those that a row fills."""
    filled = {
        index
        for line in board.lines
        for index, value in enumerate(line.values)
        if value is not None
    }
    return [
        index
        for index, column in enumerate(board.columns)
        if column.title in _OFFICIAL or index in filled
    ]


def choose_all(board: Board) -> range:
    """Choose every column, so that two files of any runs have the same."""
    return range(len(board.columns))


def choose_columns(every: bool) -> CsvColumns:
    """Choose as `--all_columns` says."""
    return choose_all if every else choose_filled


def render_csv(board: Board, choose: CsvColumns = choose_filled) -> str:
    """Say the leaderboard in CSV."""
    chosen = choose(board)
    titles = [board.columns[index].title for index in chosen]
    return write_csv(
        titles, [[line.cells[index].value for index in chosen] for line in board.lines]
    )


def write_csv(titles: Sequence[str], rows: Sequence[Sequence[Value]]) -> str:
    """Write a table by RFC 4180 but for its line ends, its texts made harmless."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(escape_csv, titles))
    writer.writerows(map(_escape_value, row) for row in rows)
    return text.getvalue()


def _escape_value(value: Value) -> Value:
    """Make text harmless; what is undefined is unknown."""
    if isinstance(value, str):
        return escape_csv(value)
    return None if value is not None and math.isnan(value) else value


def escape_csv(text: str) -> str:
    """Write text so that no program takes it for more than text; see the top of this file."""
    return _FORMULA.sub("'", visible(text.replace("\\", r"\\")))
