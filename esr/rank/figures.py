"""A row's figures in the official units, whatever it was read from, and the PSNR it must reach."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from esr.challenge.protocol import Protocol, PsnrGate, RankFigure
from esr.records.official_results import Official, look_up
from esr.records.record import Record, RobustTiming, SplitResult
from esr.records.results_folder import Row

_IMPOSSIBLE = 1e12
"""More than any figure of any network in its official unit."""


def read_rows(results: Mapping[str, Official]) -> list[Row]:
    """Make a row of every entry of an official `results.json`, in its order.

    Somebody else's file may hold anything: what is no possible figure, or no list of such, is
    unknown.
    """
    return [
        Row(label, official={key: value for key, value in entry.items() if _possible(value)})
        for label, entry in results.items()
    ]


def _possible(value: object) -> bool:
    if isinstance(value, list):
        return all(_possible(element) and not isinstance(element, list) for element in value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
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
    """Look up a figure by its official key; what is no finite number is unknown."""
    value: object = look_up(row.official or {}, key)
    return value if isinstance(value, int | float) and _possible(value) else None


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


def robust_runtime(row: Row, with_test: bool) -> Quantity | None:
    """Take the same of the warm, repeated runtimes; errors add as independent ones do."""
    splits = row.record.splits if row.record else ()
    robust = {split.role: split.robust for split in splits if split.robust is not None}
    valid = robust.get("valid", robust.get("hybrid_test"))
    if valid is None or valid.mean_ms <= 0:
        return None
    if not with_test:
        return Quantity(valid.mean_ms, valid.low_ms, valid.high_ms)
    return _mean(valid, robust["test"]) if "test" in robust else None


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


def warm_runtime(row: Row) -> Quantity | None:
    """Take the warm runtime over everything the row was measured on."""
    return robust_runtime(row, has_test(row))


def has_test(row: Row) -> bool:
    """Tell whether a test set was measured."""
    return official_figure(row, "test_ave_runtime") is not None


def _mean(valid: RobustTiming, test: RobustTiming) -> Quantity:
    mean = (valid.mean_ms + test.mean_ms) / 2
    below = math.hypot(valid.mean_ms - valid.low_ms, test.mean_ms - test.low_ms) / 2
    above = math.hypot(valid.high_ms - valid.mean_ms, test.high_ms - test.mean_ms) / 2
    return Quantity(mean, mean - below, mean + above)


@dataclass(frozen=True)
class GateVerdict:
    """How a submission stands to the gate."""

    passed: bool | None
    """None if nothing could be judged."""
    val_margin_db: float | None
    """PSNR above the gate, not rounded; None if it was not measured on the gate's data set."""
    test_margin_db: float | None
    reason: str | None = None
    """Why it did not pass, or what could not be judged."""


@dataclass(frozen=True)
class _Side:
    set_name: str
    psnr_db: float | None
    least_db: float
    decimals: int | None
    measured: bool
    """Whether the network ran on the set, so that there should be a PSNR."""

    @property
    def margin_db(self) -> float | None:
        return None if self.psnr_db is None else self.psnr_db - self.least_db

    @property
    def passed(self) -> bool:
        if self.psnr_db is None:
            return not self.measured
        if self.decimals is None:
            return self.psnr_db >= self.least_db
        # As decimals: 26.90 is less than 26.9 in binary, and printed digits are what is compared.
        printed = Decimal(format(self.psnr_db, f".{self.decimals}f"))
        return printed >= Decimal(str(self.least_db))

    @property
    def complaint(self) -> str:
        if self.psnr_db is None:
            return f"no PSNR on {self.set_name}"
        digits = 4 if self.decimals is None else self.decimals
        return f"{self.psnr_db:.{digits}f} dB on {self.set_name}, {self.least_db:.2f} needed"


def judge_gate(row: Row, protocol: Protocol) -> GateVerdict:
    """Compare PSNR with the protocol's gate, on the gate's data sets and no others."""
    if protocol.gate is None:
        return GateVerdict(None, None, None, "no gate is known")
    valid, test = _sides(row, protocol, protocol.gate)
    failed = [side for side in (valid, test) if not side.passed]
    unknown = [side.set_name for side in (valid, test) if side.psnr_db is None]
    reason = "; ".join(side.complaint for side in failed) or None
    if reason is None and unknown:
        reason = f"not measured on {', '.join(unknown)}"
    passed = False if failed else (None if len(unknown) == 2 else True)
    return GateVerdict(passed, valid.margin_db, test.margin_db, reason)


def _sides(row: Row, protocol: Protocol, gate: PsnrGate) -> tuple[_Side, _Side]:
    # The gate is a figure of one data set, the first that the protocol names.
    return (
        _side(row, "valid", protocol.valid[0], gate.val_psnr_db, gate.decimals),
        _side(row, "test", protocol.test[0], gate.test_psnr_db, gate.decimals),
    )


def _side(row: Row, role: str, name: str, least_db: float, decimals: int | None) -> _Side:
    ran = official_figure(row, f"{role}_ave_runtime") is not None
    if not _measured_on(row, role, name):
        return _Side(name, None, least_db, decimals, measured=False)
    psnr_db = official_figure(row, f"{role}_ave_psnr")
    return _Side(name, psnr_db, least_db, decimals, measured=ran)


def _measured_on(row: Row, role: str, dataset: str) -> bool:
    if row.record is None:  # Somebody's `results.json` does not say; it is the official data.
        return True
    return any(split.role == role and split.dataset == dataset for split in row.record.splits)
