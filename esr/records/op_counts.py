"""What was seen of a forward pass while its operations were counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Counter = Literal["official", "fvcore", "thop"]
Watcher = Literal["official", "fvcore", "thop", "dispatch"]
WATCHERS: tuple[Watcher, ...] = ("official", "fvcore", "thop", "dispatch")


@dataclass(frozen=True)
class OpCount:
    """An operation that a counter met and did not count."""

    name: str
    """Operator name, e.g. `aten::add`."""
    calls: int


@dataclass(frozen=True)
class Missed:
    """What the dispatcher saw and another counter did not."""

    counter: Counter
    flops: int
    """Multiply-adds."""
    num_conv: int
    """Convolutions."""
    ops: tuple[OpCount, ...] = ()
    """Operations missed, with their calls; fvcore does not tell, but see `fvcore_uncounted`."""


@dataclass(frozen=True)
class Dispatched:
    """One forward pass as PyTorch's dispatcher saw it."""

    num_conv: int
    """Convolutions, whatever called them."""
    flops_unused: int
    """Multiply-adds whose result does not reach the output; a tracer leaves them out."""
    num_conv_unused: int
    uncounted: tuple[OpCount, ...]
    """Operations that compute and have no formula."""
    arithmetic: int
    """Additions, multiplications and the like in those, at least."""
    untouched: tuple[str, ...]
    """Parameters that no operation read."""
    untouched_elements: int
    unregistered_elements: int
    """Elements of weights of convolutions and products that are no parameters."""


@dataclass(frozen=True)
class CustomOp:
    """An operation that does not come with PyTorch."""

    name: str
    calls: int
    time_share: float
    """Of the pass; operations of PyTorch that it calls are counted and not in here."""


@dataclass(frozen=True)
class SidePath:
    """What may have been computed where the dispatcher does not look."""

    custom_ops: tuple[CustomOp, ...]
    exits: tuple[OpCount, ...]
    """Calls that hand tensors to others, e.g. `Tensor.numpy`."""
    exit_elements: int
    foreign_elements: int
    """Elements of tensors as large as the image that no operation has made."""
    outside_share: float
    """Share of the pass spent between operations, where longer than Python needs."""
    threads_share: float
    """Processor time of other threads, as a share of that of all."""


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs in one forward pass, all its calls together."""

    name: str
    """Path in the network, e.g. `B1.c1_r`."""
    kind: str
    """Type of the layer; `(functional)` for what a module with parts does itself."""
    calls: int
    output_shape: tuple[int, ...] | None
    """Of the last call, batch included; None if it is no tensor."""
    params: int
    """A parameter that layers share counts for the first of them."""
    flops: int
    """Multiply-adds that the dispatcher saw."""
    activations: int
    """By the official rule."""
    time_ms: float
    """Median over some passes, with a stopwatch around every layer."""
