"""A row of the leaderboard, whatever it was read from, and its figures in the official units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from utils.official_results import Official, figure
from utils.record import Failure, Record, RobustTiming


@dataclass(frozen=True)
class Row:
    """What is known of one submission: its latest record, its latest failure, or both."""

    label: str
    record: Record | None = None
    failure: Failure | None = None
    """A success removes it, so it is later than the record."""
    official: Official | None = None
    """The record in the official keys, or an entry of somebody else's `results.json`."""


def rows_of(results: Mapping[str, Official]) -> list[Row]:
    """Make a row of every entry of an official `results.json`, in its order."""
    return [Row(label, official=entry) for label, entry in results.items()]


@dataclass(frozen=True)
class Quantity:
    """A figure and its 95 % interval; without repeats the interval is the figure itself."""

    value: float
    low: float
    high: float

    @classmethod
    def exact(cls, value: float) -> Quantity:
        """A figure that repeating the measurement does not change, or that was measured once."""
        return cls(value, value, value)


def official_figure(row: Row, key: str) -> float | None:
    """Look up a figure by its official key; what is no finite number is unknown."""
    value = figure(row.official or {}, key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # JSON knows integers of any length.
        return None


def official_runtime(row: Row) -> Quantity | None:
    """Mean runtime over the validation and the test set in ms; of the former if it is alone."""
    key = "ave_runtime" if has_test(row) else "valid_ave_runtime"
    runtime_ms = official_figure(row, key)
    return None if runtime_ms is None else Quantity.exact(runtime_ms)


def robust_runtime(row: Row) -> Quantity | None:
    """Take the same of the warm, repeated runtimes; errors add as independent ones do."""
    splits = row.record.splits if row.record else ()
    robust = {split.role: split.robust for split in splits if split.robust is not None}
    valid = robust.get("valid", robust.get("hybrid_test"))
    if valid is None or not has_test(row):
        return None if valid is None else Quantity(valid.mean_ms, valid.low_ms, valid.high_ms)
    return _mean(valid, robust["test"]) if "test" in robust else None


def has_test(row: Row) -> bool:
    """Tell whether a test set was measured."""
    return official_figure(row, "test_ave_runtime") is not None


def _mean(valid: RobustTiming, test: RobustTiming) -> Quantity:
    mean = (valid.mean_ms + test.mean_ms) / 2
    below = math.hypot(valid.mean_ms - valid.low_ms, test.mean_ms - test.low_ms) / 2
    above = math.hypot(valid.high_ms - valid.mean_ms, test.high_ms - test.mean_ms) / 2
    return Quantity(mean, mean - below, mean + above)
