"""Measurements taken in steps, so that the next one gets ready while the last one is scored."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack

from esr.base.errors import UserError
from esr.measure.job import SubmissionFailed
from esr.records.record import Outcome, Record

Steps = Generator[None, None, Record]
"""Pauses twice: when its process is ready to begin, and when the machine is free again."""


class Measuring:
    """A submission on its way to its outcome, whatever goes wrong.

    Args:
        begin: makes the steps to it.
        failed: what a failure is kept as.
    """

    def __init__(
        self, begin: Callable[[], Steps], failed: Callable[[SubmissionFailed], Outcome]
    ) -> None:
        self._begin, self._failed = begin, failed
        self._steps = begin()
        self._outcome: Outcome | None = None
        self._error: UserError | None = None
        self._is_ready = False

    @property
    def is_last(self) -> bool:
        """Whether the harness cannot go on beyond it."""
        return self._error is not None

    def prepare(self) -> None:
        """Go on to where its process waits, unless it is there."""
        if not self._is_ready:
            self._is_ready = True
            self._step()

    def prepare_ahead(self) -> None:
        """Do so if there is room for it already, beside what another one has left behind."""
        self.prepare()
        if self._error is not None:
            self._error, self._is_ready, self._steps = None, False, self._begin()

    def run(self) -> None:
        """Go on to where the machine is free again."""
        self.prepare()
        self._step()

    def _step(self) -> None:
        if self._outcome is not None or self._error is not None:
            return
        try:
            next(self._steps)
        except StopIteration as end:
            self._outcome = end.value
        except SubmissionFailed as failed:
            self._outcome = self._failed(failed)
        except UserError as error:
            self._error = error
        except Exception as error:  # Our own mistake must not cost the submissions that follow.
            traceback.print_exc()
            reason = f"the harness failed: {type(error).__name__}: {error}"
            self._outcome = self._failed(SubmissionFailed("invalid", reason))

    def outcome(self) -> Outcome:
        """Go to the end.

        Raises:
            UserError: the harness itself cannot go on.
        """
        while self._outcome is None and self._error is None:
            self._step()
        if self._outcome is None:
            assert self._error is not None
            raise self._error
        return self._outcome

    def close(self) -> None:
        """Give up: end its process and remove its files."""
        self._steps.close()


def one_ahead(submissions: Iterable[Measuring]) -> Iterator[Outcome]:
    """Measure one submission after the other, each with the whole machine to itself.

    While one is scored, and while whoever asked for its outcome keeps it, the process of the next
    one already waits to begin.

    Raises:
        UserError: the harness itself cannot go on; what was measured until then is yielded before.
    """
    todo = iter(submissions)
    with ExitStack() as stack:

        def following() -> Measuring | None:
            found = next(todo, None)
            if found is not None:
                stack.callback(found.close)
            return found

        current = following()
        while current is not None:
            current.run()
            after = following()
            if after is not None and not current.is_last:
                after.prepare_ahead()
            yield current.outcome()
            current = after
