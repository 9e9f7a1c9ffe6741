"""The user's mistakes, and what the process tells its caller about them."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

LINE_AT_MOST = 300
"""Characters of what a stranger's text is cut to."""


class ExitCode(IntEnum):
    """Exit status of the command."""

    OK = 0
    """Every submission was measured."""
    SOME_FAILED = 1
    """At least one submission failed; the others are recorded."""
    UNUSABLE = 2
    """The command, the data or a folder cannot be used; what was finished before is recorded."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C or a signal; what was finished is recorded."""


class UserError(Exception):
    """Something the user can put right: printed as one line, without a traceback.

    Args:
        what: what is wrong, in a few words.
        where: the file, argument or key that is wrong; empty if `what` says it.
        remedy: what to do about it; empty if it is obvious.
    """

    status = ExitCode.UNUSABLE
    """Exit status of a command that ends with it."""

    def __init__(self, what: str, *, where: object = "", remedy: str = "") -> None:
        self.what = what
        self.where = str(where)
        self.remedy = remedy
        super().__init__(what, self.where, remedy)

    def __reduce__(self) -> tuple[Callable[..., UserError], tuple[str, str, str]]:
        """Travel to another process."""
        return _make_error, (self.what, self.where, self.remedy)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        text = f"{text}; {self.remedy}" if self.remedy else text
        return " ".join(text.split())


def cause(error: OSError) -> str:
    """Say why the system refused, e.g. `Permission denied`."""
    return error.strerror or str(error)


def printable_line(text: str) -> str:
    """Make one short line of text from a stranger: no control characters reach a terminal."""
    clean = "".join(char if char.isprintable() else " " for char in text)
    line = " ".join(clean.split())
    return line if len(line) <= LINE_AT_MOST else f"{line[: LINE_AT_MOST - 3]}..."


def _make_error(what: str, where: str, remedy: str) -> UserError:
    return UserError(what, where=where, remedy=remedy)
