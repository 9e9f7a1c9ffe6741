"""The state of a GPU as NVML reports it: clocks, temperature, power, energy, what limits them.

Source: NVML API reference, `nvmlClocksEventReasons` and the device queries.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from esr.records.conditions import GpuState, GpuStates

T = TypeVar("T")
Api = Any
"""The module `pynvml`, or what a test puts in its place."""

REASONS = {
    0x001: "GpuIdle",
    0x002: "ApplicationsClocksSetting",
    0x004: "SwPowerCap",
    0x008: "HwSlowdown",
    0x010: "SyncBoost",
    0x020: "SwThermalSlowdown",
    0x040: "HwThermalSlowdown",
    0x080: "HwPowerBrakeSlowdown",
    0x100: "DisplayClockSetting",
}
"""Bits of `nvmlDeviceGetCurrentClocksEventReasons`."""
THROTTLE = 0x004 | 0x008 | 0x020 | 0x040 | 0x080
"""Heat and power; the others are settings, or a GPU with nothing to do."""

_SM, _MEMORY, _CELSIUS_ON_DIE = 1, 2, 0
"""NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU."""


class GpuWatch:
    """Reads one GPU; without NVML, or on the CPU, everything it says is None.

    Args:
        device: as PyTorch numbers it.
        api: `pynvml`; None to look for it.
    """

    def __init__(self, device: torch.device, api: Api | None = None) -> None:
        self._api, self._handle = None, None
        if device.type == "cuda":
            with contextlib.suppress(Exception):  # ROCm, Jetson, containers: no NVML, no state.
                self._api = api or importlib.import_module("pynvml")
                self._api.nvmlInit()
                self._handle = self._api.nvmlDeviceGetHandleByUUID(_uuid(device))

    def state(self) -> GpuState | None:
        """Read everything; None without NVML."""
        api, handle = self._api, self._handle
        if api is None or handle is None:
            return None
        reasons = self._reasons()
        milliwatts = _known(lambda: int(api.nvmlDeviceGetPowerUsage(handle)))
        return GpuState(
            sm_clock_mhz=_known(lambda: int(api.nvmlDeviceGetClockInfo(handle, _SM))),
            memory_clock_mhz=_known(lambda: int(api.nvmlDeviceGetClockInfo(handle, _MEMORY))),
            temperature_c=_known(
                lambda: int(api.nvmlDeviceGetTemperature(handle, _CELSIUS_ON_DIE))
            ),
            power_w=None if milliwatts is None else milliwatts / 1000,
            limited_by=None if reasons is None else _names(reasons),
            throttled=None if reasons is None else bool(reasons & THROTTLE),
        )

    def throttled(self) -> bool:
        """Whether heat or power limits the clocks at this moment; False if unknown."""
        return bool((self._reasons() or 0) & THROTTLE)

    def energy_mj(self) -> int | None:
        """Read what the board has spent since the driver was loaded, in mJ; None if unknown."""
        api, handle = self._api, self._handle
        if api is None or handle is None:
            return None
        return _known(lambda: int(api.nvmlDeviceGetTotalEnergyConsumption(handle)))

    def _reasons(self) -> int | None:
        api, handle = self._api, self._handle
        if api is None or handle is None:
            return None
        # The older name is all that drivers and bindings before 2023 have.
        names = (
            "nvmlDeviceGetCurrentClocksEventReasons",
            "nvmlDeviceGetCurrentClocksThrottleReasons",
        )
        for name in names:
            with contextlib.suppress(Exception):
                return int(getattr(api, name)(handle))
        return None


def around(before: GpuState | None, after: GpuState | None) -> GpuStates | None:
    """Pair two readings; None if there are none."""
    return GpuStates(before, after) if before is not None and after is not None else None


def _uuid(device: torch.device) -> str:
    # CUDA_VISIBLE_DEVICES renumbers what PyTorch sees and not what NVML sees.
    return f"GPU-{torch.cuda.get_device_properties(device).uuid}"


def _known(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except Exception:  # A query that this GPU or driver does not support.
        return None


def _names(reasons: int) -> tuple[str, ...]:
    known = [name for bit, name in REASONS.items() if reasons & bit]
    unknown = reasons & ~sum(REASONS)
    return tuple(known + ([hex(unknown)] if unknown else []))
