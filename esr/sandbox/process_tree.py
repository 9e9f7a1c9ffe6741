"""The processes that descend from this one: found in /proc, and ended so that none survives."""

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

_PR_SET_CHILD_SUBREAPER = 36
_GIVE_UP_S = 10.0
_LATE_S = 0.3
"""Helpers of PyTorch and of multiprocessing end by themselves, soon after what they help."""
_PROC = Path("/proc")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends: a daemon cannot get away."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(pid: int) -> Iterator[int]:
    """Name the children of a process; one that is born or dies meanwhile may be missing."""
    with contextlib.suppress(OSError):
        for thread in os.scandir(_PROC / str(pid) / "task"):
            with contextlib.suppress(OSError):
                yield from map(int, Path(thread.path, "children").read_text().split())


def descendants(pid: int, without: Collection[int] = ()) -> list[int]:
    """Name all processes below one, from a look at every process of the machine.

    Args:
        pid: whose descendants.
        without: processes that are left out, with all below them.
    """
    parents = dict(_parents())
    below: dict[int, list[int]] = {}
    for child, parent in parents.items():
        below.setdefault(parent, []).append(child)
    found, todo = [], [pid]
    while todo:
        born = [child for child in below.get(todo.pop(), []) if child not in without]
        found += born
        todo += born
    return found


def _parents() -> Iterator[tuple[int, int]]:
    if not _PROC.is_dir():
        return
    for entry in os.scandir(_PROC):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = Path(entry.path, "stat").read_bytes()
                # The name may hold anything; what follows its last bracket is state and parent.
                yield int(entry.name), int(stat.rpartition(b")")[2].split()[1])


def end(child: subprocess.Popen[bytes], ours: set[int]) -> list[str]:
    """Kill a child, its group and all that descends from it, until nothing is left.

    Args:
        child: what was started.
        ours: descendants from before it was started, which are none of it, nor is what they start.

    Returns:
        names of the processes that outlived the child.
    """
    outlived = [] if child.poll() is None else _outliving(child, ours)
    # The group outlives its leader when the submission started processes of its own.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + _GIVE_UP_S
    while (strays := _strays(child, ours)) and time.monotonic() < deadline:
        # Stopped first: what is stopped cannot fork faster than we kill.
        for signal_number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in strays:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal_number)
        _reap(strays)
    child.wait()
    return outlived


def _outliving(child: subprocess.Popen[bytes], ours: set[int]) -> list[str]:
    deadline = time.monotonic() + _LATE_S
    while (names := _names(_strays(child, ours))) and time.monotonic() < deadline:
        time.sleep(_LATE_S / 10)
    return names


def _strays(child: subprocess.Popen[bytes], ours: set[int]) -> list[int]:
    return [pid for pid in descendants(os.getpid(), ours) if pid != child.pid]


def _reap(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ChildProcessError):  # Its own parent is still there.
            os.waitpid(pid, os.WNOHANG)


def _names(pids: list[int]) -> list[str]:
    names = []
    for pid in pids:
        with contextlib.suppress(OSError):
            state = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[0]
            if state != b"Z":
                names.append((_PROC / str(pid) / "comm").read_text(errors="replace").strip())
    return names
