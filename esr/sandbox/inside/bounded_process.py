"""The process of a submission, seen from inside: bounded, tied to its parent, ended for certain."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from typing import NoReturn

from esr.base.own_memory import linux_memory

FILE_AT_MOST = 2**30
"""Bytes of the largest file a submission may write, its log included."""

_PR_SET_PDEATHSIG = 1


def limit() -> None:
    """Bound the files this process may write, and tie its life to its parent's."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_AT_MOST, FILE_AT_MOST))
    if sys.platform == "linux":
        # Nobody else would ever stop the child of a parent that was killed.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_memory(most_bytes: int) -> None:
    """Let this process hold no more; for CPUs alone, since CUDA maps more than there is.

    Allocations beyond it fail; the parent, which watches as well (`limit_guard`), can only kill.
    """
    if sys.platform == "linux":
        # Stacks and arenas are reserved already, and hardly used.
        unused = max(0, linux_memory("VmData") - linux_memory("RssAnon"))
        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes + unused, most_bytes + unused))


def end(status: int) -> NoReturn:
    """End this process with what was printed on its way, whatever a submission left behind."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # The submission may have closed or replaced it.
            stream.flush()
    # Its threads and exit handlers must not keep the process alive.
    os._exit(status)
