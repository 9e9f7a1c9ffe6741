"""The leaderboard of `report.html`: rounded cells that sort and filter by unrounded values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from esr.base.visible_text import name, one_line
from esr.rank.ranking import Section, Standing
from esr.report.board import Board, Line
from esr.report.columns import Column, Value
from esr.report.sheet import Claim, SheetLine, sheet

_TEXTS = ("Team", "Flags", "Claims that differ")
"""Columns that the terminal has no room for."""

_HIDDEN_AT_FIRST = frozenset({"Flags", "Claims that differ"})
"""The badges beside the name tell of them."""

_SECTIONS: dict[Section, str] = {"ranked": "Ranked", "unranked": "Not ranked", "failed": "Failed"}


@dataclass(frozen=True)
class Head:
    """A column's head."""

    title: str
    """In full, with the unit."""
    heading: str
    numeric: bool
    hidden: bool
    """Whether the reader has to ask for the column."""


@dataclass(frozen=True)
class Cell:
    """One value."""

    text: str
    """Rounded; empty if it is unknown."""
    key: str
    """What sorts and filters: every digit of a number, the text of anything else."""
    exact: str
    """What pointing at the cell shows; empty if that says no more."""
    claim: Claim | None = None


@dataclass(frozen=True)
class Badge:
    """A word beside a name."""

    kind: str
    text: str
    explanation: str


@dataclass(frozen=True)
class TableEntry:
    """One row."""

    anchor: str
    """Id of the submission's own part of the page."""
    line: Line
    name: str
    section: int
    reason: str
    tie: int | None
    badges: tuple[Badge, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """The whole table."""

    heads: tuple[Head, ...]
    model: int
    """Position of the column of names."""
    sections: tuple[str, ...]
    """Names of the sections by number."""
    entries: tuple[TableEntry, ...]


def table(board: Board) -> Table:
    """Lay out the leaderboard."""
    read = sheet(board)
    further = [column for column in _further(board) if column not in read.columns]
    # Figures first: they are what a phone has room for.
    columns = (*read.columns, *further)
    indices = [board.columns.index(column) for column in columns]
    entries = [
        _entry(number, further, indices, line, read_line)
        for number, (line, read_line) in enumerate(zip(board.lines, read.lines, strict=True))
    ]
    return Table(
        tuple(_head(column) for column in columns),
        read.model,
        tuple(_SECTIONS.values()),
        tuple(entries),
    )


def _further(board: Board) -> Iterator[Column]:
    for index, column in enumerate(board.columns):
        if column.title in _TEXTS and any(line.values[index] is not None for line in board.lines):
            yield column


def _head(column: Column) -> Head:
    return Head(
        one_line(column.title),
        column.heading or one_line(column.title),
        bool(column.format),
        column.title in _HIDDEN_AT_FIRST,
    )


def _entry(
    number: int, further: Sequence[Column], indices: Sequence[int], line: Line, read: SheetLine
) -> TableEntry:
    texts = [column.cell(line.standing) for column in further]
    claims = (*read.claims, *(None for _ in texts))
    cells = [
        _cell(text, line.values[index], claim)
        for text, index, claim in zip((*read.cells, *texts), indices, claims, strict=True)
    ]
    standing = line.standing
    return TableEntry(
        anchor=f"submission-{number}",
        line=line,
        name=read.name,
        section=list(_SECTIONS).index(standing.section),
        reason=one_line(standing.reason or ""),
        tie=standing.placings[0].tie,
        badges=tuple(_badges(line)),
        cells=tuple(cells),
    )


def _cell(text: str, value: Value, claim: Claim | None) -> Cell:
    if isinstance(value, int | float):
        exact = repr(value)
        key = "" if math.isnan(value) else "Infinity" if value == math.inf else exact
        return Cell(text, key, "" if exact == text else exact, claim)
    return Cell(text, text, "", claim)


def _badges(line: Line) -> Iterator[Badge]:
    standing = line.standing
    tie = standing.placings[0].tie
    if standing.is_baseline:
        yield Badge("baseline", "baseline", "scores are relative to it")
    if tie is not None:
        yield Badge("tie", f"tie {tie}", "its interval overlaps with that of its neighbours")
    if standing.row.failure and standing.row.record:
        yield Badge("failed", "stale", "figures of an earlier run; the latest one failed")
    if line.differing:
        titles = ", ".join(sorted(map(one_line, line.differing)))
        verb = "differs" if len(line.differing) == 1 else "differ"
        yield Badge("claims", f"{_count(len(line.differing), 'claim')} {verb}", titles)
    if flags := _flags(standing):
        yield Badge("flags", _count(len(flags), "flag"), ", ".join(flags))


def _flags(standing: Standing) -> list[str]:
    record = standing.row.record
    return [name(flag.name) for flag in record.flags] if record else []


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
