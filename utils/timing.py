"""Runtime of one forward pass, and peak memory.

Official definition (`test_demo.py`): one pair of CUDA events around the forward pass, in
milliseconds, no warm-up, copies to and from the device outside; mean over all images. On the CPU
the same region is timed by a monotonic clock.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import torch

from utils.record import Clock

T = TypeVar("T")
MIB = 1024**2


class Stopwatch(Protocol):
    """Times one call."""

    clock: Clock

    def time(self, call: Callable[[], T]) -> tuple[T, float]:
        """Run `call` and return its result and its duration in milliseconds."""


class CudaStopwatch:
    """GPU time between two events on the current stream."""

    clock: Clock = "cuda_event"

    def __init__(self) -> None:
        self._start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        self._end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]

    def time(self, call: Callable[[], T]) -> tuple[T, float]:
        """Run `call` and return its result and its duration in milliseconds."""
        self._start.record()
        result = call()
        self._end.record()
        torch.cuda.synchronize()
        return result, float(self._start.elapsed_time(self._end))


class WallStopwatch:
    """Wall-clock time, for the CPU.

    Args:
        now_ns: a monotonic clock in nanoseconds.
    """

    clock: Clock = "perf_counter"

    def __init__(self, now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._now_ns = now_ns

    def time(self, call: Callable[[], T]) -> tuple[T, float]:
        """Run `call` and return its result and its duration in milliseconds."""
        start = self._now_ns()
        result = call()
        return result, (self._now_ns() - start) / 1e6


class PeakMemory(Protocol):
    """Peak of allocated device memory: since the process began, and since the last `restart`."""

    def restart(self) -> None:
        """Begin a new data set."""

    def official_mib(self) -> float | None:
        """The peak as if it had never been reset; None if unknown."""

    def split_mib(self) -> float | None:
        """The peak since the last restart; None if unknown."""


class CudaMemory:
    """Peak of `torch.cuda.max_memory_allocated`, which the official script never resets."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._earlier_mib = 0.0

    def restart(self) -> None:
        """Begin a new data set."""
        self._earlier_mib = max(self._earlier_mib, self.split_mib())
        torch.cuda.reset_peak_memory_stats(self._device)

    def official_mib(self) -> float:
        """The peak as if it had never been reset."""
        return max(self._earlier_mib, self.split_mib())

    def split_mib(self) -> float:
        """The peak since the last restart."""
        return torch.cuda.max_memory_allocated(self._device) / MIB


class UnknownMemory:
    """For devices without a counter of their own; host memory is `peak_rss_mib`."""

    def __init__(self, device: torch.device) -> None:
        del device

    def restart(self) -> None:
        """Begin a new data set."""

    def official_mib(self) -> None:
        """Unknown."""

    def split_mib(self) -> None:
        """Unknown."""


def peak_rss_mib() -> float:
    """Peak resident memory of this process."""
    if sys.platform == "linux":
        # Not ru_maxrss: a child begins with that of the parent it was forked from.
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
