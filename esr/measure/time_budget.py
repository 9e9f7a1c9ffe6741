"""What may be spent beyond the official pass, and what was left out for want of time.

Everything beyond the official pass together takes as long as that took, or `--time_budget`
seconds, whichever is more. What would overrun is not started: what a pass costs is known from those
seen before. What figures need is done all the same, and so is what somebody asked for by its own
flag, if only in the least number of rounds; time for both is reserved.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from esr.measure.timing import NowNs, wall_ns


class TimeBudget:
    """Time that runs from now on.

    Args:
        seconds: all there is.
        now_ns: a monotonic clock in nanoseconds.
    """

    def __init__(self, seconds: float = math.inf, now_ns: NowNs = wall_ns) -> None:
        self.seconds, self._now_ns = seconds, now_ns
        self._began_ns = now_ns()
        self._reserved_s = 0.0
        self._left_out: dict[str, None] = {}

    @property
    def spent_s(self) -> float:
        """Seconds since it began."""
        return (self._now_ns() - self._began_ns) / 1e9

    @property
    def available_s(self) -> float:
        """Seconds that are left, without what is reserved."""
        return max(0.0, self.seconds - self.spent_s - self._reserved_s)

    @property
    def left_out(self) -> tuple[str, ...]:
        """What there was no time for, in the order of its turn."""
        return tuple(self._left_out)

    def leave_out(self, what: str) -> None:
        """Note what there is no time for."""
        self._left_out.setdefault(what)

    def allows(self, what: str, cost_s: float) -> bool:
        """Tell whether there is time for something; if not, it is noted as left out."""
        if cost_s <= self.available_s:
            return True
        self.leave_out(what)
        return False

    @contextmanager
    def reserved(self, seconds: float) -> Iterator[None]:
        """Keep time back for what comes later; at most half of all there is."""
        kept_back = min(seconds, self.seconds / 2)
        self._reserved_s += kept_back
        try:
            yield
        finally:
            self._reserved_s -= kept_back


def is_due(is_asked: bool, cost_s: float, used_s: float, timeout_s: float | None) -> bool:
    """Tell whether a pass is made though the time is spent: one that its own flag asks for.

    Not where it would bring the submission near `--timeout`, which loses what was measured before.

    Args:
        is_asked: whether there was such a flag.
        cost_s: of the least number of rounds.
        used_s: since the first image.
        timeout_s: after which the submission's process is killed; None for never.
    """
    return is_asked and (timeout_s is None or used_s + cost_s <= timeout_s / 2)


class RoundTimer:
    """Time for rounds that are alike.

    Args:
        seconds: for all of them.
        now_ns: a monotonic clock in nanoseconds.
    """

    def __init__(self, seconds: float = math.inf, now_ns: NowNs = wall_ns) -> None:
        self._seconds, self._now_ns = seconds, now_ns
        self._began_ns = self._last_ns = now_ns()
        self._longest_s = 0.0

    def end_round(self) -> None:
        """Note that a round has ended, which began when the last one ended."""
        now_ns = self._now_ns()
        self._longest_s = max(self._longest_s, (now_ns - self._last_ns) / 1e9)
        self._last_ns = now_ns

    def restart_round(self) -> None:
        """Note that what was done since the last one was no round."""
        self._last_ns = self._now_ns()

    def is_spent(self, share: float = 1.0) -> bool:
        """Tell whether a share of the time is over."""
        return (self._now_ns() - self._began_ns) / 1e9 > share * self._seconds

    def is_late(self) -> bool:
        """Tell whether another round, as long as the longest so far, would overrun."""
        spent_s = (self._now_ns() - self._began_ns) / 1e9
        return spent_s + self._longest_s > self._seconds
