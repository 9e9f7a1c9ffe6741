"""Standard output, through rich."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from esr.base.visible_text import name

_TICK_S = 1.0
_NARROWEST = 20
"""Columns; the terminal wraps what is wider than it is."""


def stdout() -> Console:
    """Open standard output for whatever names are printed."""
    # A name of any script must not end a run on a terminal that lacks its letters.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    return _console()


def _console(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr, highlight=False)
    # A terminal of no width, as COLUMNS=0 and some containers say, would be shown nothing at all.
    if console.width < _NARROWEST:
        console.width = _NARROWEST
    return console


@contextmanager
def progress_bar(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how many of `total` images are done.

    Yields:
        a function that takes the number done so far.
    """
    with _progress(MofNCompleteColumn()) as bar:
        task = bar.add_task(text, total=total)
        yield lambda done: bar.update(task, completed=done, refresh=True)


class PhaseBar:
    """Names the phase of a submission that runs, with its time; those before stay above it.

    Args:
        bar: what is drawn.
        label: of the submission.
    """

    def __init__(self, bar: Progress, label: str) -> None:
        self._bar, self._label = bar, label
        self._phase: str | None = None
        self._task: TaskID | None = None
        self._ticking = threading.Event()
        self._drawn_s = 0.0

    def __str__(self) -> str:
        """Name the submission and its phase."""
        return f"{name(self._label)} ({self._phase or 'starting'})"

    def enter(self, phase: str, total: int | None = None, *, is_timed: bool = False) -> None:
        """Begin a phase, unless it runs already.

        Args:
            phase: in a few words.
            total: images that it is over, if one can see how many are done.
            is_timed: whether its runtimes count: then nothing is drawn but what it says itself.
        """
        if phase == self._phase:
            return
        self.close()
        self._phase, count = phase, f"0/{total}" if total else ""
        self._task = self._bar.add_task(f"{self._label}: {phase}", total=total, count=count)
        self._draw()
        if not is_timed and not self._bar.disable:
            self._ticking = threading.Event()
            threading.Thread(target=self._tick, args=(self._ticking,), daemon=True).start()

    def show(self, done: int, total: int) -> None:
        """Say how many of the images are done."""
        assert self._task is not None, "a phase was entered"
        self._bar.update(self._task, completed=done, count=f"{done}/{total}")
        self._draw()

    def heartbeat(self) -> None:
        """Say that a timed phase goes on; it is drawn once a second."""
        if time.monotonic() - self._drawn_s >= _TICK_S:
            self._draw()

    def close(self) -> None:
        """End the phase; its time stands still."""
        self._ticking.set()
        if self._task is not None:
            self._bar.stop_task(self._task)

    def _draw(self) -> None:
        self._drawn_s = time.monotonic()
        self._bar.refresh()

    def _tick(self, ended: threading.Event) -> None:
        while not ended.wait(_TICK_S):
            self._bar.refresh()


@contextmanager
def phase_bar(label: str) -> Iterator[PhaseBar]:
    """Show the phases of a submission while they run."""
    with _progress(TextColumn("{task.fields[count]}")) as bar:
        phases = PhaseBar(bar, label)
        try:
            yield phases
        except KeyboardInterrupt as error:
            error.add_note(f"in the middle of {phases}")
            raise
        finally:
            phases.close()


def _progress(count: ProgressColumn) -> Progress:
    console = _console(stderr=True)
    return Progress(
        # It moves only when told: a thread that draws it anew would run beside what is timed.
        *(TextColumn("{task.description}"), BarColumn(), count, TimeElapsedColumn()),
        console=console,
        transient=True,
        auto_refresh=False,
        disable=not console.is_terminal,
    )
