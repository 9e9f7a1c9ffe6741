"""The leaderboard as every format needs it: what is ranked, its columns, values and claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from esr.challenge.protocol import Protocol
from esr.rank.entrants import Choices
from esr.rank.ranking import Ranking, Standing, rank
from esr.records.results_folder import Row
from esr.report.claims import claimed
from esr.report.columns import Column, Value, claim_columns, columns_for, differs
from esr.report.remarks import remarks


@dataclass(frozen=True)
class Line:
    """One submission."""

    standing: Standing
    values: tuple[Value, ...]
    """Unrounded, in the order of the board's columns."""
    claims: Mapping[str, Decimal]
    """What the factsheet says, with its digits, by column title."""
    differing: frozenset[str]
    """Titles of the columns whose claim differs by more than rounding."""


@dataclass(frozen=True)
class Board:
    """A leaderboard that only needs to be formatted."""

    ranking: Ranking
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    remarks: tuple[str, ...]
    """What the figures cannot say themselves, a line each."""


def board(rows: Sequence[Row], protocol: Protocol, choices: Choices | None = None) -> Board:
    """Rank the rows and lay out every value.

    Args:
        rows: what is known of each submission.
        protocol: the year's rules.
        choices: what the rules leave open.
    """
    ranking = rank(rows, protocol, choices)
    measured = columns_for(ranking)
    claims = {row.label: claimed(row.record) for row in rows if row.record}
    columns = (*measured, *claim_columns(measured, claims))
    lines = [
        _line(standing, columns, claims.get(standing.row.label, {}))
        for standing in ranking.standings
    ]
    marked = any(line.differing for line in lines)
    return Board(ranking, columns, tuple(lines), tuple(remarks(ranking, marked)))


def _line(standing: Standing, columns: Sequence[Column], claims: Mapping[str, Decimal]) -> Line:
    return Line(
        standing,
        tuple(column.value(standing) for column in columns),
        claims,
        frozenset(c.title for c in columns if differs(c, standing, claims)),
    )
