"""How far a child has come with a submission, and why it could not go on."""

from __future__ import annotations

import contextlib
import traceback

from esr.base.errors import UserError, printable_line
from esr.measure.job import JobFailure, JobFolder
from esr.records.measurement import Stage


class StageMark:
    """The stage that is reached, also left in a file, for a child that is killed."""

    def __init__(self, folder: JobFolder) -> None:
        self._file = folder.stage
        self.enter("build")

    def enter(self, stage: Stage) -> None:
        """Say that a stage begins."""
        self.now = stage
        self._file.write_text(stage, encoding="utf-8")

    def failed(self, error: BaseException) -> JobFailure:
        """Say what ended this stage; the log keeps the traceback."""
        with contextlib.suppress(Exception):  # It may have filled the log.
            traceback.print_exception(error)
        return JobFailure(self.now, one_line(error))


def one_line(error: BaseException) -> str:
    """Say what went wrong in one line."""
    if isinstance(error, UserError):
        return printable_line(str(error))
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        return f"{printable_line(text)} (--memory_limit)"
    return printable_line(text)
