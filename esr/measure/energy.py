"""Energy of one image: the GPU's own counter around forward passes that are queued for two seconds.

NVML's `nvmlDeviceGetTotalEnergyConsumption` counts the millijoules of the whole board since the
driver was loaded; GPUs before Volta have no such counter. It is brought up to date some ten times a
second, so that a window of two seconds is right to a few per cent, and a single pass could not be
measured at all. Before the windows the GPU, with the network loaded, has nothing to do for as long:
its power then is reported beside the energy and not taken off, since who runs a network pays both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count as count_from
from typing import Protocol

import numpy as np
from torch import Tensor

from esr.measure.bench import Bench
from esr.measure.job import JobFolder
from esr.measure.robust_pass import undisturbed
from esr.measure.steady_pass import images_a_block
from esr.measure.timing import pause, synchronize
from esr.records.timing_samples import EnergySamples, EnergyWindow

WINDOW_S = 2.0
WINDOWS = 3
_SETTLE_S = 0.5
"""Until the counter holds what was spent before."""
ENERGY_S = _SETTLE_S + WINDOW_S * (1 + WINDOWS)
"""What it takes altogether, about."""


class Meter(Protocol):
    """What an energy is read from."""

    def energy_mj(self) -> int | None:
        """Read the counter, in millijoules; None where there is none."""


def measure_energy(
    bench: Bench,
    folder: JobFolder,
    split: int,
    count: int,
    finish: Callable[[], None] = synchronize,
    now_s: Callable[[], float] = time.perf_counter,
    rest: Callable[[float], None] = pause,
) -> EnergySamples | None:
    """Measure what the images of a data set cost, over windows of queued passes.

    Args:
        bench: the warm network.
        folder: LR images.
        split: number of the data set.
        count: number of its images.
        finish: waits until everything that was queued is done.
        now_s: a monotonic clock in seconds.
        rest: lets seconds pass.

    Returns:
        None where the GPU has no counter.
    """
    meter = _Meter(bench.gpu, finish, now_s)
    if bench.gpu.energy_mj() is None:
        return None
    blocks = _blocks(bench, folder, split, count)
    inputs = next(blocks)
    finish()
    rest(_SETTLE_S)
    idle = meter.window(partial(_wait, now_s, rest))
    if idle is None:
        return None
    windows: list[EnergyWindow] = []
    with undisturbed():
        while True:
            window = meter.window(partial(_queue, bench, inputs, now_s))
            if window is None:
                return None
            windows.append(window)
            if len(windows) == WINDOWS:
                break
            inputs = next(blocks)
    return EnergySamples(idle, tuple(windows))


class _Meter:
    """Reads the counter around what happens in a window."""

    def __init__(self, gpu: Meter, finish: Callable[[], None], now_s: Callable[[], float]) -> None:
        self._gpu, self._finish, self._now_s = gpu, finish, now_s

    def window(self, fill: Callable[[float], int]) -> EnergyWindow | None:
        """Let something happen for `WINDOW_S`; None if the counter cannot be read any more."""
        before, began = self._gpu.energy_mj(), self._now_s()
        images = fill(began)
        self._finish()
        after, seconds = self._gpu.energy_mj(), self._now_s() - began
        if before is None or after is None or after < before:
            return None
        return EnergyWindow(images, seconds, (after - before) / 1000)


def _blocks(bench: Bench, folder: JobFolder, split: int, count: int) -> Iterator[list[Tensor]]:
    """Load as many images as the device has room for, and other ones for each window."""
    files = [folder.lr_image(split, index) for index in range(count)]
    size = min(count, images_a_block(bench, max(np.load(f, mmap_mode="r").size for f in files)))
    for start in count_from(0, size):
        yield [bench.load(np.load(files[(start + i) % count])) for i in range(size)]


def _queue(bench: Bench, inputs: Sequence[Tensor], now_s: Callable[[], float], began: float) -> int:
    images = 0
    while now_s() - began < WINDOW_S:
        bench.forward(inputs[images % len(inputs)])
        images += 1
    return images


def _wait(now_s: Callable[[], float], rest: Callable[[float], None], began: float) -> int:
    while (left := WINDOW_S - (now_s() - began)) > 0:
        rest(left)
    return 0
