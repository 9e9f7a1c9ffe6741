"""The leaderboard as people read it: rounded, a line a cell; ranked, unranked and failed apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from esr.base.visible_text import name, one_line
from esr.rank.ranking import Section, Standing
from esr.report.board import Board, Line
from esr.report.columns import Column
from esr.report.remarks import MARK


@dataclass(frozen=True)
class Claim:
    """What a factsheet says of a cell."""

    value: Decimal
    differs: bool

    def __str__(self) -> str:
        return f"{self.value}{MARK if self.differs else ''}"


@dataclass(frozen=True)
class SheetLine:
    """One submission."""

    standing: Standing
    cells: tuple[str, ...]
    claims: tuple[Claim | None, ...]
    """None where the factsheet says nothing."""

    @property
    def name(self) -> str:
        """The row's label, fit to be shown."""
        return name(self.standing.row.label)


@dataclass(frozen=True)
class Sheet:
    """Cells that only need the syntax of a format."""

    columns: tuple[Column, ...]
    """Those with something to say, the rank first if there is one, then the model."""
    headings: tuple[str, ...]
    lines: tuple[SheetLine, ...]

    def section(self, section: Section) -> list[SheetLine]:
        """Choose the ranked, the unranked or the failed lines."""
        return [line for line in self.lines if line.standing.section == section]

    @property
    def model(self) -> int:
        """Position of the column of names."""
        return next(i for i, column in enumerate(self.columns) if column.title == "Model")


def sheet(board: Board) -> Sheet:
    """Say a board in words and rounded figures."""
    columns = [
        column
        for index, column in enumerate(board.columns)
        if column.priority is not None
        and column.shown([line.values[index] for line in board.lines])
    ]
    rank = f"Rank {board.ranking.protocol.tracks[0].name}"
    columns.sort(key=lambda column: column.title != rank)
    return Sheet(
        tuple(columns),
        tuple(column.heading or one_line(column.title) for column in columns),
        tuple(_line(columns, line) for line in board.lines),
    )


def _line(columns: Sequence[Column], line: Line) -> SheetLine:
    cells = tuple(column.cell(line.standing) for column in columns)
    return SheetLine(line.standing, cells, tuple(_claim(column, line) for column in columns))


def _claim(column: Column, line: Line) -> Claim | None:
    claim = line.claims.get(column.title)
    return None if claim is None else Claim(claim, column.title in line.differing)
