"""What a process inherits from whoever starts it, made ordinary before a command begins.

A scheduler, a service or `>&-` in a script may hand on standard streams that are closed, ended
children that nobody is told of, or rights that keep the owner from the files that he makes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

_OWNERS = 0o700


def make_ordinary() -> None:
    """Open closed standard streams, hear of ended children, let the owner use what is made."""
    _open_streams()
    if threading.current_thread() is not threading.main_thread():
        return
    # bubblewrap, which inherits it, waits for ever for a child of whose end it is not told.
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.umask(os.umask(_OWNERS) & ~_OWNERS)


def _open_streams() -> None:
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is this one; a file of results must not get it.
            os.open(os.devnull, os.O_RDWR)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            with suppress(OSError):
                nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115
                setattr(sys, name, nowhere)
