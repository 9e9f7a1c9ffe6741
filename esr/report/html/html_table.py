"""The table of `report.html`: its columns, what its cells sort and filter by, badges.

The cells are those of the board; `templates/table.html.j2` gives them their tags.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from esr.audit.flag_meanings import explain_flag, grade_flags
from esr.base.visible_text import name, one_line, say_count
from esr.rank.entrants import Section
from esr.rank.ranking import Ranking
from esr.rank.scores import BY_BASELINE
from esr.records.measurement import Flag
from esr.report.board import Board, Line
from esr.report.cell import Cell
from esr.report.html.flag_legend import say_plainly
from esr.report.ranking_remarks import explain_tie

_TEXTS = ("Team", "Flags", "Claims that differ")
"""Columns that the terminal has no room for."""

HIDDEN_AT_FIRST = frozenset({"Flags", "Claims that differ"})
"""Columns that the reader has to ask for: the badges beside the name tell of them."""

SECTIONS: dict[Section, str] = {"ranked": "Ranked", "unranked": "Not ranked", "failed": "Failed"}
"""In the order of the table."""


@dataclass(frozen=True)
class Badge:
    """A word beside a name."""

    kind: str
    text: str
    explanation: str


def choose_columns(board: Board) -> list[int]:
    """List the positions of the table's columns on the board."""
    texts = [
        index
        for index, column in enumerate(board.columns)
        if column.title in _TEXTS
        and index not in board.shown
        and any(line.cells[index].value is not None for line in board.lines)
    ]
    # Figures first: they are what a phone has room for.
    return [*board.shown, *texts]


def make_sort_key(cell: Cell) -> str:
    """Write what sorts and filters: every digit of a number, the text of anything else."""
    if not isinstance(cell.value, int | float):
        return cell.text
    if math.isnan(cell.value):
        return ""
    # As JavaScript's Number() reads them.
    return repr(cell.value).replace("inf", "Infinity")


def write_exact(cell: Cell) -> str:
    """Write every digit of a number, which pointing at the cell shows; empty for a text."""
    return repr(cell.value) if isinstance(cell.value, int | float) else ""


def list_badges(line: Line, board: Board) -> Iterator[Badge]:
    """List what a reader should know of a submission before its figures."""
    standing = line.standing
    ties = standing.placings[0].ties
    if standing.is_baseline:
        yield Badge("baseline", "baseline", _explain_baseline(line, board.ranking))
    if ties:
        numbers = ", ".join(map(str, ties))
        yield Badge("tie", f"tie {numbers}", explain_tie(board.ranking, 0))
    if standing.row.failure and standing.row.record:
        yield Badge("failed", "stale", "figures of an earlier run; the latest one failed")
    cells = zip(board.columns, line.cells, strict=True)
    if differing := {one_line(column.title) for column, cell in cells if cell.differs}:
        verb = "differs" if len(differing) == 1 else "differ"
        text = f"{say_count(len(differing), 'claim')} {verb}"
        yield Badge("claims", text, ", ".join(sorted(differing)))
    if standing.row.disqualified is not None:
        yield Badge("failed", "disqualified", one_line(standing.row.disqualified))
    if flags := standing.row.record.flags if standing.row.record else ():
        kind = f"flags {grade_flags(flags)}"
        yield Badge(kind, say_count(len(flags), "flag"), "\n".join(map(_explain, flags)))


def _explain_baseline(line: Line, ranking: Ranking) -> str:
    """Say what it is for; a year's own baseline may stand beside the one that was chosen."""
    by_baseline = any(track.score in BY_BASELINE for track in ranking.protocol.tracks)
    serves = line.standing.row.label == ranking.baseline and ranking.base_costs is not None
    return "scores are relative to it" if serves and by_baseline else "it does not compete"


def _explain(flag: Flag) -> str:
    return f"{name(flag.name)}: {say_plainly(explain_flag(flag.name))}"
