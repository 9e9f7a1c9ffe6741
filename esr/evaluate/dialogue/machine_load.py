"""What other programs did to the machine while something was timed."""

from __future__ import annotations

import contextlib
import os
import time

import psutil

from esr.sandbox.process_tree import descendants


class LoadMeter:
    """Processor time that neither this process nor any below it has used, from now on."""

    def __init__(self) -> None:
        self._began_s, self._others_s = time.monotonic(), _others_s()

    def busy_cores(self) -> float | None:
        """Cores that others have kept busy, on average; None where the system does not say."""
        elapsed_s, now_s = time.monotonic() - self._began_s, _others_s()
        if self._others_s is None or now_s is None or elapsed_s <= 0:
            return None
        # The kernel counts in ticks of 10 ms, so a difference may be a little below nothing.
        return max(0.0, (now_s - self._others_s) / elapsed_s)


def _others_s() -> float | None:
    """Seconds that all processors have worked for others since the machine was started."""
    try:
        whole = psutil.cpu_times()
    except (OSError, psutil.Error):
        return None
    # What a virtual machine was not given counts too.
    names = ("user", "nice", "system", "irq", "softirq", "steal")
    return sum(getattr(whole, name, 0.0) for name in names) - _ours_s()


def _ours_s() -> float:
    own, ours_s = os.getpid(), 0.0
    with contextlib.suppress(psutil.Error):
        for process in (psutil.Process(own), *descendants(own)):
            with contextlib.suppress(psutil.Error):  # It may end meanwhile.
                used = process.cpu_times()
                ours_s += used.user + used.system
    return ours_s
