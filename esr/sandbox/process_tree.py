"""The processes that descend from this one, ended so that none survives.

One that vanishes, or that may not be looked at, while it is looked at is nothing unusual.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import psutil

_IS_LINUX = sys.platform == "linux"
_PR_SET_CHILD_SUBREAPER = 36
_GIVE_UP_S = 10.0
_LATE_S = 0.3
"""Helpers of PyTorch and of multiprocessing end by themselves, soon after what they help."""


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends: a daemon cannot get away."""
    if _IS_LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(pid: int) -> Iterator[int]:
    """Name the children of a process; one that is born or dies meanwhile may be missing.

    The kernel's own list, where there is one: psutil reads every process of the machine for it,
    which among 100 processes takes 0.8 ms instead of 0.03 ms.
    """
    with contextlib.suppress(OSError, psutil.Error):
        if not _IS_LINUX:
            yield from (child.pid for child in psutil.Process(pid).children())
            return
        for thread in os.scandir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                yield from map(int, Path(thread.path, "children").read_text().split())


def descendants(pid: int, without: Collection[int] = ()) -> list[psutil.Process]:
    """Find all processes below one, from a look at every process of the machine.

    Args:
        pid: whose descendants.
        without: processes that are left out, with all below them.
    """
    left_out, below = {*without}, []
    for process in psutil.Process(pid).children(recursive=True):  # A parent before its children.
        with contextlib.suppress(psutil.Error):
            if left_out.isdisjoint((process.pid, process.ppid())):
                below.append(process)
            else:
                left_out.add(process.pid)
    return below


def end(
    child: subprocess.Popen[bytes], ours: Collection[int], home: Path | None = None
) -> list[str]:
    """Kill a child, its group and all that descends from it, until nothing is left.

    Args:
        child: what was started.
        ours: descendants from before it was started, which are none of it, nor is what they start.
        home: what it was told is its home; tells its daemons where orphans are not adopted.

    Returns:
        names of the processes that outlived the child.
    """
    outlived = [] if child.poll() is None else _outliving(child, ours, home)
    # The group outlives its leader when the submission started processes of its own.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + _GIVE_UP_S
    while (strays := _strays(child, ours, home)) and time.monotonic() < deadline:
        # Stopped first: what is stopped cannot fork faster than we kill.
        for send in (psutil.Process.suspend, psutil.Process.kill):
            for process in strays:
                with contextlib.suppress(psutil.Error):
                    send(process)
        _reap(strays)
    child.wait()
    return outlived


def _outliving(
    child: subprocess.Popen[bytes], ours: Collection[int], home: Path | None
) -> list[str]:
    deadline = time.monotonic() + _LATE_S
    while (names := _names(_strays(child, ours, home))) and time.monotonic() < deadline:
        time.sleep(_LATE_S / 10)
    return names


def _strays(
    child: subprocess.Popen[bytes], ours: Collection[int], home: Path | None
) -> list[psutil.Process]:
    strays = descendants(os.getpid(), ours)
    if home is not None and not _IS_LINUX:
        # Nobody adopts orphans there: the environment they inherited tells whose they are.
        strays += (process for process in psutil.process_iter() if _lives_in(home, process))
    return [process for process in strays if process.pid != child.pid]


def _lives_in(home: Path, process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error, OSError):
        return process.environ().get("HOME") == str(home)
    return False


def _reap(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(ChildProcessError):  # Its own parent is still there.
            os.waitpid(process.pid, os.WNOHANG)


def _names(processes: list[psutil.Process]) -> list[str]:
    names = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                names.append(process.name())
    return names
