"""Who runs where since when, what is done, what failed, and how long it will take: one screen."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from esr.base.visible_text import name, one_line
from esr.records.record import Failure, Outcome

_SHOWN_AT_MOST = 20


@dataclass(frozen=True)
class _Job:
    machine: str
    began_s: float


class RunningJobs:
    """The jobs of a run on many machines, on standard error.

    On a terminal it is a table that changes; elsewhere a line where a job begins.

    Args:
        total: number of submissions.
    """

    def __init__(self, total: int) -> None:
        self._total, self._began_s = total, time.monotonic()
        self._running: dict[str, _Job] = {}
        self._done = self._failed = 0
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, transient=True, auto_refresh=False)

    def __enter__(self) -> RunningJobs:
        """Show it."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take it off the screen; say of whom it was taken away, if somebody interrupts it."""
        self._live.stop()
        if isinstance(error, KeyboardInterrupt) and self._running:
            error.add_note(f"in the middle of {', '.join(map(name, self._running))}")

    def begin(self, label: str, machine: str) -> None:
        """A submission is measured on a machine from now on."""
        self._running[label] = _Job(machine, time.monotonic())
        if not self._console.is_terminal:
            self.say(f"{name(label)}: begun on {machine}")
        self.draw()

    def give_up(self, label: str, why: str) -> None:
        """It is not, and will be tried again."""
        self._running.pop(label, None)
        self.say(f"{name(label)}: its machine or process was lost: {why}")

    def end(self, outcome: Outcome) -> None:
        """It has ended."""
        self._running.pop(outcome.label, None)
        self._done += 1
        self._failed += isinstance(outcome, Failure)
        self.draw()

    def say(self, line: str) -> None:
        """Print a line above."""
        self._console.print(Text(one_line(line, 1000)), soft_wrap=True)

    def draw(self) -> None:
        """Show it as it is now."""
        if self._console.is_terminal:
            self._live.update(self._lay_out(), refresh=True)

    def _lay_out(self) -> Group:
        table = Table.grid(padding=(0, 2, 0, 0))
        now_s = time.monotonic()
        for label, job in list(self._running.items())[:_SHOWN_AT_MOST]:
            table.add_row(Text(name(label)), Text(job.machine), _clock(now_s - job.began_s))
        left = self._total - self._done
        parts = [f"{self._done} of {self._total} done", f"{self._failed} failed"]
        parts += [f"{len(self._running)} running"]
        if self._done and left:
            parts.append(f"about {_clock((now_s - self._began_s) / self._done * left)} left")
        return Group(table, Text(", ".join(parts)))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
