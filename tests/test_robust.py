"""The robust pass on a network and a clock of the test's own."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from dialogue import Comparing
from torch import Tensor

from esr.evaluate.dialogue.timed_passes import TimedPasses
from esr.measure.bench import Bench
from esr.measure.channel import Channel
from esr.measure.job import JobFolder
from esr.measure.nvml import GpuWatch
from esr.measure.robust_pass import WARMUP_AT_MOST, robust_pass, undisturbed, until_stable
from esr.measure.timing import CudaStopwatch, Lap, PeakMemory, WallStopwatch
from esr.submissions.sidecar import Sidecar

CPU = torch.device("cpu")


class _Agreeing(Channel):
    """A parent that lets every pass begin, and asks for the first output."""

    def __init__(self) -> None:
        self.passes_announced: list[tuple[int, ...]] = []

    def say(self, word: str, value: object = None) -> None:
        if word == "pass":
            self.passes_announced.append(tuple(value[1]))

    def _hear(self) -> bytes:
        return b"0"


PARENT = _Agreeing()


def test_three_like_durations_are_stable() -> None:
    durations = iter([100.0, 20.0, 10.0, 10.2, 10.1, 99.0])
    assert until_stable(lambda: next(durations)) == ([100.0, 20.0, 10.0, 10.2, 10.1], True)


def test_a_warm_up_gives_up() -> None:
    durations = iter(2.0**n for n in range(100))
    seen, stable = until_stable(lambda: next(durations))
    assert (len(seen), stable) == (WARMUP_AT_MOST, False)


def test_the_collector_is_off_during_the_pass_and_as_before_after_it() -> None:
    with undisturbed():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with undisturbed():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def _enlarge(lr: Tensor) -> Tensor:
    return lr.repeat_interleave(4, -1).repeat_interleave(4, -2)


@dataclass
class _Network:
    """Repeats pixels, and remembers what it was given."""

    seen: list[np.ndarray] = field(default_factory=list)

    def __call__(self, lr: Tensor) -> Tensor:
        self.seen.append((lr[0].permute(1, 2, 0) * 255).round().byte().numpy())
        return _enlarge(lr)


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    """Three LR images of two shapes, and their scored SR images."""
    folder = JobFolder(tmp_path)
    folder.sr.mkdir()
    folder.lr_image(0, 0).parent.mkdir()
    rng = np.random.default_rng(0)
    for index, width in enumerate((8, 8, 9)):
        lr = rng.integers(0, 256, (6, width, 3), np.uint8)
        np.save(folder.lr_image(0, index), lr)
        np.save(folder.sr_image(0, index), lr.repeat(4, 0).repeat(4, 1))
    return folder


def _bench(network: _Network) -> Bench:
    return Bench(CPU, network, WallStopwatch(), PeakMemory(CPU), GpuWatch(CPU), Sidecar())


def _order(network: _Network, folder: JobFolder, samples: int) -> list[int]:
    images = [np.load(folder.lr_image(0, index)) for index in range(3)]
    last = network.seen[-samples:]
    return [next(i for i, lr in enumerate(images) if np.array_equal(lr, seen)) for seen in last]


def test_each_round_restores_every_image_in_an_order_of_its_own(folder: JobFolder) -> None:
    orders = []
    for seed in (0, 0, 1):
        network = _Network()
        found = robust_pass(_bench(network), folder, PARENT, 0, 3, 4, seed)
        orders.append(_order(network, folder, 12))
        assert [len(samples) for samples in found.samples.samples_ms] == [4, 4, 4]
        rounds = [orders[-1][start : start + 3] for start in range(0, 12, 3)]
        assert all(sorted(one) == [0, 1, 2] for one in rounds)
        assert len({tuple(one) for one in rounds}) > 1
    assert orders[0] == orders[1] != orders[2]


def test_nothing_that_is_warmed_up_with_is_an_image_of_the_set(folder: JobFolder) -> None:
    network = _Network()
    found = robust_pass(_bench(network), folder, PARENT, 0, 3, 2, 0)
    images = [np.load(folder.lr_image(0, index)) for index in range(3)]
    warmup = network.seen[: found.samples.conditions.warmup_calls]
    assert len({seen.shape for seen in warmup}) == 2
    assert not any(np.array_equal(seen, lr) for seen in warmup for lr in images)


def test_timed_outputs_are_compared_with_the_scored_ones(folder: JobFolder) -> None:
    def differences() -> list[int | None]:
        parent = Comparing(TimedPasses(folder, [3]))
        robust_pass(_bench(_Network()), folder, parent, 0, 3, 2, 0)
        return [timed.difference for timed in parent.passes.complete if timed.images == (1,)]

    assert differences() == [0, 0]
    scored = np.load(folder.sr_image(0, 1))
    scored[0, 0, 0] ^= 4
    np.save(folder.sr_image(0, 1), scored)
    assert differences() == [4, 4]


class _FavouringWatch:
    """A clock on which one image takes `ms`, every other input 10."""

    clock = "perf_counter"

    def __init__(self, network: _Network, image: np.ndarray, ms: float) -> None:
        self.network, self.image, self.ms = network, image, ms

    def time(self, call: Callable[[], object]) -> tuple[object, Lap]:
        result = call()
        ms = self.ms if np.array_equal(self.network.seen[-1], self.image) else 10.0
        return result, Lap(ms, ms)


@pytest.mark.parametrize(("ms", "suspect"), [(1.0, 2), (7.0, None)])
def test_an_image_far_faster_than_its_warm_up_is_pointed_out(
    folder: JobFolder, ms: float, suspect: int | None
) -> None:
    network = _Network()
    watch = _FavouringWatch(network, np.load(folder.lr_image(0, 2)), ms)
    bench = Bench(CPU, network, watch, PeakMemory(CPU), GpuWatch(CPU), Sidecar())
    assert robust_pass(bench, folder, PARENT, 0, 3, 2, 0).suspect == suspect


class _ThrottledGpu(GpuWatch):
    def __init__(self) -> None:
        super().__init__(CPU)
        self.asked = 0

    def throttled(self) -> bool:
        self.asked += 1
        return self.asked in (2, 6)


def test_throttled_samples_are_marked(folder: JobFolder) -> None:
    network = _Network()
    bench = Bench(CPU, network, WallStopwatch(), PeakMemory(CPU), _ThrottledGpu(), Sidecar())
    marked = robust_pass(bench, folder, PARENT, 0, 3, 2, 0).samples.conditions.throttled
    order = _order(network, folder, 6)
    assert marked == ((order[1], 0), (order[5], 1))


@pytest.mark.gpu
def test_on_cuda_events_and_wall_clock_agree_and_clean_memory_is_known(folder: JobFolder) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    from esr.measure.device import BACKENDS

    device = torch.device("cuda", 0)
    weight = torch.rand(64, 3, 5, 5, device=device)

    def network(lr: Tensor) -> Tensor:
        for _ in range(20):
            torch.nn.functional.conv2d(lr.repeat(1, 1, 100, 100), weight)
        return _enlarge(lr)

    memory = BACKENDS["cuda"].memory(device)
    bench = Bench(device, network, CudaStopwatch(), memory, GpuWatch(device), Sidecar())
    found = robust_pass(bench, folder, PARENT, 0, 3, 5, 0)
    conditions = found.samples.conditions
    event_ms = np.median(found.samples.samples_ms, axis=1).mean()
    assert conditions.wall_ms == pytest.approx(event_ms, rel=0.1, abs=0.2)
    assert 0 < conditions.memory_mib <= conditions.reserved_mib
