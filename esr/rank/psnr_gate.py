"""The PSNR below which a submission is not ranked."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from esr.challenge.protocol import Protocol
from esr.rank.figures import official_figure
from esr.records.results_folder import Row


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
    compared: str = ""
    """What was compared with what on each data set, whether it passed or not."""


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
    def comparison(self) -> str:
        if self.psnr_db is None:
            return f"{'no PSNR' if self.measured else 'not measured'} on {self.set_name}"
        digits = self.decimals
        if digits is None:
            digits = next(count for count in range(4, 20) if self._tells(count))
        return f"{self.psnr_db:.{digits}f} dB on {self.set_name}, {self.least_db:.2f} needed"

    def _tells(self, digits: int) -> bool:
        """Whether so many digits say what is said of all of them: 26.89996 is not 26.9000."""
        printed = Decimal(format(self.psnr_db, f".{digits}f"))
        return (printed >= Decimal(str(self.least_db))) == self.passed


def judge_gate(row: Row, protocol: Protocol) -> GateVerdict:
    """Compare PSNR with the protocol's gate, on the gate's data sets and no others."""
    if (gate := protocol.gate) is None:
        return GateVerdict(None, None, None, "no gate is known")
    # The gate is a figure of one data set, the first that the protocol names.
    valid = _side(row, "valid", protocol.valid[0], gate.val_psnr_db, gate.decimals)
    test = _side(row, "test", protocol.test[0], gate.test_psnr_db, gate.decimals)
    failed = [side for side in (valid, test) if not side.passed]
    unknown = [side.set_name for side in (valid, test) if side.psnr_db is None]
    reason = "; ".join(side.comparison for side in failed) or None
    if reason is None and unknown:
        reason = f"not measured on {', '.join(unknown)}"
    passed = False if failed else (None if len(unknown) == 2 else True)
    compared = "; ".join(side.comparison for side in (valid, test))
    return GateVerdict(passed, valid.margin_db, test.margin_db, reason, compared)


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
