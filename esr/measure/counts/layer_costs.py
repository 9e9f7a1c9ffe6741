"""Where the cost of a network is, layer by layer."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from esr.measure.counts.dispatch_counts import OperatorCall, hooked
from esr.measure.counts.hidden_work import WorkClock, wall_clock
from esr.measure.counts.observed_pass import observe
from esr.measure.counts.official_counts import CONVS, dummy_input
from esr.measure.network_snapshot import preserved
from esr.records.network_counts import LayerCost

FUNCTIONAL = "(functional)"
WHOLE = "(network)"
PASSES = 3
"""Timed, after one that is not."""


def layers(
    model: nn.Module, input_size: tuple[int, int, int] = (3, 256, 256)
) -> tuple[LayerCost, ...]:
    """List what every layer costs for one dummy input, in the order of the network.

    The columns sum up to the parameters, the multiply-adds at the dispatcher and the official
    activations of `complexity.count`, and to the time of a pass. Five forward passes.

    Args:
        model: left as it was.
        input_size: (channels, height, width), batch 1.

    Returns:
        Nothing if the network fails: `complexity.count` has noted why, and the rest is kept.
    """
    try:
        return _layers(model, input_size)
    except Exception:  # The network's own code runs: it may raise anything.
        return ()


def _layers(model: nn.Module, input_size: tuple[int, int, int]) -> tuple[LayerCost, ...]:
    with torch.no_grad(), preserved(model):
        dummy = dummy_input(model, input_size)
        calls = _by_module(model, observe(model, dummy).calls)
        passes = [_time(model, dummy) for _ in range(PASSES + 1)][1:]
        return tuple(_rows(model, calls, passes))


def _rows(
    model: nn.Module,
    calls: dict[nn.Module, list[OperatorCall]],
    passes: list[dict[object, float]],
) -> Iterator[LayerCost]:
    """Make a row of every module that does something itself, the network's own first."""
    listed = {
        module: name
        for name, module in model.named_modules()
        if module is model or _works(module, calls[module])
    }
    # What the others spend on calling their parts is the network's own.
    rest = [sum(ms for module, ms in spent.items() if module not in listed) for spent in passes]
    counted: set[int] = set()
    for module, name in listed.items():
        times = [spent.get(module, 0.0) for spent in passes]
        if module is model:
            times = [ms + other_ms for ms, other_ms in zip(times, rest, strict=True)]
        leaf = next(module.children(), None) is None
        shapes = [call.output_shape for call in calls[module] if call.module is module]
        outputs = [shape for shape in shapes if shape is not None]
        yield LayerCost(
            name=name or WHOLE,
            kind=type(module).__name__ if leaf else FUNCTIONAL,
            calls=len(shapes),
            output_shape=outputs[-1] if outputs else None,
            params=_params(module, counted),
            flops=sum(op.flops or 0 for call in calls[module] for op in call.ops),
            activations=sum(map(math.prod, outputs)) if isinstance(module, CONVS) else 0,
            time_ms=statistics.median(times),
        )


def _works(module: nn.Module, calls: list[OperatorCall]) -> bool:
    return any(call.ops for call in calls) or any(True for _ in module.parameters(False))


def _params(module: nn.Module, counted: set[int]) -> int:
    uncounted = [p for p in module.parameters(recurse=False) if id(p) not in counted]
    counted.update(map(id, uncounted))
    return sum(parameter.numel() for parameter in uncounted)


def _by_module(
    model: nn.Module, calls: tuple[OperatorCall, ...]
) -> dict[nn.Module, list[OperatorCall]]:
    """Sort calls by module; one that is no part of the network belongs to whoever called it."""
    modules = set(model.modules())
    by_module: defaultdict[nn.Module, list[OperatorCall]] = defaultdict(list)
    for call in calls:
        owner = call.enclosing(lambda call: call.module in modules)
        by_module[owner.module if owner and owner.module else model].append(call)
    return by_module


def _time(model: nn.Module, dummy: Tensor) -> dict[object, float]:
    """Time one pass: milliseconds in each module, its parts apart."""
    modules, clock = set(model.modules()), WorkClock(wall_clock(dummy.device))

    def enter(module: nn.Module, _args: object) -> None:
        if module in modules:
            clock.enter(module)

    def leave(module: nn.Module, _args: object, _output: object) -> None:
        if module in modules:
            clock.leave()

    with hooked(enter, leave), clock.during(model):
        model(dummy)
    return {module: 1000 * spent_s for module, spent_s in clock.spent.items()}
