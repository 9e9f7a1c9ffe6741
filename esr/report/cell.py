"""What a cell of the leaderboard is, and the column that makes it from a standing.

`esr.report.columns` lists the columns, by the `read_...` of what they read: official results,
record, first data set, repeated runtime, fixed input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from esr.base.visible_text import one_line
from esr.challenge.fixed_input import FixedInput, FixedInputRun
from esr.rank.ranking import Standing
from esr.records.conditions import Conditions
from esr.records.official_results import OfficialColumn, look_up
from esr.records.record import Record
from esr.records.split_result import RobustTiming, SplitResult
from esr.report.claims import ClaimedFigure

Value = str | int | float | None
"""None is unknown and prints as an empty cell."""

ESSENTIAL = 4
"""Columns up to this priority are in every table, however narrow."""

MARK = "!"
"""Stands beside a claim that differs."""


def any_known(values: Sequence[Value]) -> bool:
    """Tell whether any row has a value."""
    return any(value is not None for value in values)


def differ(values: Sequence[Value]) -> bool:
    """Tell whether rows differ."""
    return len(set(values) - {None}) > 1


@dataclass(frozen=True)
class Cell:
    """One figure of one submission."""

    value: Value
    """Not rounded."""
    text: str
    """As people read it, in one line; empty if it is unknown."""
    claim: Decimal | None = None
    """What the factsheet says, with its digits; None where it says nothing."""
    differs: bool = False
    """Whether the claim differs by more than rounding."""
    compared: str = ""
    """What the claim is compared with, if not the value: the figure of its own counter."""
    is_compared: bool = False
    """Whether there is a figure to hold the claim against."""

    @property
    def claim_text(self) -> str:
        """The claim as people read it, marked if it differs."""
        return "" if self.claim is None else f"{self.claim}{MARK if self.differs else ''}"


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
    shown: Callable[[Sequence[Value]], bool] = any_known
    """Whether people see it, given its values in all rows."""
    text: Callable[[Standing], str] | None = None
    """How people read it, where the value and its format do not say enough."""
    short_title: str = ""
    """For people, where the title is long."""

    @property
    def heading(self) -> str:
        """What stands above the column where people read it, in one line."""
        return self.short_title or one_line(self.title)

    @property
    def set_name(self) -> str:
        """The set that stands for `Val` in the heading; empty where `Val` or nothing stands."""
        figure = self.title.removeprefix("Val")
        if figure == self.title or not self.heading.endswith(figure):
            return ""
        dataset = self.heading.removesuffix(figure)
        return "" if dataset == "Val" else dataset

    @property
    def name(self) -> str:
        """What a sentence calls it: as the file does, without its unit; a set as the table does."""
        shown = self.heading if self.set_name else self.title
        return one_line(shown.partition(" [")[0])

    def make_cell(self, standing: Standing, claim: ClaimedFigure | None = None) -> Cell:
        """Read a submission's value, say it as people read it, and hold the claim against it."""
        value = self.value(standing)
        text = self.text(standing) if self.text else format_value(value, self.format)
        if claim is None or not isinstance(value, int | float):
            return Cell(value, text, claim.figure if claim else None)
        compared = ""
        if claim.counter is not None:
            compared = f"{format_value(claim.counted, self.format) or 'none'} ({claim.counter})"
        is_compared = claim.counter is None or claim.counted is not None
        return Cell(value, text, claim.figure, claim.differs(value), compared, is_compared)


def format_value(value: Value, form: str) -> str:
    """Say a value as people read it, in one line."""
    if value is None:
        return ""
    if isinstance(value, str):
        return one_line(value)
    if form != "d":
        return format(value, form or "g")
    # Somebody's file may say 18.0 convolutions.
    return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)


def read_official(column: OfficialColumn, priority: int) -> Column:
    """Make a column of a figure in official results."""

    def read(standing: Standing) -> Value:
        value: object = look_up(standing.row.official or {}, column.key)
        # Infinite is a figure, the PSNR of equal images; what is undefined is unknown.
        return value if isinstance(value, int | float) and not math.isnan(value) else None

    # The width is that of `results.txt`.
    return Column(column.title, read, column.format.lstrip("0123456789"), priority)


def read_record(
    title: str,
    value: Callable[[Record], Value],
    form: str = "",
    priority: int | None = None,
    shown: Callable[[Sequence[Value]], bool] = differ,
) -> Column:
    """Make a column of a value that records have."""

    def read(standing: Standing) -> Value:
        return value(standing.row.record) if standing.row.record else None

    return Column(title, read, form, priority, shown)


def read_first_split(title: str, value: Callable[[SplitResult], Value], form: str = "") -> Column:
    """Make a column of how the first data set was measured."""
    return read_record(title, lambda r: value(r.splits[0]) if r.splits else None, form)


def read_robust(title: str, value: Callable[[RobustTiming], Value], form: str = "") -> Column:
    """Make a column of the warm, repeated runtime of the first data set."""
    return read_first_split(title, lambda s: value(s.robust) if s.robust else None, form)


def read_conditions(title: str, value: Callable[[Conditions], Value], form: str = "") -> Column:
    """Make a column of what else was read while the first data set was timed."""
    return read_robust(title, lambda r: value(r.conditions) if r.conditions else None, form)


def read_input(
    title: str, value: Callable[[FixedInput], Value], form: str = "", priority: int | None = None
) -> Column:
    """Make a column of the fixed input of a real-time challenge."""

    def read(record: Record) -> Value:
        return value(record.fixed_input) if record.fixed_input else None

    return read_record(title, read, form, priority, any_known)


def read_input_run(
    title: str,
    value: Callable[[FixedInputRun], Value],
    form: str = "",
    priority: int | None = None,
    dtype: str | None = None,
) -> Column:
    """Make a column of the fixed input's timed run in a dtype, by default the one scored."""

    def read(fixed: FixedInput) -> Value:
        runs = [run for run in fixed.runs if run.dtype == dtype] if dtype else [fixed.scored]
        return value(runs[0]) if runs and runs[0] else None

    return read_input(title, read, form, priority)
