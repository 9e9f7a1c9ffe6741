"""Values that are not there yet when the clock stops, whatever it is that brings them later."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from esr.audit.audit_passes import late
from esr.measure.bench import Bench
from esr.measure.nvml import GpuWatch
from esr.measure.timing import PeakMemory, WallStopwatch
from esr.submissions.sidecar import Sidecar

CPU = torch.device("cpu")
IMAGE = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)


def _bench(forward: Callable[[Tensor], Tensor]) -> Bench:
    return Bench(CPU, forward, WallStopwatch(), PeakMemory(CPU), GpuWatch(CPU), Sidecar())


def _nearest(lr: Tensor) -> Tensor:
    return lr.repeat_interleave(4, 2).repeat_interleave(4, 3)


@pytest.mark.parametrize("network", [_nearest, lambda lr: _nearest(lr) + torch.rand(())])
def test_values_that_are_there_are_fine_deterministic_or_not(
    network: Callable[[Tensor], Tensor],
) -> None:
    assert list(late(_bench(network), IMAGE)) == []


@pytest.mark.parametrize("unwritten", [0.0, float("nan")])
@pytest.mark.parametrize("name", ["detach", "squeeze", "float", "cpu", "numpy"])
def test_values_that_come_when_they_are_read_are_seen(
    name: str, unwritten: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending: list[Callable[[], object]] = []
    real = getattr(Tensor, name)

    def reading(*args: object, **kwargs: object) -> object:
        while pending:
            pending.pop()()
        return real(*args, **kwargs)

    def forward(lr: Tensor) -> Tensor:
        output = torch.full((1, 3, 48, 40), unwritten)
        pending.append(lambda: output.copy_(_nearest(lr)))
        return output

    monkeypatch.setattr(Tensor, name, reading)
    (flag,) = late(_bench(forward), IMAGE)
    assert flag.name == "lazy_output"
