"""The steady pass on a network and clocks of the test's own, and what is made of its samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from dialogue import Comparing
from harness import Harness, tiny
from torch import Tensor

from esr.evaluate.dialogue.timed_passes import TimedPasses
from esr.measure import steady_pass as module
from esr.measure.bench import Bench
from esr.measure.bootstrap import half_width_percent, steady_timing
from esr.measure.job import JobFolder
from esr.measure.nvml import GpuWatch
from esr.measure.steady_pass import ROUNDS_AT_LEAST, cut_blocks, steady_pass
from esr.measure.time_budget import RoundTimer
from esr.measure.timing import Lap, PeakMemory
from esr.records.conditions import SteadyPlan
from esr.records.split_result import ImageResult, RobustTiming, SplitResult
from esr.records.timing_samples import SteadySamples
from esr.submissions.sidecar import Sidecar

CPU = torch.device("cpu")


@pytest.mark.parametrize(("count", "size"), [(1, 1), (8, 1), (8, 8), (7, 3), (100, 64), (10, 4)])
def test_blocks_hold_every_image_once_and_are_as_even_as_can_be(count: int, size: int) -> None:
    blocks = cut_blocks(range(count), size)
    assert [image for block in blocks for image in block] == [*range(count)]
    lengths = {len(block) for block in blocks}
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1
    assert len(blocks) == -(-count // size)


class _Memory(PeakMemory):
    """A device with room for two images of 6 x 8 and their SR: 4 * 3 * 48 * 17 bytes each."""

    def free_bytes(self) -> int:
        return 4 * 2 * 4 * 3 * 48 * 17


@dataclass
class _Clock:
    """1 ms an image and what `noise` says of each block."""

    noise: Callable[[], float]
    network: _Network
    clock: str = "cuda_event"

    def time(self, call: Callable[[], object]) -> tuple[object, Lap]:
        before = len(self.network.seen)
        result = call()
        ms = (len(self.network.seen) - before) * (1.0 + self.noise())
        return result, Lap(ms, 1.25 * ms, ms)


@dataclass
class _Network:
    """Repeats pixels, and counts what it was given."""

    seen: list[int] = field(default_factory=list)

    def __call__(self, lr: Tensor) -> Tensor:
        self.seen.append(int(lr[0, 0, 0, 0] * 255 + 0.5))
        return lr.repeat_interleave(4, -1).repeat_interleave(4, -2)


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    """Five LR images, whose first pixel is their number, and their scored SR images."""
    folder = JobFolder(tmp_path)
    folder.sr.mkdir()
    folder.lr_image(0, 0).parent.mkdir()
    for index in range(5):
        lr = np.full((6, 8, 3), index, np.uint8)
        np.save(folder.lr_image(0, index), lr)
        np.save(folder.sr_image(0, index), lr.repeat(4, 0).repeat(4, 1))
    return folder


def _run(folder: JobFolder, plan: SteadyPlan, noise: Callable[[], float], memory=_Memory):
    network = _Network()
    clock = _Clock(noise, network)
    bench = Bench(CPU, network, clock, memory(CPU), GpuWatch(CPU), Sidecar())
    parent = Comparing(TimedPasses(folder, [5]))
    return steady_pass(bench, folder, parent, 0, 5, plan), network, parent


def test_rounds_take_every_image_once_in_blocks_that_fit_the_memory(folder: JobFolder) -> None:
    taken, network, parent = _run(folder, SteadyPlan(1.0, 1e9, 0), lambda: 0.0)
    assert sorted(map(len, taken.blocks)) == [1, 2, 2]
    assert sorted(image for block in taken.blocks for image in block) == [0, 1, 2, 3, 4]
    rounds = [network.seen[start : start + 5] for start in range(0, len(network.seen), 5)]
    assert len(rounds) == taken.warmup_rounds + taken.rounds
    assert all(sorted(images) == [0, 1, 2, 3, 4] for images in rounds)
    assert len({tuple(images) for images in rounds}) > 1
    # Three like rounds are warm; without noise the least number of rounds is precise.
    assert (taken.warmup_rounds, taken.is_stable) == (3, True)
    assert (taken.rounds, taken.ended) == (ROUNDS_AT_LEAST, "precision")
    assert taken.launch_share == pytest.approx(0.8)
    assert all(timed.difference == 0 for timed in parent.passes.complete)
    assert len(parent.passes.complete) == 3 * len(rounds)


def test_any_output_of_a_block_may_be_asked_for_and_is_compared(folder: JobFolder) -> None:
    scored = np.load(folder.sr_image(0, 3))
    scored[0, 0, 0] += 9
    np.save(folder.sr_image(0, 3), scored)
    _, _, parent = _run(folder, SteadyPlan(1e-9, 0.2, 0), lambda: np.random.default_rng().random())
    of_block = [timed for timed in parent.passes.complete if 3 in timed.images]
    asked = {timed.images[timed.shown] for timed in of_block}
    assert asked == {image for timed in of_block for image in timed.images}
    for timed in parent.passes.complete:
        assert timed.difference == (9 if timed.images[timed.shown] == 3 else 0)


def test_where_nothing_queues_a_block_is_one_image(folder: JobFolder) -> None:
    taken, _, _ = _run(folder, SteadyPlan(1.0, 1e9, 0), lambda: 0.0, PeakMemory)
    assert [len(block) for block in taken.blocks] == [1] * 5


def test_noise_asks_for_more_rounds(folder: JobFolder) -> None:
    rng = np.random.default_rng(0)
    noisy = lambda: rng.normal(0, 0.05)  # noqa: E731
    coarse, _, _ = _run(folder, SteadyPlan(5.0, 1e9, 0), noisy)
    fine, _, _ = _run(folder, SteadyPlan(0.5, 1e9, 0), noisy)
    assert coarse.rounds < fine.rounds
    assert half_width_percent(fine.samples_ms) <= 0.5
    assert steady_timing(fine).mean_ms == pytest.approx(1.0, abs=0.01)


def test_the_interval_is_looked_at_seldom(folder: JobFolder, monkeypatch) -> None:
    looked_at = []

    def never(samples: list[list[float]]) -> float:
        looked_at.append(len(samples[0]))
        return 0.0 if len(samples[0]) >= 40 else 100.0

    monkeypatch.setattr("esr.measure.steady_pass.half_width_percent", never)
    taken, _, _ = _run(folder, SteadyPlan(1.0, 1e9, 0), lambda: 0.0)
    # From 5 rounds on, each time when there are a tenth more, rounded up.
    assert looked_at == [*range(5, 11), 11, 13, 15, 17, 19, 21, 24, 27, 30, 33, 37, 41]
    assert (taken.rounds, taken.ended) == (41, "precision")


def test_the_time_that_is_spent_ends_it(folder: JobFolder, monkeypatch) -> None:
    now = iter(range(10**6))
    clock = partial(RoundTimer, now_ns=lambda: next(now) * 10**9)
    monkeypatch.setattr(module, "RoundTimer", clock)
    taken, _, _ = _run(folder, SteadyPlan(1e-9, 10.0, 0), np.random.default_rng(0).random)
    assert taken.ended == "budget"
    assert taken.rounds >= 2


def test_blocks_of_unlike_size_count_by_their_images() -> None:
    # Blocks of 2 and 1 image: medians 6 and 2 ms, together 8 ms for 3 images.
    samples = SteadySamples(
        ((0, 2), (1,)), ((6.0, 5.0, 9.0), (2.0, 2.5, 1.0)), "precision", 3, True, None, 0, None
    )
    assert steady_timing(samples).mean_ms == pytest.approx(8 / 3)
    timing = steady_timing(samples)
    assert timing.low_ms <= timing.mean_ms <= timing.high_ms


def test_what_of_the_official_runtime_is_cold_start() -> None:
    sizes = [(6, 8), (6, 8), (9, 8), (6, 8)]
    images = tuple(
        ImageResult(str(number), ms, {}, size)
        for number, (ms, size) in enumerate(zip((60.0, 10.0, 20.0, 10.0), sizes, strict=True))
    )
    robust = RobustTiming(((10.0, 10.0),) * 2 + ((8.0, 12.0),) + ((10.0, 10.0),), 10, 10, 10, 10)
    split = SplitResult("valid", "Four", images, None, None, robust=robust)
    # 60 of 100 ms are the first image's; (60 - 10) + (20 - 10) would not be needed when warm.
    assert split.first_image_percent == pytest.approx(60.0)
    assert split.cold_start_percent == pytest.approx(60.0)


def test_the_row_says_how_the_steady_runtime_ended(harness: Harness) -> None:
    harness.add("team01_Other", tiny())
    done = harness.run("--model_id", "1", "--repeats", "0", "--precision", "90", "--device", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = (row for label, row in harness.rows().items() if label.endswith("Other"))
    assert row["Steady ended"] == "precision"
    low, steady, high = (float(row[f"Steady {name} [ms]"]) for name in ("low", "Time", "high"))
    assert low <= steady <= high
    assert int(row["Steady rounds"]) >= ROUNDS_AT_LEAST
    assert row["Warm Time [ms]"] == ""
    record = harness.record("01_Other")
    assert record["request"]["procedure"]["passes"]["precision_percent"] == 90.0
    done = harness.run("--model_id", "1", "--precision", "x")
    assert done.returncode == 2
    assert "no percentage" in done.stderr
