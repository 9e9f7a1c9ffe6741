"""Submissions that are still to be measured on some machine, and which of them is next where.

Every process of a submission is for a machine that has measured it least, so that with as many
processes as machines each submission meets all of them; what was lost on a machine is tried on
another one first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from esr.evaluate.device_use import DEVICE_LOG, list_uses
from esr.evaluate.resume import Plan
from esr.records.record import Record
from esr.submissions.submission import Entry

RETRIES = 2


@dataclass(eq=False)
class Attempt:
    """A submission that is still to be measured."""

    entry: Entry
    record: Record | None = None
    """Of its processes so far."""
    met: Counter[str] = field(default_factory=Counter)
    """How often it was measured, by machine."""
    lost: Counter[str] = field(default_factory=Counter)
    """How often what measured it has died, by machine."""

    @property
    def done(self) -> int:
        """Processes that it was measured in."""
        return self.record.process_count if self.record else 0

    @property
    def may_be_tried_again(self) -> bool:
        """Whether it was not lost too often."""
        return self.lost.total() <= RETRIES

    def after(self, record: Record, machine: str) -> Attempt:
        """Say what is left when a machine has measured it once more."""
        return Attempt(self.entry, record, self.met + Counter([machine]))

    def fits(self, machine: str, machines: Iterable[str]) -> bool:
        """Whether no other machine has measured, or lost, it less often."""
        return self._burden(machine) <= min(map(self._burden, machines))

    def _burden(self, machine: str) -> tuple[int, int]:
        return self.met[machine], self.lost[machine]


class Waiting:
    """What waits for a machine, in the order in which it came.

    Args:
        attempts: to begin with.
    """

    def __init__(self, attempts: Iterable[Attempt] = ()) -> None:
        self._attempts = [*attempts]

    def __len__(self) -> int:
        """Count them."""
        return len(self._attempts)

    def __iter__(self) -> Iterator[Attempt]:
        """Go through them."""
        return iter(self._attempts)

    def add(self, attempt: Attempt, *, first: bool = False) -> None:
        """Have one more wait, behind the others or before them."""
        self._attempts.insert(0 if first else len(self._attempts), attempt)

    def take(self, machine: str, machines: Collection[str]) -> Attempt | None:
        """Take what that machine is to measure next, those in fewest processes first.

        Args:
            machine: that is free; one of `machines`.
            machines: all that can measure.

        Returns:
            None if all that waits is for others.
        """
        for attempt in sorted(self._attempts, key=lambda waiting: waiting.done):
            if attempt.fits(machine, machines):
                self._attempts.remove(attempt)
                return attempt
        return None


def list_attempts(plan: Plan, save_dir: Path) -> list[Attempt]:
    """List what a run has planned, with the machines that submissions have met already."""
    begun = {record.label: record for record in plan.begun}
    uses = list_uses(save_dir / "logs" / DEVICE_LOG) if begun else []
    attempts = [Attempt(entry) for entry in plan.entries]
    for entry in plan.chosen:
        if (record := begun.get(entry.label)) is not None:
            met = [use.machine for use in uses if use.label == entry.label]
            attempts.append(Attempt(entry, record, Counter(met[-record.process_count :])))
    return attempts
