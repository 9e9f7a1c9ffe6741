"""The robust pass: the same images on a warm network, several times, in shuffled order.

It follows the official pass of all data sets, so it changes none of their figures. Each input shape
is warmed up until its runtime is stable: none of the last `WINDOW` durations is further than
`TOLERANCE` from their median. After `WARMUP_AT_MOST` passes it is used as it is, and counted as
unstable. Warm-up inputs are noisy copies of an image of that shape, so a network that keeps outputs
finds nothing to keep.

LR images are decoded before the run; each is on the device before its timer starts. They are not
there all at once, since that would be counted as the network's memory. Between two samples the
parent compares the output with the scored one; during a sample nothing of ours runs: no other
thread is awake, no garbage is collected, nothing is logged, and the parent sleeps.
"""

from __future__ import annotations

import gc
import statistics
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from esr.images import Image
from esr.measure.bench import Bench
from esr.measure.caching import noisy
from esr.measure.channel import Channel
from esr.measure.job import JobFolder
from esr.measure.nvml import around
from esr.measure.time_budget import RoundTimer
from esr.measure.timing import Lap
from esr.records.conditions import Conditions
from esr.records.timing_samples import RobustSamples

WINDOW = 3
TOLERANCE = 0.05
WARMUP_AT_MOST = 10
ROUNDS_AT_LEAST = 2
_WARM_UP_SHARE = 0.5
"""Of the time, where that is limited."""
SUSPECT_SHARE = 0.5


@dataclass
class RobustPass:
    """A data set's samples, and what was noticed beside them."""

    samples: RobustSamples
    laps: list[Lap]
    suspect: int | None
    """Image that took less than half of what noisy copies of its shape took to warm up."""
    outputs: int = 0
    """Number of timed outputs."""


@dataclass
class _WarmUp:
    calls: int = 0
    unstable: int = 0
    ms: dict[tuple[int, ...], float] = field(default_factory=dict)
    """Stable runtime of each shape."""


def robust_pass(
    bench: Bench,
    folder: JobFolder,
    channel: Channel,
    split: int,
    count: int,
    repeats: int,
    seed: int,
    timer: RoundTimer | None = None,
) -> RobustPass:
    """Time every image of a data set `repeats` times on the warm network.

    Args:
        bench: the network; the official pass over all data sets is done.
        folder: LR images.
        channel: to the parent, whose clock times every sample too, and who compares its output.
        split: number of the data set.
        count: number of its images.
        repeats: number of rounds.
        seed: of the order of the images, another one in each round.
        timer: ends it before a round that would overrun, but not before `ROUNDS_AT_LEAST`.
    """
    rounds, timer = _Rounds(bench, folder, channel, split, count), timer or RoundTimer()
    bench.memory.release()
    warm = _warm_up(bench, folder, split, count, timer)
    bench.memory.restart()
    before = bench.gpu.state()
    with undisturbed():
        for number, order in enumerate(_orders(count, repeats, seed)):
            if number >= ROUNDS_AT_LEAST and timer.is_late():
                break
            for index in order:
                rounds.sample(index)
            timer.end_round()
    conditions = Conditions(
        seed=seed,
        warmup_calls=warm.calls,
        unstable_shapes=warm.unstable,
        wall_ms=_wall_ms(bench, rounds.laps),
        gpu=around(before, bench.gpu.state()),
        throttled=tuple(rounds.throttled),
        memory_mib=bench.memory.split_mib(),
        reserved_mib=bench.memory.reserved_mib(),
    )
    samples = tuple(tuple(lap.ms for lap in image) for image in rounds.laps)
    return RobustPass(
        samples=RobustSamples(samples, conditions),
        laps=[lap for image in rounds.laps for lap in image],
        suspect=_suspect(folder, split, samples, warm),
        outputs=sum(map(len, samples)),
    )


class _Rounds:
    """Samples of one data set as they come in."""

    def __init__(
        self, bench: Bench, folder: JobFolder, channel: Channel, split: int, count: int
    ) -> None:
        self._bench, self._folder, self._channel, self._split = bench, folder, channel, split
        self.laps: list[list[Lap]] = [[] for _ in range(count)]
        self.throttled: list[tuple[int, int]] = []

    def sample(self, index: int) -> None:
        """Time one image once more, and show its output."""
        lr = self._bench.load(np.load(self._folder.lr_image(self._split, index)))
        self._channel.begin_pass(self._split, [index])
        output, lap = self._bench.time(lr)
        self._channel.end_pass(lap.ms)
        if self._bench.gpu.throttled():
            self.throttled.append((index, len(self.laps[index])))
        self.laps[index].append(lap)
        self._bench.save(output, lr, self._folder.shown)
        self._channel.say("shown")


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the garbage collector from running, with nothing left over for it to walk through."""
    enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


def _orders(count: int, repeats: int, seed: int) -> Iterator[list[int]]:
    rng = np.random.default_rng(seed)
    for _ in range(repeats):
        yield rng.permutation(count).tolist()


def _warm_up(bench: Bench, folder: JobFolder, split: int, count: int, timer: RoundTimer) -> _WarmUp:
    warm, rng = _WarmUp(), np.random.default_rng()
    for index in range(count):
        lr: Image = np.load(folder.lr_image(split, index))
        if lr.shape in warm.ms:
            continue

        def run(lr: Image = lr) -> float:
            tensor = bench.load(noisy(lr, rng))
            output, lap = bench.time(tensor)
            bench.image(output, tensor)
            return lap.ms

        durations, stable = until_stable(run, is_late=lambda: timer.is_spent(_WARM_UP_SHARE))
        warm.calls += len(durations)
        warm.unstable += not stable
        warm.ms[lr.shape] = statistics.median(durations[-WINDOW:])
    timer.restart_round()
    return warm


def until_stable(
    run: Callable[[], float],
    tolerance: float = TOLERANCE,
    is_late: Callable[[], bool] = lambda: False,
) -> tuple[list[float], bool]:
    """Call `run`, which returns its duration, until it is stable or has been called often enough.

    Args:
        run: what is to become stable.
        tolerance: distance of each of the last durations from their median, as a share of it.
        is_late: whether there is no time for another call.

    Returns:
        (every duration, whether the last ones are stable)
    """
    durations: list[float] = []
    last: deque[float] = deque(maxlen=WINDOW)
    while len(durations) < WARMUP_AT_MOST and not (durations and is_late()):
        durations.append(run())
        last.append(durations[-1])
        middle = statistics.median(last)
        if len(last) == WINDOW and all(abs(ms - middle) <= tolerance * middle for ms in last):
            return durations, True
    return durations, False


def _wall_ms(bench: Bench, laps: list[list[Lap]]) -> float | None:
    if bench.watch.clock == "perf_counter":
        return None
    medians = [statistics.median(lap.wall_ms for lap in image) for image in laps]
    return statistics.fmean(medians)


def _suspect(
    folder: JobFolder, split: int, samples: tuple[tuple[float, ...], ...], warm: _WarmUp
) -> int | None:
    def ratio(index: int) -> float:
        shape = np.load(folder.lr_image(split, index), mmap_mode="r").shape
        return statistics.median(samples[index]) / max(warm.ms[shape], 1e-9)

    fastest = min(range(len(samples)), key=ratio)
    return fastest if ratio(fastest) < SUSPECT_SHARE else None
