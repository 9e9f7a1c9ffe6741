"""Runtime of one fixed input: what is asked for, what a child is told, and what it found."""

from __future__ import annotations

import math
from dataclasses import dataclass

from esr.challenge.protocol import Protocol


@dataclass(frozen=True)
class Calls:
    """How often the network is called."""

    warmups: int
    repeats: int
    """Timed calls."""


@dataclass(frozen=True)
class FixedInputPlan:
    """What a child is told of the procedure."""

    input_size: tuple[int, int, int]
    """(channels, height, width); batch 1."""
    half: bool
    """Whether network and input are also cast to float16; what counts then."""
    official: Calls
    on_cpu: Calls
    """Fewer, since a CPU's figures are not comparable anyway."""
    official_size: tuple[int, int, int]
    """Differs from `input_size` if the user asked for another."""
    asked: Calls | None = None
    """What the user asked for instead."""


@dataclass(frozen=True)
class FixedInputRun:
    """Runtimes in one precision."""

    dtype: str
    """`torch.float16` or `torch.float32`, of network and input."""
    warmups: int
    samples_ms: tuple[float, ...]
    """Every timed call, in order."""

    @property
    def mean_ms(self) -> float:
        """The official figure: the arithmetic mean, nothing left out."""
        return sum(self.samples_ms) / len(self.samples_ms)


@dataclass(frozen=True)
class FixedInput:
    """What was found."""

    input_size: tuple[int, int, int]
    official: Calls
    official_size: tuple[int, int, int]
    runs: tuple[FixedInputRun, ...]
    """float32, then float16 where the device is good at it."""
    flops_official: int | None = None
    """Official counter at this size; one multiply-add is one FLOP."""
    activations: int | None = None
    """By the official rule, at this size."""
    num_conv: int | None = None
    notes: tuple[str, ...] = ()
    """What was left out and why, one line each."""

    @property
    def as_asked(self) -> bool:
        """Whether the input is as large as the challenge's; it may be turned to landscape."""
        return sorted(self.input_size) == sorted(self.official_size)

    @property
    def scored(self) -> FixedInputRun | None:
        """The run that counts: float16 where there is one."""
        return max(self.runs, key=lambda run: run.dtype == "torch.float16", default=None)


@dataclass(frozen=True)
class RealTimeOptions:
    """What the user asked for."""

    size: tuple[int, int] | None
    """(height, width) of the fixed input; None for the protocol's."""
    calls: Calls | None
    """None for the protocol's."""
    scale: int | None
    """Of a submission that does not say it itself."""
    data_range: float
    """Value of white in the input and output of such a submission."""


def plan(options: RealTimeOptions, protocol: Protocol, scale: int) -> FixedInputPlan | None:
    """Say how the fixed input is to be run for a submission; None if the protocol has none."""
    asked = protocol.fixed_input
    if asked is None or scale not in asked.sizes:
        return None
    return FixedInputPlan(
        input_size=(3, *(options.size or asked.sizes[scale])),
        official_size=(3, *asked.sizes[scale]),
        half=asked.half,
        official=Calls(asked.warmups, asked.repeats),
        on_cpu=Calls(asked.cpu_warmups, asked.cpu_repeats),
        asked=options.calls,
    )


def find_problem(result: FixedInput | None, plan: FixedInputPlan | None) -> str | None:
    """Say why a child's answer cannot be believed; None if it can."""
    if (result is None) != (plan is None):
        return "the fixed input was not run as asked"
    if result is None or plan is None:
        return None
    allowed = [plan.asked] if plan.asked else [plan.official, plan.on_cpu]
    answered = result.input_size, result.official_size, result.official
    if answered != (plan.input_size, plan.official_size, plan.official):
        return "the fixed input was not that of the protocol"
    for run in result.runs:
        if Calls(run.warmups, len(run.samples_ms)) not in allowed:
            return "the fixed input was not called as often as asked"
        if not all(math.isfinite(ms) and ms > 0 for ms in run.samples_ms):
            return "a runtime of the fixed input is not positive and finite"
    return None
