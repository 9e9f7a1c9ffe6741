"""What a submission could change of its parent where nothing holds it back, put back after it."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields

_LIMITS = tuple(name for name in dir(resource) if name.startswith("RLIMIT_"))


@dataclass(frozen=True)
class ParentState:
    """Processors, priority and limits of this process."""

    processors: frozenset[int]
    niceness: int
    limits: tuple[tuple[int, int], ...]
    """(soft, hard) of each kind that this system knows."""

    @classmethod
    def now(cls) -> ParentState:
        """Take it as it is."""
        affinity: Callable[[int], set[int]] = getattr(os, "sched_getaffinity", lambda _: set())
        return cls(
            processors=frozenset(affinity(0)),
            niceness=os.getpriority(os.PRIO_PROCESS, 0),
            limits=tuple(resource.getrlimit(getattr(resource, name)) for name in _LIMITS),
        )

    def restore(self) -> list[str]:
        """Put back what has changed, as far as this user may.

        Returns:
            what had changed.
        """
        after = ParentState.now()
        changed = [f.name for f in fields(self) if getattr(self, f.name) != getattr(after, f.name)]
        if "processors" in changed:
            with suppress(OSError):
                os.sched_setaffinity(0, self.processors)
        if "niceness" in changed:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, 0, self.niceness)
        if "limits" in changed:
            for name, both in zip(_LIMITS, self.limits, strict=True):
                with suppress(OSError, ValueError):
                    resource.setrlimit(getattr(resource, name), both)
        return changed
