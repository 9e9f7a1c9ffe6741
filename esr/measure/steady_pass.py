"""The steady runtime: forward passes queued back to back, as a network runs in practice.

A single pass between two events starts on a GPU that has fallen idle, so its time depends on how
fast the CPU launches the first kernels, and on clocks that rise again: from process to process it
varies by 1.6 to 2.7 % on an H100. Passes that are queued one after the other, with nothing in
between, vary by 0.1 to 0.2 %. So the images of a data set are cut into blocks; one pair of events
stands around all passes of a block; a round takes every block once, in shuffled order.

The images of a block are different ones, on the device before its timer starts, and its outputs are
kept until the parent has asked to see one of them: which, nobody knows before. Warming up ends when
rounds agree. Rounds are added until the 95 % interval is narrow enough, or the time is spent.

On a CPU a pass has no queue: a block there is one image.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
from torch import Tensor

from esr.measure.bench import Bench
from esr.measure.bootstrap import half_width_percent
from esr.measure.channel import Channel
from esr.measure.job import JobFolder
from esr.measure.nvml import around
from esr.measure.robust_pass import undisturbed, until_stable
from esr.measure.time_budget import RoundTimer
from esr.measure.timing import Lap
from esr.records.conditions import SteadyPlan
from esr.records.timing_samples import SteadySamples

ROUNDS_AT_LEAST = 5
_GROWTH = 1.1
"""The interval shrinks with the root of the rounds: by 5 % from one look at it to the next."""
_AGREEMENT = 0.01
"""Of three rounds, so that the network is warm."""
_WARM_UP_SHARE = 0.25
"""Of the time, at most."""
_TENSOR_BYTES = 4
_MEMORY_SHARE = 0.25
"""Of the free memory of the device, for the inputs and outputs of a block."""


@dataclass
class _Rounds:
    """Blocks of one data set as they come in."""

    bench: Bench
    folder: JobFolder
    channel: Channel
    split: int
    blocks: list[tuple[int, ...]]
    laps: list[list[Lap]] = field(default_factory=list)
    throttled: int = 0

    def __post_init__(self) -> None:
        self.laps = [[] for _ in self.blocks]

    def run(self, order: Sequence[int]) -> float:
        """Take every block once and keep its time; returns all of them together in ms."""
        taken = []
        for number in order:
            lap = self._time(self.blocks[number])
            self.laps[number].append(lap)
            taken.append(lap.ms)
            self.throttled += bool(self.bench.gpu.throttled())
        return sum(taken)

    def forget(self) -> None:
        """What was taken so far was for warming up."""
        self.__post_init__()
        self.throttled = 0

    def _time(self, images: tuple[int, ...]) -> Lap:
        bench, folder = self.bench, self.folder
        inputs = [bench.load(np.load(folder.lr_image(self.split, index))) for index in images]
        self.channel.begin_pass(self.split, images)
        outputs, lap = bench.watch.time(lambda: _queue(bench, inputs))
        number = self.channel.end_pass(lap.ms)
        bench.save(outputs[number], inputs[number], folder.shown)
        self.channel.say("shown")
        return lap

    @property
    def samples_ms(self) -> list[list[float]]:
        """(blocks, rounds), each the time of a whole block."""
        return [[lap.ms for lap in block] for block in self.laps]


def _queue(bench: Bench, inputs: Sequence[Tensor]) -> list[object]:
    return [bench.forward(lr) for lr in inputs]


def steady_pass(
    bench: Bench, folder: JobFolder, channel: Channel, split: int, count: int, plan: SteadyPlan
) -> SteadySamples:
    """Time the images of a data set in blocks.

    Args:
        bench: the network; the official pass over all data sets is done.
        folder: LR images.
        channel: to the parent, whose clock times every block too, and who compares an output.
        split: number of the data set.
        count: number of its images.
        plan: how precise, how long, and the seed of the order.
    """
    rng = np.random.default_rng(plan.seed)
    sizes = [np.load(folder.lr_image(split, index), mmap_mode="r").size for index in range(count)]
    blocks = cut_blocks(rng.permutation(count).tolist(), images_a_block(bench, max(sizes)))
    rounds = _Rounds(bench, folder, channel, split, blocks)
    timer = RoundTimer(plan.budget_s)
    before = bench.gpu.state()
    with undisturbed():
        warmups, is_stable = until_stable(
            lambda: rounds.run(range(len(blocks))),
            _AGREEMENT,
            lambda: timer.is_spent(_WARM_UP_SHARE),
        )
        rounds.forget()
        timer.restart_round()
        ended = _add_rounds(rounds, rng, plan, timer)
    return SteadySamples(
        blocks=tuple(blocks),
        samples_ms=tuple(map(tuple, rounds.samples_ms)),
        ended=ended,
        warmup_rounds=len(warmups),
        is_stable=is_stable,
        launch_share=_launch_share(rounds.laps),
        throttled=rounds.throttled,
        gpu=around(before, bench.gpu.state()),
    )


def _add_rounds(
    rounds: _Rounds, rng: np.random.Generator, plan: SteadyPlan, timer: RoundTimer
) -> Literal["precision", "budget"]:
    look_at = ROUNDS_AT_LEAST
    while True:
        rounds.run(rng.permutation(len(rounds.blocks)).tolist())
        timer.end_round()
        taken = rounds.samples_ms
        if len(taken[0]) >= look_at:
            if half_width_percent(taken) <= plan.precision_percent:
                return "precision"
            look_at = math.ceil(len(taken[0]) * _GROWTH)
        if len(taken[0]) > 1 and timer.is_late():
            return "budget"


def cut_blocks(images: Sequence[int], size: int) -> list[tuple[int, ...]]:
    """Cut images into as few blocks of at most `size` as there can be, as even as can be."""
    count = -(-len(images) // size)
    edges = [round(number * len(images) / count) for number in range(count + 1)]
    return [tuple(images[start:end]) for start, end in pairwise(edges)]


def images_a_block(bench: Bench, largest: int) -> int:
    """Say how many images the device has room for at once, with their outputs.

    Args:
        bench: the network on its device.
        largest: numbers in the largest LR image.
    """
    free_bytes = bench.memory.free_bytes()
    if free_bytes is None:
        return 1
    an_image = largest * (1 + bench.sidecar.scale**2) * _TENSOR_BYTES
    return max(1, int(_MEMORY_SHARE * free_bytes / an_image))


def _launch_share(laps: list[list[Lap]]) -> float | None:
    shares = [
        lap.launch_ms / lap.wall_ms
        for block in laps
        for lap in block
        if lap.launch_ms is not None and lap.wall_ms > 0
    ]
    return statistics.median(shares) if shares else None
