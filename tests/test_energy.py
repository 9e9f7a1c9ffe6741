"""Joules an image, on a GPU and a clock of the test's own whose power is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from esr.measure.bench import Bench
from esr.measure.energy import WINDOW_S, WINDOWS, measure_energy
from esr.measure.job import JobFolder
from esr.measure.nvml import GpuWatch
from esr.measure.timing import PeakMemory, WallStopwatch
from esr.records.timing_samples import EnergySamples, EnergyWindow
from esr.submissions.sidecar import Sidecar

CPU = torch.device("cpu")
IDLE_W, BUSY_W, PASS_S = 60.0, 300.0, 0.25


@dataclass
class _World:
    """A GPU of 60 W when idle and 300 W when busy, on which a pass takes a quarter of a second.

    The queue takes two passes before the CPU has to wait.
    """

    now: float = 100.0
    queued: int = 0
    joules: float = 5e6
    passes: int = 0

    def rest(self, seconds: float) -> None:
        busy = min(seconds, self.queued * PASS_S)
        self.queued -= round(busy / PASS_S)
        self.joules += busy * BUSY_W + (seconds - busy) * IDLE_W
        self.now += seconds

    def forward(self, lr: Tensor) -> Tensor:
        self.passes += 1
        self.queued += 1
        if self.queued > 2:
            self.rest(PASS_S)
        return lr

    def finish(self) -> None:
        self.rest(self.queued * PASS_S)


class _Gpu(GpuWatch):
    def __init__(self, world: _World, last: float = float("inf")) -> None:
        self._world, self._reads_left = world, last

    def energy_mj(self) -> int | None:
        self._reads_left -= 1
        return round(1000 * self._world.joules) if self._reads_left >= 0 else None


class _Memory(PeakMemory):
    """Room for 2 images of 6 x 8 with their SR: 4 * 3 * 48 * 17 bytes each, a quarter of it."""

    def free_bytes(self) -> int:
        return 4 * 2 * 4 * 3 * 48 * 17


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    (tmp_path / "lr").mkdir()
    for index in range(3):
        np.save(JobFolder(tmp_path).lr_image(0, index), np.zeros((6, 8, 3), np.uint8))
    return JobFolder(tmp_path)


def _measure(folder: JobFolder, world: _World, gpu: GpuWatch) -> EnergySamples | None:
    bench = Bench(CPU, world.forward, WallStopwatch(), _Memory(CPU), gpu, Sidecar())
    clocks = (world.finish, lambda: world.now, world.rest)
    return measure_energy(bench, folder, 0, 3, *clocks)


def test_energy_of_an_image_is_power_times_time(folder: JobFolder) -> None:
    world = _World()
    energy = _measure(folder, world, _Gpu(world))
    assert energy is not None
    # 300 W for 0.25 s is 75 J; everything that was queued is in the window.
    assert energy.joules_per_image == pytest.approx(75.0)
    assert (energy.idle_w, energy.busy_w) == (pytest.approx(60.0), pytest.approx(300.0))
    assert len(energy.windows) == WINDOWS
    assert all(window.seconds >= WINDOW_S for window in (energy.idle, *energy.windows))
    assert sum(window.images for window in energy.windows) == world.passes


@pytest.mark.parametrize("reads", [0, 1, 4])
def test_a_counter_that_is_absent_or_stops_leaves_none(folder: JobFolder, reads: int) -> None:
    world = _World()
    assert _measure(folder, world, _Gpu(world, reads)) is None
    assert bool(world.passes) == (reads > 3)


def test_windows_without_a_pass_are_no_division_by_nothing() -> None:
    nothing = EnergySamples(EnergyWindow(0, 0.0, 0.0), (EnergyWindow(0, 0.0, 0.0),))
    assert (nothing.joules_per_image, nothing.idle_w, nothing.busy_w) == (None, None, None)


@pytest.mark.gpu
def test_a_real_gpu_spends_more_when_it_works(folder: JobFolder) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    device = torch.device("cuda", 0)
    matrix = torch.rand(4096, 4096, device=device)
    bench = Bench(
        device, lambda _: matrix @ matrix, WallStopwatch(), PeakMemory(device), GpuWatch(device),
        Sidecar(),
    )  # fmt: skip
    energy = measure_energy(bench, folder, 0, 3)
    assert energy is not None
    assert 5 < energy.idle_w < energy.busy_w < 2000
