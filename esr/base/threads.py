"""The cores of this machine, for what releases the interpreter lock: decoding, metrics, NumPy."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
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
