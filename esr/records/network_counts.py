"""What was counted of a network: parameters, operations, layers, and what counters did not see.

What is unknown is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
class Unregistered:
    """Numbers that a network has learned, or drawn, and that are no parameters."""

    name: str
    """Of the attribute, or where else they come from."""
    elements: int


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
    """Of all weights that reach the output and are no parameters; of `unregistered` where known."""
    fourier: int = 0
    """Real operations of Fourier transforms, 5 N log2 N and half for real ones; in `arithmetic`."""
    unknown: tuple[OpCount, ...] = ()
    """Operations of PyTorch with no formula that are not known to multiply nothing."""
    unregistered: tuple[Unregistered, ...] = ()
    """Weights that are no parameters, the largest first."""


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
    looks: int = 1
    """Passes that were watched; of every share the least is kept. Older records lack it."""


@dataclass(frozen=True)
class CountedPass:
    """What the dispatcher saw of a pass over an image that is timed as every other is."""

    calls: tuple[tuple[int, int], ...]
    """(height, width) of what the network is given: more than one image where it is tiled."""
    flops: int
    """Multiply-adds."""
    unregistered_elements: int
    """Elements of weights that the output depends on and that are no parameters."""
    untouched_elements: int
    """Of parameters that no operation read."""
    outside_share: float
    """Share of the pass spent between operations, where longer than Python needs."""
    makes_output: bool
    """Whether operations were seen to make what was returned."""
    flops_of_images: int = 0
    """Those of products of what was computed of the image with such again (attention)."""


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


@dataclass(frozen=True)
class Counts:
    """Complexity of a network for one input of `input_size`; a counter that failed left None."""

    input_size: tuple[int, int, int]
    """(channels, height, width) of the dummy input, batch 1."""
    params: int | None
    """Elements of all parameters, frozen ones included, buffers not; None where no network is
    handed over, but a function that reads and writes images."""
    flops_official: int | None
    """Official counter (`esr.measure.counts.official_counts`); one multiply-add is one FLOP."""
    flops_fvcore: int | None
    """fvcore's `FlopCountAnalysis`; one multiply-add is one FLOP."""
    flops_thop: int | None
    """thop's `profile`; one multiply-add is one FLOP."""
    activations: int | None
    """Output elements of all Conv2d and ConvTranspose2d calls, by the official rule."""
    num_conv: int | None
    """Calls of Conv2d and ConvTranspose2d, by the official rule."""
    fvcore_uncounted: tuple[OpCount, ...] = ()
    """Operations that fvcore does not count."""
    notes: tuple[str, ...] = ()
    """Why a counter left None, one line each."""
    flops_dispatch: int | None = None
    """PyTorch's formulas (`torch.utils.flop_counter`), halved, at the dispatcher."""
    dispatched: Dispatched | None = None
    missed: tuple[Missed, ...] = ()
    """What the other counters missed; those that missed nothing are left out."""
    differs_under: tuple[Watcher, ...] = ()
    """Counters under which the output is another than without."""
    side: SidePath | None = field(default=None, compare=False)
    """Holds shares of time, which are others each time."""
    wide_elements: int = 0
    """Numbers that parameters may hold beyond one an element: complex, 64 bits, wide integers."""
    wide: tuple[str, ...] = ()
    """Types of those parameters."""
    overridden: tuple[str, ...] = ()
    """What the network has put before PyTorch's functions that tell of parameters."""

    @property
    def network_params(self) -> int:
        """The same number where there is a network; without one there is nothing to compare."""
        return self.params or 0
