"""Runtime of one forward pass, and peak memory.

Official definition (`test_demo.py`): one pair of CUDA events around the forward pass, in
milliseconds, no warm-up, copies to and from the device outside; mean over all images. On the CPU
the same region is timed by a monotonic clock.

The clocks are taken here, when no submission has been imported yet: one that puts something else in
their place later is seen (`esr.audit.replaced_functions`) and timed by the real ones all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch

from esr.base.own_memory import MIB
from esr.records.timing_samples import Clock

T = TypeVar("T")

NowNs = Callable[[], int]
"""A clock in nanoseconds."""

wall_ns: NowNs = time.perf_counter_ns
process_cpu_ns: NowNs = time.process_time_ns
thread_cpu_ns: NowNs = time.thread_time_ns
pause = time.sleep
synchronize = torch.cuda.synchronize
_EVENT = torch.cuda.Event
_RECORD = torch.cuda.Event.record
_ELAPSED_MS = torch.cuda.Event.elapsed_time


def other_threads_ns() -> int:
    """Read how long the other threads of this process have computed."""
    return process_cpu_ns() - thread_cpu_ns()


def settle(tick_s: float = 0.05, ticks: int = 40, rest_ns: float = 1e5) -> None:
    """Wait until the other threads are at rest, or have shown that they never are.

    PyTorch's own spin for a while after their work.
    """
    for _ in range(ticks):
        before = other_threads_ns()
        pause(tick_s)
        if other_threads_ns() - before < rest_ns:
            return


@dataclass(frozen=True)
class Lap:
    """What a stopwatch says of one call."""

    ms: float
    """The figure, in milliseconds."""
    wall_ms: float
    """The same call by the wall clock, to the moment when the whole device is idle."""
    launch_ms: float | None = None
    """By the wall clock to the moment when all of it was queued; None where nothing queues."""


class Stopwatch(Protocol):
    """Times one call."""

    clock: Clock

    def time(self, call: Callable[[], T]) -> tuple[T, Lap]:
        """Run `call` and return its result and its duration."""


class CudaStopwatch:
    """GPU time between two events on the current stream.

    Args:
        now_ns: a monotonic clock in nanoseconds; read outside the two events.
    """

    clock: Clock = "cuda_event"

    def __init__(self, now_ns: NowNs = wall_ns) -> None:
        self._start = _EVENT(enable_timing=True)  # type: ignore[no-untyped-call]
        self._end = _EVENT(enable_timing=True)  # type: ignore[no-untyped-call]
        self._now_ns = now_ns

    def time(self, call: Callable[[], T]) -> tuple[T, Lap]:
        """Run `call` and return its result and its duration."""
        before = self._now_ns()
        _RECORD(self._start)
        result = call()
        _RECORD(self._end)
        launch_ms = (self._now_ns() - before) / 1e6
        synchronize()
        wall_ms = (self._now_ns() - before) / 1e6
        return result, Lap(float(_ELAPSED_MS(self._start, self._end)), wall_ms, launch_ms)


class WallStopwatch:
    """Wall-clock time, for the CPU.

    Args:
        now_ns: a monotonic clock in nanoseconds.
    """

    clock: Clock = "perf_counter"

    def __init__(self, now_ns: NowNs = wall_ns) -> None:
        self._now_ns = now_ns

    def time(self, call: Callable[[], T]) -> tuple[T, Lap]:
        """Run `call` and return its result and its duration."""
        start = self._now_ns()
        result = call()
        ms = (self._now_ns() - start) / 1e6
        return result, Lap(ms, ms)


class PeakMemory:
    """Peak of allocated device memory: since the process began, and since the last `restart`.

    This one is for devices without a counter of their own; host memory is `esr.base.threads`.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def restart(self) -> None:
        """Begin a new data set."""

    def release(self) -> None:
        """Give back what the allocator keeps for later."""

    def aside(self) -> AbstractContextManager[None]:
        """Leave what is allocated within out of the peaks of what is allocated."""
        return nullcontext()

    def official_mib(self) -> float | None:
        """The peak as if it had never been reset; None if unknown."""
        return None

    def split_mib(self) -> float | None:
        """The peak since the last restart; None if unknown."""
        return None

    def reserved_mib(self) -> float | None:
        """The peak since the last restart of what PyTorch's allocator held; None if unknown."""
        return None

    def free_bytes(self) -> int | None:
        """What the device has left; None where it is no memory of its own."""
        return None


class CudaMemory(PeakMemory):
    """Peak of `torch.cuda.max_memory_allocated`, which the official script never resets."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self._earlier_mib = 0.0
        self._before_aside_mib = 0.0
        # Statistics cannot be reset before there is a context, and nothing may have made one yet:
        # a network without parameters has no tensor on the GPU. The first image would make it.
        torch.cuda.init()  # type: ignore[no-untyped-call]

    def restart(self) -> None:
        """Begin a new data set."""
        self._earlier_mib = max(self._earlier_mib, self.split_mib())
        self._before_aside_mib = 0.0
        torch.cuda.reset_peak_memory_stats(self._device)

    def release(self) -> None:
        """Give back what the allocator keeps for later."""
        torch.cuda.empty_cache()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave what is allocated within out of the peaks of what is allocated."""
        before_mib = self.split_mib()
        try:
            yield
        finally:
            if self.split_mib() > before_mib:
                self._before_aside_mib = before_mib
                torch.cuda.reset_peak_memory_stats(self._device)

    def official_mib(self) -> float:
        """The peak as if it had never been reset."""
        return max(self._earlier_mib, self.split_mib())

    def split_mib(self) -> float:
        """The peak since the last restart."""
        return max(self._before_aside_mib, torch.cuda.max_memory_allocated(self._device) / MIB)

    def reserved_mib(self) -> float:
        """The peak since the last restart of what PyTorch's allocator held, caches included."""
        return torch.cuda.max_memory_reserved(self._device) / MIB

    def free_bytes(self) -> int:
        """What the device has left."""
        free_bytes, _ = torch.cuda.mem_get_info(self._device)
        return free_bytes
