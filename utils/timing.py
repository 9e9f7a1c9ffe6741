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


def stopwatch(device: torch.device) -> Stopwatch:
    """Choose the stopwatch for a device."""
    return CudaStopwatch() if device.type == "cuda" else WallStopwatch()


class PeakMemory:
    """Peak of allocated GPU memory: since the process began, and since the last `restart`."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._on_gpu = device.type == "cuda"
        self._earlier_mib = 0.0

    def restart(self) -> None:
        """Begin a new data set."""
        if self._on_gpu:
            self._earlier_mib = max(self._earlier_mib, self._now_mib())
            torch.cuda.reset_peak_memory_stats(self._device)

    def official_mib(self) -> float | None:
        """`max_memory_allocated` as if it had never been reset; None on the CPU."""
        return max(self._earlier_mib, self._now_mib()) if self._on_gpu else None

    def split_mib(self) -> float | None:
        """`max_memory_allocated` since the last restart; None on the CPU."""
        return self._now_mib() if self._on_gpu else None

    def _now_mib(self) -> float:
        return torch.cuda.max_memory_allocated(self._device) / MIB


def peak_rss_mib() -> float:
    """Peak resident memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts KiB, macOS bytes.
    return peak / MIB if sys.platform == "darwin" else peak / 1024
