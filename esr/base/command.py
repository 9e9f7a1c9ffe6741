"""How a command ends: the user's mistakes cost one line, ours keep their traceback."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from esr.base.errors import ExitCode, UserError, cause


class Parser(argparse.ArgumentParser):
    """A command line whose mistakes cost one line, as every other mistake of the user does."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        raise UserError(message, where="command line", remedy="see --help")


def ended(run: Callable[[], int | None], *, interrupted: str = "", debug: bool = False) -> int:
    """Run a command to its end.

    Args:
        run: the command; returns its exit status, None for success.
        interrupted: what to say to somebody who interrupts it.
        debug: whether to show the traceback of the user's mistakes as well.

    Returns:
        The exit status.
    """
    try:
        return run() or ExitCode.OK
    except KeyboardInterrupt:
        sys.stderr.write(f"interrupted: {interrupted}\n".replace(": \n", "\n"))
        return ExitCode.INTERRUPTED
    except (UserError, OSError) as error:
        if debug:
            traceback.print_exc()
        if isinstance(error, OSError):
            error = UserError(cause(error), where=error.filename or "the system")
        sys.stderr.write(f"error: {error}\n")
        return error.status


def heed_termination() -> None:
    """Let SIGTERM and SIGHUP interrupt this process as Ctrl-C does, so that it stops its children.

    What nohup has told it to ignore it ignores.
    """
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, signal.default_int_handler)


def print_any_name() -> None:
    """Print what the terminal's encoding lacks as question marks, rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
