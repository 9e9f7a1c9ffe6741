"""The phases of a submission, one after the other, and what overlaps.

start    its process imports what it needs and waits to begin; its job is written meanwhile
measure  its process begins, with the whole machine to itself, and ends
score    its SR images are compared with HR, while the next submission starts
finish   everything that was found becomes its record
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from esr.base.errors import UserError
from esr.measure.job import SubmissionFailed
from esr.records.record import Outcome, Record


class Phases(Protocol):
    """A submission on its way to its record; see `esr.evaluate.submission_run`.

    Each phase needs the one before. `start` may be called again after `close`.

    Raises:
        SubmissionFailed: by any phase: it costs this submission alone.
        UserError: by any phase: the harness itself cannot go on.
    """

    def start(self) -> None: ...  # noqa: D102
    def measure(self) -> None: ...  # noqa: D102
    def score(self) -> None: ...  # noqa: D102
    def finish(self) -> Record: ...  # noqa: D102

    def fail(self, failed: SubmissionFailed) -> Outcome:
        """Say what a failure is kept as."""

    def close(self) -> None:
        """End its process and remove its files."""


def evaluate_one_ahead(submissions: Iterable[Phases]) -> Iterator[Outcome]:
    """Measure one submission after the other, each with the whole machine to itself.

    While one is scored, and while whoever asked for its outcome keeps it, the process of the next
    one already waits to begin.

    Raises:
        UserError: the harness itself cannot go on; what was measured until then is yielded before.
    """
    todo = map(Evaluation, submissions)
    current, following = next(todo, None), None
    try:
        while current is not None:
            current.start()
            current.measure()
            following = next(todo, None) if not current.is_last else None
            if following is not None:
                following.start_ahead()
            yield current.outcome()
            current, following = following, None
    finally:
        for evaluation in (current, following):
            if evaluation is not None:
                evaluation.close()


class Evaluation:
    """The phases of one submission, whatever goes wrong in them."""

    def __init__(self, phases: Phases) -> None:
        self._phases = phases
        self._is_started = False
        self._outcome: Outcome | None = None
        self._error: UserError | None = None

    @property
    def is_last(self) -> bool:
        """Whether the harness cannot go on beyond it."""
        return self._error is not None

    def start(self) -> None:
        """Start its process, unless that was done ahead."""
        if not self._is_started:
            self._is_started = True
            self._try(self._phases.start)

    def start_ahead(self) -> None:
        """Do so if there is room for it already, beside what another one has left behind."""
        self.start()
        if self._error is not None:
            self._phases.close()
            self._error, self._is_started = None, False

    def measure(self) -> None:
        """Go on to where the machine is free again."""
        self._try(self._phases.measure)

    def outcome(self) -> Outcome:
        """Go to the end.

        Raises:
            UserError: the harness itself cannot go on.
        """
        self._try(self._phases.score)
        self._try(self._finish)
        self.close()
        if self._outcome is None:
            assert self._error is not None
            raise self._error
        return self._outcome

    def _finish(self) -> None:
        self._outcome = self._phases.finish()

    def _try(self, phase: Callable[[], None]) -> None:
        """Carry out a phase, unless an earlier one has ended it all."""
        if self._outcome is not None or self._error is not None:
            return
        try:
            phase()
        except SubmissionFailed as failed:
            self._outcome = self._phases.fail(failed)
        except UserError as error:
            self._error = error
        except Exception as error:  # Our own mistake must not cost the submissions that follow.
            traceback.print_exc()
            reason = f"the harness failed: {type(error).__name__}: {error}"
            self._outcome = self._phases.fail(SubmissionFailed("invalid", reason))

    def close(self) -> None:
        """Give up: end its process and remove its files."""
        self._phases.close()
