"""Landlock: rules that a Linux kernel from 5.13 on enforces on a process and all it starts.

A submission then writes to its private folder alone, opens no file but the system's, Python's and
its own, looks into no process of others and, from Linux 6.12 on, signals none. It needs no rights
and costs nothing while a network runs. Names, numbers and layouts:
linux/include/uapi/linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

from esr.sandbox import shown_system
from esr.sandbox.policy import Places

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAPBSET_DROP = 24
_CAPABILITIES = sorted(set(range(64)) - {1, 2})
"""What root may do beyond others, except to open its users' files: as root, a child could read the
environment of its parent (CAP_PERFMON). Those that do not exist are refused, as everybody's are who
is not root."""

_WRITE_FILE, _READ_FILE = 1 << 1, 1 << 2
_CHANGE_FOLDERS = sum(1 << bit for bit in range(4, 13))
"""Remove and make folders, files, sockets, pipes, devices and links."""
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_SCOPES = 0b11
"""Abstract sockets and signals: only within the same rules."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def version() -> int:
    """Ask the kernel which version of Landlock it has; 0 if none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc().syscall(_CREATE, None, ctypes.c_size_t(0), _ASK_VERSION)))


@contextmanager
def rules(places: Places) -> Iterator[Callable[[], None]]:
    """Make the rules for a submission.

    Yields:
        what puts them on the process that calls it, for good; for use between fork and exec.

    Raises:
        OSError: the kernel refuses.
    """
    libc, kernel = _libc(), version()
    write = _WRITE_FILE | (_TRUNCATE if kernel >= 3 else 0)
    everything = write | _CHANGE_FOLDERS | (_REFER if kernel >= 2 else 0)
    wanted = _Ruleset(everything | _READ_FILE, 0, _SCOPES if kernel >= 6 else 0)
    size = ctypes.c_size_t(24 if kernel >= 6 else 8)
    ruleset = _checked(libc.syscall(_CREATE, ctypes.byref(wanted), size, 0))

    def allow(place: Path, access: int) -> None:
        handle = os.open(place, os.O_PATH | os.O_CLOEXEC)
        try:
            rule = _Beneath(access, handle)
            _checked(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0))
        finally:
            os.close(handle)

    def restrict() -> None:
        # Its own only, which has another name in every process.
        allow(Path("/proc/self"), write)
        for capability in _CAPABILITIES:
            libc.prctl(_PR_CAPBSET_DROP, *map(ctypes.c_ulong, (capability, 0, 0, 0)))
        _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))))
        _checked(libc.syscall(_RESTRICT, ruleset, 0))

    try:
        for place in _readable(places):
            with suppress(OSError):  # It was there a moment ago.
                allow(place, _READ_FILE)
        for device in chain(shown_system.devices(), shown_system.gpus()):
            with suppress(OSError):  # Not every system has all of them.
                allow(device, write | _READ_FILE)
        allow(places.folder, everything | _READ_FILE)
        yield restrict
    finally:
        os.close(ruleset)


def _readable(places: Places) -> Iterator[Path]:
    """Name what it may read beside its own folder: files and folders with all that is in them."""
    yield Path("/proc")
    system = chain(shown_system.system_folders(), shown_system.settings())
    for needed in chain((path.resolve() for path in system), places.python, places.own):
        yield from all_but(places.hidden_in(needed), needed)


def all_but(hidden: Sequence[Path], folder: Path) -> Iterator[Path]:
    """Name files and folders that hold everything below `folder` but what is hidden.

    What is put beside something hidden later on is not among them.
    """
    if folder in hidden:
        return
    if not any(place.is_relative_to(folder) for place in hidden):
        yield folder
        return
    with suppress(OSError):
        for entry in os.scandir(folder):
            if not entry.is_symlink():
                yield from all_but(hidden, Path(entry.path))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
