"""The user's mistakes, and what the process tells its caller about them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit status of the command."""

    OK = 0
    """Every submission was measured."""
    SOME_FAILED = 1
    """At least one submission failed; the others are recorded."""
    UNUSABLE = 2
    """The command or the data cannot be used; nothing was started."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C; what was finished is recorded."""


class UserError(Exception):
    """Something the user can put right: printed as one line, without a traceback.

    Args:
        what: what is wrong, in a few words.
        where: the file, argument or key that is wrong; empty if `what` says it.
        remedy: what to do about it; empty if it is obvious.
    """

    def __init__(self, what: str, *, where: object = "", remedy: str = "") -> None:
        self.what = what
        self.where = str(where)
        self.remedy = remedy
        super().__init__(what, self.where, remedy)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        text = f"{text}; {self.remedy}" if self.remedy else text
        return " ".join(text.split())
