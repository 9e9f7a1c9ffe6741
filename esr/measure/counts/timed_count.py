"""Operations counted in a pass that is timed as every other is, over an image of the set.

What is counted for the official input can be recognised: by its size, its values, and by who calls.
Here the network is called as ever, by the same functions, with an image; beside it stands nothing
but a mode of PyTorch's dispatcher, below all that a network calls. A network that asks PyTorch for
such modes can still know, and do less: but what it returns is scored.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from esr.measure.counts.dispatch_counts import Op, unhooked
from esr.measure.counts.hidden_work import SideWatch
from esr.records.network_counts import CountedPass

CALLS_AT_MOST = 10_000


class TimedCount:
    """Counts what happens while it is watching.

    Args:
        model: the network, as it is timed: not a copy.
        forward: what is timed, tiling and padding included.
        scale: factor between SR and LR.
    """

    def __init__(self, model: nn.Module, forward: Callable[[Tensor], object], scale: int) -> None:
        self._model, self._forward, self._scale = model, forward, scale
        self._ops: list[Op] = []
        self._seconds = 0.0

    @contextmanager
    def watching(self, lr: Tensor) -> Iterator[None]:
        """Count the pass over an image; `seen` says what came of it."""
        self._lr, self._side = lr, SideWatch(self._model, lr)
        enabled = gc.isenabled()
        gc.disable()  # What it takes would be time between two operations.
        try:
            with unhooked(self._ops, self._side):
                yield
            self._seconds, _ = self._side.clock.stop()
        finally:
            if enabled:
                gc.enable()

    def seen(self, output: object) -> CountedPass:
        """Sum up the pass that returned this."""
        side = self._side
        unregistered = side.storages.unregistered(output, has_exits=False)
        return CountedPass(
            calls=calls_of(self._model, self._forward, self._lr, self._scale),
            flops=sum(op.flops or 0 for op in self._ops),
            flops_of_images=sum(op.flops or 0 for op in self._ops if op.is_of_images),
            unregistered_elements=sum(each.elements for each in unregistered),
            untouched_elements=sum(side.storages.untouched().values()),
            outside_share=side.clock.outside / max(self._seconds, 1e-9),
            makes_output=isinstance(output, Tensor) and side.storages.has_made(output),
        )


def calls_of(
    model: nn.Module, forward: Callable[[Tensor], object], lr: Tensor, scale: int
) -> tuple[tuple[int, int], ...]:
    """List the (height, width) that a network is given for an image, without running it.

    Tiling, padding and ensembles are work that is declared, or stands in a clone's own script; what
    the network is given in them is to be counted by its size.
    """
    calls: list[tuple[int, int]] = []

    def black(given: Tensor, *_: object, **__: object) -> Tensor:
        height, width = given.shape[-2:]
        calls.append((height, width))
        return given.new_zeros(*given.shape[:-2], height * scale, width * scale)

    with contextlib.suppress(Exception), replaced_forward(model, black):
        forward(torch.zeros_like(lr))
    return tuple(calls[:CALLS_AT_MOST]) or ((lr.shape[-2], lr.shape[-1]),)


@contextmanager
def replaced_forward(model: nn.Module, forward: Callable[..., Tensor]) -> Iterator[None]:
    """Let another function stand for a network's forward pass meanwhile."""
    attributes = vars(model)
    own = attributes.get("forward")
    attributes["forward"] = forward
    try:
        yield
    finally:
        del attributes["forward"]
        if own is not None:
            attributes["forward"] = own
