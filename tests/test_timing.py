"""The stopwatch with a clock that the test holds, and on CUDA with real events."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from esr.base.errors import UserError
from esr.measure.device import BACKENDS, backend, resolve
from esr.measure.timing import CudaMemory, CudaStopwatch, Lap, WallStopwatch

ROOT = Path(__file__).resolve().parents[1]


def test_the_wall_stopwatch_counts_only_the_call_in_milliseconds() -> None:
    now = iter([1_000_000, 3_500_000])
    assert WallStopwatch(lambda: next(now)).time(lambda: "sr") == ("sr", Lap(2.5, 2.5))


def test_on_the_cpu_device_memory_is_unknown() -> None:
    memory = backend(torch.device("cpu")).memory(torch.device("cpu"))
    memory.restart()
    memory.release()
    assert (memory.official_mib(), memory.split_mib(), memory.reserved_mib()) == (None, None, None)


def test_peak_rss_counts_what_was_allocated() -> None:
    # In a process of its own: the peak of this one is what the largest test before it needed.
    program = (
        "from esr.base.own_memory import peak_rss_mib\n"
        "before = peak_rss_mib()\n"
        "block = bytearray(b'x' * (500 * 2**20))\n"
        "del block\n"
        "print(peak_rss_mib() - before)\n"
    )
    command = [sys.executable, "-c", program]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert 400 < float(printed) < 1200


def test_auto_is_the_preferred_device_there_is() -> None:
    assert resolve("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "says"), [("tpu", "is none of auto, cuda, cpu"), ("cpu:1", "no such device")]
)
def test_other_devices_are_refused(name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        resolve(name)


def test_a_peak_is_remembered_across_a_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    # The counter of PyTorch: highest allocation since the last reset, in bytes.
    peaks = iter([100, 300, 300, 200, 200])
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: next(peaks) * 2**20)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: None)
    memory = CudaMemory(torch.device("cuda", 0))
    memory.restart()
    assert memory.official_mib() == 300
    memory.restart()
    assert (memory.official_mib(), memory.split_mib()) == (300, 200)


def test_a_network_without_parameters_has_a_peak_too(monkeypatch: pytest.MonkeyPatch) -> None:
    # PyTorch's allocator, `assertValidDevice`: it knows no device before CUDA is initialised, which
    # reading its statistics does not do and resetting them neither.
    started: list[bool] = []

    def reset(device: torch.device) -> None:
        if not started:
            raise RuntimeError("Invalid device argument 0: did you call init?")

    monkeypatch.setattr(torch.cuda, "init", lambda: started.append(True))
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: bool(started))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 0)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", reset)
    memory = CudaMemory(torch.device("cuda", 0))
    memory.restart()
    assert memory.official_mib() == 0


@pytest.mark.gpu
def test_the_official_peak_is_never_reset_and_ours_is() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    device = torch.device("cuda", 0)
    memory = BACKENDS["cuda"].memory(device)
    memory.restart()
    block = torch.empty(64 * 2**20, dtype=torch.uint8, device=device)
    del block
    first = memory.official_mib()
    memory.restart()
    assert memory.official_mib() == first
    assert memory.split_mib() <= first - 64


@pytest.mark.gpu
def test_cuda_events_give_the_result_and_a_duration() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    matrix = torch.rand(4096, 4096, device="cuda")
    result, lap = CudaStopwatch().time(lambda: matrix @ matrix)
    assert result.shape == matrix.shape
    assert 0 < lap.ms <= lap.wall_ms
