"""What a column of the leaderboard is; `esr.report.columns` lists them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from esr.base.visible_text import one_line
from esr.rank.ranking import Standing

Value = str | int | float | None
"""None is unknown and prints as an empty cell."""

ESSENTIAL = 4
"""Columns up to this priority are in every table, however narrow."""


def known(values: Sequence[Value]) -> bool:
    """Tell whether any row has a value."""
    return any(value is not None for value in values)


def varied(values: Sequence[Value]) -> bool:
    """Tell whether rows differ."""
    return len(set(values) - {None}) > 1


@dataclass(frozen=True)
class Column:
    """One column of the leaderboard."""

    title: str
    """With the unit in brackets."""
    value: Callable[[Standing], Value]
    """Not rounded."""
    format: str = ""
    """How people read a number; empty for a column of text."""
    priority: int | None = None
    """What people see first has the lowest; None is for the CSV file alone."""
    shown: Callable[[Sequence[Value]], bool] = known
    """Whether people see it, given its values in all rows."""
    text: Callable[[Standing], str] | None = None
    """How people read it, where the value and its format do not say enough."""
    heading: str = ""
    """Shorter title for people."""

    def cell(self, standing: Standing) -> str:
        """Say a row's value as people read it, in one line."""
        if self.text is not None:
            return self.text(standing)
        return rounded(self.value(standing), self.format)


def rounded(value: Value, form: str) -> str:
    """Say a value as people read it, in one line."""
    if value is None:
        return ""
    if isinstance(value, str):
        return one_line(value)
    if form != "d":
        return format(value, form or "g")
    # Somebody's file may say 18.0 convolutions.
    return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)
