"""The cores of this machine, for what releases the interpreter lock: decoding, metrics, NumPy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_parallel(call: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Map over items in one thread a core; when it returns, the threads are gone."""
    with ThreadPoolExecutor(max_workers=cores()) as pool:
        return list(pool.map(call, items))
