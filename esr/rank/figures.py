"""A row of the leaderboard, whatever it was read from, and its figures in the official units."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from esr.challenge.protocol import MetricMean, RankFigure
from esr.images.metrics import may_be_infinite
from esr.records.disqualified_rows import KEY
from esr.records.official_results import Official, look_up
from esr.records.record import Record
from esr.records.results_folder import Row
from esr.records.split_result import RobustTiming, SplitResult, SteadyTiming

_IMPOSSIBLE = 1e12
"""More than any figure of any network in its official unit."""


def read_rows(results: Mapping[str, Official]) -> list[Row]:
    """Make a row of every entry of an official `results.json`, in its order.

    Somebody else's file may hold anything: what is no possible figure, or no list of such, is
    unknown.
    """
    return [
        Row(
            label,
            official={key: value for key, value in entry.items() if _possible(key, value)},
            disqualified=str(entry[KEY]) if KEY in entry else None,
        )
        for label, entry in results.items()
    ]


def _possible(key: str, value: object) -> bool:
    if isinstance(value, list):
        return all(_possible(key, element) and not isinstance(element, list) for element in value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    if value == math.inf:
        return may_be_infinite(key)
    return -_IMPOSSIBLE < value < _IMPOSSIBLE


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
    """Look up a figure by its official key; only a PSNR may be infinite, that of equal images."""
    value: object = look_up(row.official or {}, key)
    return value if isinstance(value, int | float) and _possible(key, value) else None


def official_runtime(row: Row, with_test: bool) -> Quantity | None:
    """Look up the mean runtime in ms.

    Args:
        row: whose.
        with_test: the mean of validation and test set, as published; otherwise validation alone.
    """
    runtime_ms = official_figure(row, "ave_runtime" if with_test else "valid_ave_runtime")
    parts = ("valid_ave_runtime", "test_ave_runtime") if with_test else ("valid_ave_runtime",)
    # No forward pass takes no time: a stopped clock must not win.
    stopped = any((official_figure(row, part) or 0) <= 0 for part in parts)
    return None if runtime_ms is None or stopped else Quantity.exact(runtime_ms)


def name_missing_runtime(row: Row, with_test: bool) -> str:
    """Name what `official_runtime` lacks of a row, beside the runtimes that it shows."""
    if official_figure(row, "valid_ave_runtime") is None:
        return "validation runtime" if has_test(row) else "runtime"
    if with_test and not has_test(row):
        return "test runtime"
    return "runtime above 0 ms"


def robust_runtime(row: Row, with_test: bool) -> Quantity | None:
    """Take the same of the steady runtimes, or else of the warm ones."""
    return _repeated_runtime(row, with_test, lambda split: split.best_runtime)


def _repeated_runtime(
    row: Row,
    with_test: bool,
    choose: Callable[[SplitResult], RobustTiming | SteadyTiming | None],
) -> Quantity | None:
    splits = row.record.splits if row.record else ()
    by_role = {split.role: timing for split in splits if (timing := choose(split)) is not None}
    valid = by_role.get("valid", by_role.get("hybrid_test"))
    if valid is None or not 0 < valid.mean_ms < math.inf:
        return None
    if not with_test:
        return Quantity(valid.mean_ms, valid.low_ms, valid.high_ms)
    return _mean(valid, by_role["test"]) if "test" in by_role else None


def ranked_split(record: Record) -> SplitResult:
    """Choose the data set whose PSNR counts: the test set if it was measured, else the first."""
    return next((split for split in record.splits if split.role == "test"), record.splits[0])


def real_time_figures(row: Row) -> dict[RankFigure, Quantity]:
    """Take what the Real-Time challenge ranks by, as far as it was measured."""
    if row.record is None:
        return {}
    split, fixed = ranked_split(row.record), row.record.fixed_input
    run = fixed.scored if fixed and fixed.as_asked else None
    values: dict[RankFigure, float | None] = {
        "fixed_time_ms": run.mean_ms if run else None,
        "psnr_rgb_db": split.score("psnr_rgb"),
        "bicubic_psnr_db": split.bicubic_psnr_db,
    }
    return {name: Quantity.exact(value) for name, value in values.items() if value is not None}


def metric_figures(row: Row) -> dict[RankFigure, Quantity]:
    """Take the means of metrics that a track may rank by, as far as they were measured."""
    if row.record is None:
        return _official_psnr(row)
    split = ranked_split(row.record)
    means = {name: split.score(name.removesuffix("_db")) for name in get_args(MetricMean)}
    return {name: Quantity.exact(mean) for name, mean in means.items() if mean is not None}


def _official_psnr(row: Row) -> dict[RankFigure, Quantity]:
    keys = ("test_ave_psnr", "valid_ave_psnr", "hybrid_test_ave_psnr")
    means = (official_figure(row, key) for key in keys)
    mean = next((mean for mean in means if mean is not None), None)
    return {} if mean is None else {"psnr_db": Quantity.exact(mean)}


def warm_runtime(row: Row) -> Quantity | None:
    """Take the runtime of single passes when warm, over everything the row was measured on."""
    return _repeated_runtime(row, has_test(row), lambda split: split.robust)


def steady_runtime(row: Row) -> Quantity | None:
    """Take the runtime of queued images over everything the row was measured on."""
    return _repeated_runtime(row, has_test(row), lambda split: split.steady)


def has_test(row: Row) -> bool:
    """Tell whether a test set was measured."""
    return official_figure(row, "test_ave_runtime") is not None


def _mean(valid: RobustTiming | SteadyTiming, test: RobustTiming | SteadyTiming) -> Quantity:
    """Errors add as independent ones do."""
    mean = (valid.mean_ms + test.mean_ms) / 2
    below = math.hypot(valid.mean_ms - valid.low_ms, test.mean_ms - test.low_ms) / 2
    above = math.hypot(valid.high_ms - valid.mean_ms, test.high_ms - test.mean_ms) / 2
    return Quantity(mean, mean - below, mean + above)
