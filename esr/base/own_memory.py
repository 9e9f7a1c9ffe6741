"""Memory of this process, without PyTorch; psutil does not know the peak."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

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
