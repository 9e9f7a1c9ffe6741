"""Columns of how runtime and memory were measured, of the first data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from esr.rank.ranking import Standing
from esr.records.conditions import Conditions
from esr.records.record import Record, RobustTiming, SplitResult
from esr.report.column import Column, Value, varied


def of_record(
    title: str,
    value: Callable[[Record], Value],
    form: str = "",
    priority: int | None = None,
    shown: Callable[[Sequence[Value]], bool] = varied,
) -> Column:
    """Make a column of a value that records have."""

    def of_standing(standing: Standing) -> Value:
        return value(standing.row.record) if standing.row.record else None

    return Column(title, of_standing, form, priority, shown)


def _of_first(title: str, value: Callable[[SplitResult], Value], form: str = "") -> Column:
    return of_record(title, lambda r: value(r.splits[0]) if r.splits else None, form)


def _of_robust(title: str, value: Callable[[RobustTiming], Value], form: str = "") -> Column:
    return _of_first(title, lambda split: value(split.robust) if split.robust else None, form)


def _of_conditions(title: str, value: Callable[[Conditions], Value], form: str = "") -> Column:
    return _of_robust(title, lambda r: value(r.conditions) if r.conditions else None, form)


TIMING = (
    _of_robust("Warm p90 [ms]", lambda robust: robust.p90_ms, ".2f"),
    _of_robust("Warm samples", lambda robust: robust.samples, "d"),
    _of_conditions("Warm wall [ms]", lambda conditions: conditions.wall_ms, ".2f"),
    _of_conditions("Throttled samples", lambda conditions: len(conditions.throttled), "d"),
    _of_first("Cold [ms]", lambda split: split.cold_ms, ".2f"),
    _of_first("Cold ratio", lambda split: split.cold_ratio, ".2f"),
    of_record("Drift [%]", lambda r: r.drift.percent if r.drift else None, "+.2f", priority=8),
    _of_first("Reserved Mem [MiB]", lambda split: split.reserved_mib, ".2f"),
    _of_conditions("Clean Mem [MiB]", lambda conditions: conditions.memory_mib, ".2f"),
    _of_conditions("Clean Reserved [MiB]", lambda conditions: conditions.reserved_mib, ".2f"),
)
