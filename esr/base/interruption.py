"""Ctrl-C at any moment: one line and exit status 130, once what was begun is put away.

Imports next to nothing: it has to be ready before everything else is imported, which takes a
second.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from esr.base.errors import ExitCode

_AGAIN_S = 0.05


def end_at_once() -> None:
    """Until a command begins, let Ctrl-C end this process where it stands.

    Nothing has to be put away yet. For the program itself, before its other imports.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _end)


def _end(number: int, frame: object) -> None:
    os.write(2, b"interrupted\n")
    os._exit(ExitCode.INTERRUPTED)


@contextmanager
def interruptible(*others: signal.Signals) -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt, but not where one is being dealt with already.

    Afterwards the program of `end_at_once` is left to end in peace.

    Args:
        others: signals that are taken for Ctrl-C; those that are ignored, by nohup say, stay so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kinds = (signal.SIGINT, *others)
    heeded = [kind for kind in kinds if signal.getsignal(kind) is not signal.SIG_IGN]
    before = {kind: signal.signal(kind, _interrupt) for kind in heeded}
    hook, sys.unraisablehook = sys.unraisablehook, _interrupt_again
    try:
        yield
    finally:
        is_program = before.get(signal.SIGINT) is _end
        for kind, handler in before.items():
            signal.signal(kind, signal.SIG_IGN if is_program else handler)
        sys.unraisablehook = hook


def _interrupt(number: int, frame: object) -> None:
    error = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return  # Children are being ended and folders removed; that is bounded.
        error = error.__context__
    raise KeyboardInterrupt


def _interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Interrupt once more where nobody could be told, in a destructor or a callback of C."""
    if unraisable.exc_type is KeyboardInterrupt:
        threading.Timer(_AGAIN_S, os.kill, (os.getpid(), signal.SIGINT)).start()
    else:
        sys.__unraisablehook__(unraisable)
