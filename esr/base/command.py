"""How a command ends: the user's mistakes cost one line, ours keep their traceback."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from typing import NoReturn

from esr.base.errors import ExitCode, UserError, cause
from esr.base.interruption import interruptible

Main = Callable[[list[str]], int]
"""(arguments) -> exit status."""


class Parser(argparse.ArgumentParser):
    """A command line whose mistakes cost one line, as every other mistake of the user does."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        raise UserError(message, where="command line", remedy="see --help")


def command(
    *, interrupted: str = "", debug: bool = False, ended_by: tuple[signal.Signals, ...] = ()
) -> Callable[[Callable[[list[str]], int | None]], Main]:
    """Make a command of a function that takes arguments and returns a status, None for success.

    Args:
        interrupted: what to say to somebody who interrupts it.
        ended_by: signals that interrupt it as Ctrl-C does, so that it stops its children.
        debug: whether it knows `--debug`, which shows the traceback of the user's mistakes as well.
    """

    def decorate(run: Callable[[list[str]], int | None]) -> Main:
        @wraps(run)
        def main(arguments: list[str]) -> int:
            try:
                with interruptible(*ended_by):
                    return _flushed(run(arguments) or ExitCode.OK)
            except KeyboardInterrupt:
                sys.stderr.write(f"interrupted: {interrupted}\n".replace(": \n", "\n"))
                return ExitCode.INTERRUPTED
            except (UserError, OSError) as error:
                if debug and "--debug" in arguments:
                    traceback.print_exc()
                if isinstance(error, OSError):
                    error = UserError(cause(error), where=error.filename or "the system")
                sys.stderr.write(f"error: {error}\n")
                return error.status

        return main

    return decorate


def _flushed(status: int) -> int:
    """Print what is left to print while somebody still hears of it."""
    sys.stdout.flush()
    return status


def print_any_name() -> None:
    """Print what the terminal's encoding lacks as question marks, rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
