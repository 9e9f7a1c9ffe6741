"""The cores and the memory that this process has, without PyTorch.

Cores are for what releases the interpreter lock: decoding, metrics, NumPy. psutil does not know the
peak of the memory.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""From malloc.h of glibc."""
_KEPT_AT_MOST = 2**30
_LARGEST_KEPT = 2**25


def keep_freed_memory() -> None:
    """Have glibc keep what arrays of up to 32 MiB leave behind for the next ones.

    It returns such memory to the system at once, and threads that decode image after image spend a
    quarter of their time waiting for fresh pages. Elsewhere this does nothing.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_AT_MOST)
        # Else every pool of threads would keep memory that no later one finds.
        libc.mallopt(_M_ARENA_MAX, 1)


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_parallel(call: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Map over items in one thread a core; when it returns, the threads are gone."""
    with ThreadPoolExecutor(max_workers=cores()) as pool:
        return list(pool.map(call, items))


MIB = 1024**2


def peak_rss_mib() -> float:
    """Peak resident memory of this process."""
    if sys.platform == "linux":
        # Not ru_maxrss: a child begins with that of the parent it was forked from.
        return linux_memory("VmHWM") / MIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


def linux_memory(name: str) -> int:
    """Read one of the figures of proc_pid_status(5), in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
