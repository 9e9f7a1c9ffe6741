"""What a user sees of a submission while it runs: the phase that its process is in, by name."""

from __future__ import annotations

from typing import Literal

from esr.base.console import PhaseBar
from esr.measure.job import Job
from esr.records.measurement import Stage


class ShownPhases:
    """The phases of one submission in its own process.

    Args:
        bar: shows them.
        job: what it has to do.
    """

    def __init__(self, bar: PhaseBar, job: Job) -> None:
        self._bar, self._job = bar, job
        self._images = sum(split.count for split in job.splits)

    def enter(self, stage: Stage | Literal["pass", "further"]) -> None:
        """Name what begins now."""
        if stage == "restore":
            self._bar.enter("restoring", self._images, is_timed=True)
        elif stage == "further":
            self._bar.enter("restoring further images", is_timed=True)
            self._bar.heartbeat()
        elif stage == "pass":
            self._bar.enter("timing the warm network", is_timed=True)
            self._bar.heartbeat()
        elif stage == "count":
            self._bar.enter(" and ".join(self._list_last()))
        else:
            self._bar.enter("importing, building, loading")

    def restored(self, done: int) -> None:
        """Say how many SR images there are."""
        self._bar.show(done, self._images)

    def _list_last(self) -> list[str]:
        """Name what follows the timed passes; the process does it all in one stage."""
        last = ["counting, auditing"]
        if self._job.passes.layers:
            last.append("measuring layers")
        if self._job.passes.ways:
            last.append("trying the ways of --deploy")
        if self._job.fixed_input is not None:
            last.append("timing the fixed input")
        return last if len(last) > 1 else ["counting", "auditing"]
