"""The limit of memory, as the worker holds itself to it: allocations beyond it fail.

The parent watches as well (`esr.sandbox.limit_guard`); it can only kill.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def limit_memory(most_bytes: int) -> None:
    """Let this process hold no more; for CPUs alone, since CUDA maps more than there is."""
    if sys.platform == "linux":
        # Stacks and arenas are reserved already, and hardly used.
        reserved, resident = _data_bytes()
        most = most_bytes + max(0, reserved - resident)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _data_bytes() -> tuple[int, int]:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    reserved, resident = (1024 * int(fields[name].split()[0]) for name in ("VmData", "RssAnon"))
    return reserved, resident
