"""The limit of memory, as the worker holds itself to it: allocations beyond it fail.

The parent watches as well (`esr.sandbox.limit_guard`); it can only kill.
"""

from __future__ import annotations

import resource
import sys

from esr.base.own_memory import linux_memory


def limit_memory(most_bytes: int) -> None:
    """Let this process hold no more; for CPUs alone, since CUDA maps more than there is."""
    if sys.platform == "linux":
        # Stacks and arenas are reserved already, and hardly used.
        reserved, resident = linux_memory("VmData"), linux_memory("RssAnon")
        most = most_bytes + max(0, reserved - resident)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
