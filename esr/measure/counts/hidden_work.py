"""What the dispatcher does not see of a forward pass: NumPy, threads, foreign kernels.

Work beside PyTorch leaves traces: time between the operations, time in other threads, tensors
that leave, and tensors that no operation made. A process started earlier leaves only the last.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import (
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from esr.measure.counts.storages import Storages
from esr.measure.registered import elements
from esr.measure.timing import other_threads_ns

GAP_MS = 3.0
"""Time between two operations that Python itself does not need."""

EXITS: Mapping[Any, str] = {
    getattr(Tensor, name): f"Tensor.{name}"
    for name in ("numpy", "__array__", "tolist", "data_ptr", "__dlpack__")
}
"""Ways out of PyTorch, none of which is an operation."""


class SideWatch:
    """Everything that is noted beside the operations of one pass."""

    def __init__(self, model: nn.Module, dummy: Tensor) -> None:
        self.storages = Storages(model, dummy)
        self.exits = Exits()
        # On the CPU, time of the processor, as others are busy too.
        on_cpu = dummy.device.type == "cpu"
        self.clock = WorkClock(time.thread_time if on_cpu else wall_clock(dummy.device))


class WorkClock:
    """Where the time of a pass goes.

    Args:
        now: a clock in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._started = self._last = self._now()
        self._threads = -other_threads_ns()
        self._stack: list[object] = []
        self.spent: defaultdict[object, float] = defaultdict(float)
        """Seconds in each operation or module, those in what it calls apart."""
        self.outside = 0.0
        """Seconds between operations, where they are longer than `GAP_MS`."""

    def enter(self, part: object) -> None:
        """Begin an operation or a module."""
        self._book()
        self._stack.append(part)

    def leave(self) -> None:
        """End what began last."""
        self._book()
        self._stack.pop()

    @contextmanager
    def during(self, part: object) -> Iterator[None]:
        """Book the time meanwhile on an operation or a module."""
        self.enter(part)
        try:
            yield
        finally:
            self.leave()

    def stop(self) -> tuple[float, float]:
        """End the pass.

        Returns:
            (seconds of the pass, seconds of other threads' processor time)
        """
        self._book()
        return self._last - self._started, max(0, self._threads + other_threads_ns()) / 1e9

    def _book(self) -> None:
        now = self._now()
        elapsed, self._last = now - self._last, now
        if self._stack:
            self.spent[self._stack[-1]] += elapsed
        elif elapsed * 1000 > GAP_MS:
            self.outside += elapsed


def wall_clock(device: torch.device) -> Callable[[], float]:
    """Make a clock in seconds that waits until a device is idle."""

    def now() -> float:
        if device.type != "cpu":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    return now


class Exits(TorchFunctionMode):
    """Notes which tensors leave PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.elements = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        name = EXITS.get(func)
        if name is not None:
            self.calls[name] += 1
            self.elements += elements(args[0])
        return func(*args, **(kwargs or {}))
