"""Conversion on the device of an output: the official bytes, whatever a device rounds by itself."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from esr.images import official_image, output_image
from esr.images.device_levels import convert_on_device, find_thresholds
from esr.measure.timing import CudaMemory

RANGES = (1.0, 255.0, 0.7)


class DividesAsCuda(TorchDispatchMode):
    """Divides by a Python number as CUDA does: by multiplying with its reciprocal."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        if func in (torch.ops.aten.div.Tensor, torch.ops.aten.div.Scalar):
            divisor = args[1]
            if not isinstance(divisor, torch.Tensor) or divisor.ndim == 0:
                return args[0] * (1.0 / np.float32(divisor)).item()
        return func(*args, **(kwargs or {}))


def _on_the_cpu(values: torch.Tensor) -> tuple[torch.Tensor, AbstractContextManager[object]]:
    return values, DividesAsCuda()


def _on_a_gpu(values: torch.Tensor) -> tuple[torch.Tensor, AbstractContextManager[object]]:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return values.cuda(), nullcontext()


DEVICES = [_on_the_cpu, pytest.param(_on_a_gpu, marks=pytest.mark.gpu)]


def _official(values: np.ndarray, data_range: float) -> np.ndarray:
    clamped = np.clip(values, 0, data_range).transpose(1, 2, 0)
    return np.uint8((clamped * 255.0 / data_range).round())


def _values(data_range: float) -> np.ndarray:
    """All 256 levels, every half with its neighbours, random values around it, and far ones."""
    levels = np.arange(256, dtype=np.float32) / np.float32(255) * np.float32(data_range)
    halves = (np.arange(-1, 258) + 0.5) / 255 * data_range
    near = [halves.astype(np.float32)]
    for _ in range(6):
        near = [np.nextafter(near[0], -np.inf), *near, np.nextafter(near[-1], np.inf)]
    around = np.random.default_rng(0).normal(halves, 1e-6 * data_range, (500, len(halves)))
    far = [-np.inf, np.inf, -1e30, 1e30, 0.0, -0.0, 1e-40, -1e-40, 2.0**24 * data_range]
    flat = np.concatenate([levels, *near, around.ravel(), far]).astype(np.float32)
    return np.resize(flat, (3, 230, 200))


@pytest.mark.parametrize("data_range", RANGES)
@pytest.mark.parametrize("put_on", DEVICES)
def test_device_and_cpu_give_the_official_bytes(data_range: float, put_on: Any) -> None:
    values = _values(data_range)
    on_device, way_of_dividing = put_on(torch.from_numpy(values.copy()))
    with way_of_dividing:
        image, extremes = convert_on_device(on_device, data_range)
    assert np.array_equal(image, _official(values, data_range))
    assert np.array_equal(image, official_image.tensor2uint(torch.from_numpy(values), data_range))
    assert extremes == (-np.inf, np.inf)
    assert np.array_equal(on_device.cpu().numpy(), values)


def test_what_a_gpu_would_divide_by_its_reciprocal_differs() -> None:
    """Else the test before could not fail."""
    values = torch.from_numpy(_values(255.0))

    def plainly() -> np.ndarray:
        levels = (values.clamp(0, 255) * 255.0).div(255.0).round()
        return levels.to(torch.uint8).permute(1, 2, 0).numpy()

    expected = _official(values.numpy(), 255.0)
    assert np.array_equal(plainly(), expected)
    with DividesAsCuda():
        assert not np.array_equal(plainly(), expected)


@pytest.mark.parametrize("data_range", [*RANGES, 3.7, 1000.0])
def test_each_threshold_is_the_first_value_of_its_level(data_range: float) -> None:
    first = find_thresholds(data_range)
    last_before = np.nextafter(first, np.float32(0))
    levels = np.arange(1, 256)
    for values, expected in ((first, levels), (last_before, levels - 1)):
        assert np.array_equal(_official(values.reshape(1, 1, -1), data_range).ravel(), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("put_on", DEVICES)
def test_other_types_go_by_float32_and_strides_do_not_matter(
    dtype: torch.dtype, put_on: Any
) -> None:
    generator = torch.Generator().manual_seed(1)
    # Of several strips.
    values = torch.rand(1, 3, 700, 513, generator=generator, dtype=torch.float64) * 1.2 - 0.1
    values = values.to(dtype).to(memory_format=torch.channels_last)
    expected = _official(values[0].float().numpy(), 1.0)
    on_device, way_of_dividing = put_on(values)
    with way_of_dividing:
        image, extremes = convert_on_device(on_device[0], 1.0)
    assert np.array_equal(image, expected)
    assert extremes == (values.float().min(), values.float().max())


@pytest.mark.parametrize("row", [0, 399, 699])
@pytest.mark.parametrize("put_on", DEVICES)
def test_a_nan_is_seen_in_any_strip(row: int, put_on: Any) -> None:
    values = torch.full((3, 700, 513), 0.5)
    values[1, row, 7] = float("nan")
    assert np.isnan(convert_on_device(put_on(values)[0], 1.0)[1]).all()


def test_what_is_converted_on_a_device_is_saved_as_what_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    img = torch.from_numpy(_values(255.0))[None]
    host = output_image.save_uint(img, 255.0, tmp_path / "host.npy")
    image, _ = output_image.tensor2levels(img, 255.0)
    monkeypatch.setattr(output_image, "_is_image_on_device", lambda _: True)
    with monkeypatch.context() as patched:  # Nothing larger than bytes may reach the host.
        patched.setattr(output_image, "_on_the_host", lambda _: pytest.fail("floats crossed"))
        assert output_image.save_uint(img, 255.0, tmp_path / "device.npy") == host
        assert np.array_equal(output_image.tensor2levels(img, 255.0)[0], image)
    written = [(tmp_path / f"{name}.npy").read_bytes() for name in ("host", "device")]
    assert written[0] == written[1]


def test_a_network_that_leaves_no_memory_for_it_is_converted_on_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    img = torch.from_numpy(_values(1.0))[None]
    expected, extremes = output_image.tensor2levels(img, 1.0)

    def full(values: torch.Tensor, data_range: float) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(output_image, "_is_image_on_device", lambda _: True)
    monkeypatch.setattr(output_image, "convert_on_device", full)
    assert output_image.save_uint(img, 1.0, tmp_path / "sr.npy") == extremes
    assert np.array_equal(np.load(tmp_path / "sr.npy"), expected)
    assert np.array_equal(output_image.tensor2levels(img, 1.0)[0], expected)


def test_what_converting_allocates_is_no_peak_of_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An allocator of our own: what is allocated, and its peak since the last reset."""
    now, peak = [0], [0]

    def allocate(mib: int) -> None:
        now[0] += mib * 2**20
        peak[0] = max(peak[0], now[0])

    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: peak[0])
    monkeypatch.setattr(
        torch.cuda, "reset_peak_memory_stats", lambda _: peak.__setitem__(0, now[0])
    )
    memory = CudaMemory(torch.device("cuda", 0))
    memory.restart()
    allocate(100)
    with memory.aside():
        allocate(30)
        allocate(-30)
    assert (memory.split_mib(), memory.official_mib()) == (100, 100)
    allocate(-60)
    # What comes later counts, as long as it is higher.
    allocate(50)
    assert memory.split_mib() == 100
    allocate(20)
    assert memory.split_mib() == 110
    memory.restart()
    assert (memory.split_mib(), memory.official_mib()) == (110, 110)
