"""The GPU's state through a stand-in for NVML that answers as the real one is documented to."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from esr.measure import nvml
from esr.measure.nvml import REASONS, GpuWatch, around

GPU = torch.device("cuda", 0)


class FakeNvml:
    """NVML with one GPU; queries in `broken` are not supported."""

    def __init__(self, reasons: int = 0, broken: tuple[str, ...] = ()) -> None:
        self.reasons = reasons
        self.broken = broken
        self.asked: list[bytes | str] = []

    def nvmlInit(self) -> None:
        self._maybe_fail("nvmlInit")

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        self.asked.append(uuid)
        return "handle"

    def nvmlDeviceGetClockInfo(self, handle: str, kind: int) -> int:
        self._maybe_fail("nvmlDeviceGetClockInfo")
        return {1: 1410, 2: 1593}[kind]

    def nvmlDeviceGetTemperature(self, handle: str, sensor: int) -> int:
        self._maybe_fail("nvmlDeviceGetTemperature")
        return 61

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:
        self._maybe_fail("nvmlDeviceGetPowerUsage")
        return 251_500

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        self._maybe_fail("nvmlDeviceGetTotalEnergyConsumption")
        return 987_654_321

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: str) -> int:
        self._maybe_fail("nvmlDeviceGetCurrentClocksEventReasons")
        return self.reasons

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: str) -> int:
        self._maybe_fail("nvmlDeviceGetCurrentClocksThrottleReasons")
        return self.reasons

    def _maybe_fail(self, name: str) -> None:
        if name in self.broken:
            raise RuntimeError("Not Supported")


@pytest.fixture(autouse=True)
def _one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    properties = SimpleNamespace(uuid="1234-abcd")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)


def test_everything_is_read_in_its_unit_from_the_gpu_that_pytorch_means() -> None:
    api = FakeNvml(0x4)
    state = GpuWatch(GPU, api).state()
    assert state is not None
    assert api.asked == ["GPU-1234-abcd"]
    assert (state.sm_clock_mhz, state.memory_clock_mhz) == (1410, 1593)
    assert (state.temperature_c, state.power_w) == (61, 251.5)
    assert (state.limited_by, state.throttled) == (("SwPowerCap",), True)


@pytest.mark.parametrize(
    ("reasons", "throttled"),
    [(0x0, False), (0x1, False), (0x2, False), (0x8, True), (0x21, True), (0x40, True)],
)
def test_only_heat_and_power_are_throttling(reasons: int, throttled: bool) -> None:
    assert GpuWatch(GPU, FakeNvml(reasons)).throttled() is throttled


def test_the_bits_are_those_of_the_library() -> None:
    pynvml = pytest.importorskip("pynvml")
    for bit, name in REASONS.items():
        other = "UserDefinedClocks" if name == "ApplicationsClocksSetting" else name
        assert bit in (
            getattr(pynvml, f"nvmlClocksEventReason{name}", None),
            getattr(pynvml, f"nvmlClocksThrottleReason{name}", None),
            getattr(pynvml, f"nvmlClocksThrottleReason{other}", None),
        )
    assert (pynvml.NVML_CLOCK_SM, pynvml.NVML_CLOCK_MEM) == (1, 2)
    assert pynvml.NVML_TEMPERATURE_GPU == 0


def test_a_reason_without_a_name_is_kept_as_a_number() -> None:
    state = GpuWatch(GPU, FakeNvml(0x1001)).state()
    assert state is not None
    assert state.limited_by == ("GpuIdle", "0x1000")


def test_an_old_driver_knows_only_the_older_name() -> None:
    api = FakeNvml(0x20, broken=("nvmlDeviceGetCurrentClocksEventReasons",))
    assert GpuWatch(GPU, api).throttled() is True


def test_what_a_gpu_does_not_tell_is_none() -> None:
    names = [name for name in dir(FakeNvml) if "Current" in name or "Power" in name]
    state = GpuWatch(GPU, FakeNvml(0xFF, broken=tuple(names))).state()
    assert state is not None
    assert (state.power_w, state.limited_by, state.throttled) == (None, None, None)
    assert state.temperature_c == 61


def test_energy_is_in_millijoules_and_none_on_gpus_without_a_counter() -> None:
    assert GpuWatch(GPU, FakeNvml()).energy_mj() == 987_654_321
    older = FakeNvml(broken=("nvmlDeviceGetTotalEnergyConsumption",))
    assert GpuWatch(GPU, older).energy_mj() is None


def test_without_nvml_or_on_the_cpu_everything_is_unknown() -> None:
    for watch in (
        GpuWatch(torch.device("cpu")),
        GpuWatch(torch.device("cpu"), FakeNvml(0xFF)),
        GpuWatch(GPU, FakeNvml(0xFF, broken=("nvmlInit",))),
    ):
        assert (watch.state(), watch.throttled(), watch.energy_mj()) == (None, False, None)
    assert around(None, None) is None


@pytest.mark.gpu
def test_a_real_gpu_tells_its_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    monkeypatch.undo()
    state = GpuWatch(torch.device("cuda", 0)).state()
    assert state is not None
    assert state.sm_clock_mhz
    assert 0 < (state.temperature_c or 0) < 120
    assert nvml.around(state, state) is not None
