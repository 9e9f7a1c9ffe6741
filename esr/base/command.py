"""How a command ends: the user's mistakes cost one line, ours keep their traceback."""

from __future__ import annotations

import argparse
import platform
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from importlib.metadata import version
from typing import NoReturn

from esr import __version__
from esr.base.did_you_mean import suggest, suggest_flags
from esr.base.errors import ExitCode, UserError, cause
from esr.base.inherited_state import make_ordinary
from esr.base.interruption import interruptible

Main = Callable[[list[str]], int]
"""(arguments) -> exit status."""


class Parser(argparse.ArgumentParser):
    """A command line whose mistakes cost one line, as every other mistake of the user does."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        raise UserError(message, where="command line", remedy="see --help")

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Read the arguments; a flag that does not exist is named with the one that was meant."""
        given, unknown = self.parse_known_args(args, namespace)
        if unknown:
            what = f"unrecognized arguments: {' '.join(unknown)}"
            remedy = suggest_flags(unknown, self._list_flags()) or "see --help"
            raise UserError(what, where="command line", remedy=remedy)
        return given

    def describe_flags(self, title: str, flags: frozenset[str]) -> str:
        """Write what `--help` says of some flags, for the help of a command that passes them on."""
        formatter = self._get_formatter()
        formatter.start_section(title)
        formatter.add_arguments(a for a in self._actions if flags.intersection(a.option_strings))
        formatter.end_section()
        return formatter.format_help()

    def _list_flags(self) -> list[str]:
        below = [
            parser
            for action in self._actions
            if isinstance(action.choices, Mapping)
            for parser in action.choices.values()
            if isinstance(parser, Parser)
        ]
        flags = [flag for action in self._actions for flag in action.option_strings]
        return [*flags, *(flag for parser in below for flag in parser._list_flags())]

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Refuse what is no choice, with the one that was meant, or all."""
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        raise UserError(
            f"argument {_name_of(action)}: invalid choice: '{value}'",
            where="command line",
            remedy=suggest(str(value), known, f"choose from {', '.join(known)}"),
        )


class PrintVersion(argparse.Action):
    """Says what runs here, PyTorch without importing it, and ends the command."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print and leave."""
        sys.stdout.write(f"{describe_version()}\n")
        parser.exit()


def describe_version() -> str:
    """Name the versions of the program, of Python and of PyTorch."""
    return f"esr {__version__}, Python {platform.python_version()}, PyTorch {version('torch')}"


def _name_of(action: argparse.Action) -> str:
    metavar = action.metavar if isinstance(action.metavar, str) else None
    return "/".join(action.option_strings) or metavar or action.dest


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
            make_ordinary()
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
