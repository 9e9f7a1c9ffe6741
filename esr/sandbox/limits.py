"""How much of the machine one submission may use."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

GIB = 2**30
MEMORY_SHARE = 0.8
"""Of the machine's memory, unless the user says otherwise."""
DISK_GIB = 8.0
PROCESSES_AT_MOST = 1000


@dataclass(frozen=True)
class Limits:
    """Limits of one submission."""

    timeout_s: float
    memory_bytes: int
    """Of all its processes together."""
    disk_bytes: int
    """Of its private folder, beside what is put there before it starts, and SR images."""


def memory_bytes(stated_gib: float | None) -> int:
    """Turn the stated limit, or the machine's memory, into bytes."""
    if stated_gib is not None:
        return int(stated_gib * GIB)
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(MEMORY_SHARE * min(installed, _of_container()))


def _of_container() -> float:
    # A container's own limit, by control groups version 2; "max" if there is none.
    with suppress(OSError, ValueError):
        return int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8"))
    return math.inf
