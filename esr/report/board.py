"""The leaderboard as every format needs it: its columns, everybody's cells, remarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from esr.base.visible_text import name
from esr.challenge.protocol import Protocol
from esr.rank.entrants import Choices, Section
from esr.rank.ranking import Ranking, Standing, rank
from esr.records.results_folder import Row
from esr.report.cell import Cell, Column, Value
from esr.report.claims import ClaimedFigure, list_claims
from esr.report.columns import list_columns
from esr.report.empty_cells import COUNTED, explain_empty_cell, list_empty_cells
from esr.report.estimator_table import EstimatorTable, compare_estimators
from esr.report.remark import Remark
from esr.report.remarks import write_remarks


@dataclass(frozen=True)
class Line:
    """One submission."""

    standing: Standing
    cells: tuple[Cell, ...]
    """In the order of the board's columns."""
    reasons: Mapping[int, str] = field(default_factory=dict)
    """Why cells that people would see are empty, by the column's position."""

    @property
    def name(self) -> str:
        """What the row is called, fit to be shown."""
        return name(self.standing.row.name)

    @cached_property
    def values(self) -> tuple[Value, ...]:
        """Unrounded, in the order of the board's columns."""
        return tuple(cell.value for cell in self.cells)


@dataclass(frozen=True)
class Board:
    """A leaderboard that only needs the syntax of a format."""

    ranking: Ranking
    columns: tuple[Column, ...]
    shown: tuple[int, ...]
    """Positions of the columns that people see: the rank first if there is one, then the name."""
    lines: tuple[Line, ...]
    remarks: tuple[Remark, ...]
    """What the figures cannot say themselves, a line each; the gravest first."""

    def list_section(self, section: Section) -> list[Line]:
        """Choose the ranked, the unranked or the failed lines."""
        return [line for line in self.lines if line.standing.section == section]

    def has_claims(self, line: Line) -> bool:
        """Tell whether a claim stands in a column that people see."""
        return any(line.cells[index].claim is not None for index in self.shown)

    @cached_property
    def estimators(self) -> EstimatorTable | None:
        """Places by every runtime that is known; None where there is nothing to compare."""
        return compare_estimators(self.ranking)

    @property
    def model(self) -> int:
        """Position of the column of names."""
        return next(i for i, column in enumerate(self.columns) if column.title == "Model")


def build_board(rows: Sequence[Row], protocol: Protocol, choices: Choices | None = None) -> Board:
    """Rank the rows and fill in every cell.

    Args:
        rows: what is known of each submission.
        protocol: the year's rules.
        choices: what the rules leave open.
    """
    ranking = rank(rows, protocol, choices)
    measured = list_columns(ranking)
    claims = {
        row.label: list_claims(row.record, protocol.flops_counter) if row.record else {}
        for row in rows
    }
    columns = (*measured, *_list_claim_columns(measured, claims))
    lines = [_fill_line(one, columns, claims[one.row.label]) for one in ranking.standings]
    marked = [
        column.title
        for index, column in enumerate(columns)
        if any(line.cells[index].differs for line in lines)
    ]
    shown = _choose_shown(ranking, columns, lines)
    lines = [_explain_line(line, columns, shown, ranking) for line in lines]
    empty = [
        (line.standing, {columns[i].name: reason for i, reason in line.reasons.items()})
        for line in lines
    ]
    remarks = write_remarks(ranking, marked, list(list_empty_cells(empty, ranking)))
    return Board(ranking, columns, tuple(shown), tuple(lines), tuple(remarks))


def _explain_line(
    line: Line, columns: Sequence[Column], shown: Sequence[int], ranking: Ranking
) -> Line:
    if line.standing.row.official is None:  # It failed, which is said in a remark of its own.
        return line
    reasons = {
        index: explain_empty_cell(column, line.standing, ranking)
        for index, column in enumerate(columns)
        if (index in shown or column.title in COUNTED) and not line.cells[index].text
    }
    return replace(line, reasons=reasons)


def _fill_line(
    standing: Standing, columns: Sequence[Column], claims: Mapping[str, ClaimedFigure]
) -> Line:
    cells = (column.make_cell(standing, claims.get(column.title)) for column in columns)
    return Line(standing, tuple(cells))


def _choose_shown(ranking: Ranking, columns: Sequence[Column], lines: Sequence[Line]) -> list[int]:
    """Choose the columns with something to say to people."""
    shown = [
        index
        for index, column in enumerate(columns)
        if column.priority is not None and column.shown([line.cells[index].value for line in lines])
    ]
    rank_title = f"Rank {ranking.protocol.tracks[0].name}"
    return sorted(shown, key=lambda index: columns[index].title != rank_title)


def _list_claim_columns(
    measured: Sequence[Column], claims: Mapping[str, Mapping[str, ClaimedFigure]]
) -> list[Column]:
    """List the columns of claims beside those that were measured.

    Args:
        measured: columns.
        claims: by label, what the factsheet claims, by column title.
    """
    claimed = {title for by_title in claims.values() for title in by_title}
    compared = [column for column in measured if column.title in claimed]

    def list_differing(standing: Standing) -> str | None:
        by_title = claims[standing.row.label]
        titles = [c.title for c in compared if c.make_cell(standing, by_title.get(c.title)).differs]
        return ", ".join(titles) or None

    return [
        *(_make_claim_column(column.title, claims) for column in compared),
        Column("Claims that differ", list_differing),
    ]


def _make_claim_column(title: str, claims: Mapping[str, Mapping[str, ClaimedFigure]]) -> Column:
    def read(standing: Standing) -> Value:
        claim = claims[standing.row.label].get(title)
        return None if claim is None else float(claim.figure)

    return Column(f"Claimed {title}", read)
