"""The stopwatch with a clock that the test holds, and on CUDA with real events."""

from __future__ import annotations

import pytest
import torch

from utils.timing import PeakMemory, WallStopwatch, peak_rss_mib, stopwatch


def test_the_wall_stopwatch_counts_only_the_call_in_milliseconds() -> None:
    now = iter([1_000_000, 3_500_000])
    assert WallStopwatch(lambda: next(now)).time(lambda: "sr") == ("sr", 2.5)


def test_on_the_cpu_gpu_memory_is_unknown() -> None:
    memory = PeakMemory(torch.device("cpu"))
    memory.restart()
    assert (memory.official_mib(), memory.split_mib()) == (None, None)


def test_peak_rss_counts_what_was_allocated() -> None:
    before = peak_rss_mib()
    block = bytearray(b"x" * (200 * 2**20))
    assert peak_rss_mib() > max(before, 200)
    del block


@pytest.mark.gpu
def test_the_official_peak_is_never_reset_and_ours_is() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    device = torch.device("cuda", 0)
    memory = PeakMemory(device)
    memory.restart()
    block = torch.empty(64 * 2**20, dtype=torch.uint8, device=device)
    del block
    first = memory.official_mib()
    memory.restart()
    assert memory.official_mib() == first
    assert memory.split_mib() <= first - 64


@pytest.mark.gpu
def test_cuda_events_cover_the_kernel() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    watch = stopwatch(torch.device("cuda", 0))
    matrix = torch.rand(4096, 4096, device="cuda")
    result, runtime_ms = watch.time(lambda: matrix @ matrix)
    assert watch.clock == "cuda_event"
    assert result.shape == matrix.shape
    assert runtime_ms > 0
