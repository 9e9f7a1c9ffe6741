"""What the dispatcher does not see of a forward pass: NumPy, threads, foreign kernels.

Work beside PyTorch leaves traces: time between the operations, time in other threads, tensors
that leave, and tensors that no operation made. A process started earlier leaves only the last.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from esr.measure.counts.memory_pieces import Memory, elements, storages_of
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
            self.elements += args[0].numel()
        return func(*args, **(kwargs or {}))


class Storages:
    """Where the numbers come from: a parameter, another tensor of the model, or an operation."""

    def __init__(self, model: nn.Module, dummy: Tensor) -> None:
        self._parameters: dict[Hashable, dict[str, int]] = {}
        for name, parameter in model.named_parameters():
            for storage in storages_of(parameter):
                self._parameters.setdefault(storage, {})[name] = elements(parameter)
        self._attributes = {
            storage: elements(tensor)
            for module in model.modules()
            for tensor in _tensors(vars(module))
            for storage in storages_of(tensor)
            if storage not in self._parameters
        }
        self._input = storages_of(dummy)
        self._known = {*self._parameters, *self._attributes, *self._input}
        self._made: set[Hashable] = set()
        self._multiplied: dict[Hashable, int] = {}
        self._read: set[Hashable] = set()
        self._weights: set[Hashable] = set()
        self._foreign_from = dummy.shape[-1] * dummy.shape[-2]
        self.foreign_elements = 0

    def read(self, tensors: Iterable[Tensor], *, weights: bool) -> Memory:
        """Note what an operation is given, and whether it multiplies with weights."""
        given = {storage: tensor for tensor in tensors for storage in storages_of(tensor)}
        self._read.update(given)
        for storage, tensor in given.items():
            if weights and storage in self._attributes:
                self._weights.add(storage)
            if weights and storage not in self._made and storage not in self._input:
                seen = self._multiplied.get(storage, 0)
                self._multiplied[storage] = max(seen, elements(tensor))
            if storage not in self._known:
                self._known.add(storage)
                if elements(tensor) >= self._foreign_from:
                    self.foreign_elements += elements(tensor)
        return frozenset(given)

    def made(self, tensors: Iterable[Tensor]) -> Memory:
        """Note what an operation returned."""
        storages = frozenset(storage for tensor in tensors for storage in storages_of(tensor))
        # A view of what was there before is not made.
        self._made |= storages - self._read
        self._known |= storages
        return storages

    def has_made(self, tensor: Tensor) -> bool:
        """Whether an operation was seen to make what a tensor holds."""
        return storages_of(tensor) <= self._made

    def multiplied(self) -> int:
        """Elements of what was multiplied with and is neither the image nor made from anything."""
        return sum(self._multiplied.values())

    def untouched(self) -> dict[str, int]:
        """Parameters that no operation read: name and elements."""
        unread = (names for storage, names in self._parameters.items() if storage not in self._read)
        return {name: elements for names in unread for name, elements in names.items()}

    def unregistered(self) -> int:
        """Elements of weights that are no parameters: buffers and plain attributes."""
        return sum(self._attributes[storage] for storage in self._weights)


def _tensors(value: object, depth: int = 4) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif depth and isinstance(value, Mapping):
        for item in list(value.values()):
            yield from _tensors(item, depth - 1)
    elif depth and isinstance(value, list | tuple | set):
        for item in value:
            yield from _tensors(item, depth - 1)
