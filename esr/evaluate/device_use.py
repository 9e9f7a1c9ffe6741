"""Who held which device from when to when: `logs/devices.jsonl`, a line a measurement.

No two lines of one machine may overlap on a device; it is written so that anybody can check.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from esr.base import json_file
from esr.base.errors import UserError, cause
from esr.sandbox.gpu_lock import has_gpu, physical_gpu

DEVICE_LOG = "devices.jsonl"


@dataclass(frozen=True)
class DeviceUse:
    """One measurement on one device."""

    label: str
    machine: str
    devices: tuple[str, ...]
    """`gpu 0`, or the cores: `core 0`."""
    began_s: float
    """Seconds since 1970 by that machine's clock."""
    ended_s: float


@contextmanager
def noted_use(label: str, device: str, log: Path) -> Iterator[None]:
    """Note what is held meanwhile.

    Args:
        label: of the submission.
        device: as `--device` says it.
        log: one line is appended.

    Raises:
        UserError: it cannot be written.
    """
    began_s = time.time()
    try:
        yield
    finally:
        use = DeviceUse(label, platform.node(), name_devices(device), began_s, time.time())
        append(log, json_file.to_line(use))


def name_devices(device: str) -> tuple[str, ...]:
    """Name the GPU that is used, or else the cores."""
    granted = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if device != "cpu" and (granted or has_gpu()):
        return (f"gpu {physical_gpu(device)}",)
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    return tuple(f"core {core}" for core in sorted(cores))


def list_uses(log: Path) -> list[DeviceUse]:
    """Read what is noted, oldest first; a line that cannot be read is none."""
    uses = []
    with suppress(OSError):
        for line in log.read_bytes().splitlines():
            with suppress(UserError):
                uses.append(json_file.parse(DeviceUse, line))
    return uses


def append(log: Path, lines: bytes) -> None:
    """Append lines that other processes do not break into.

    Raises:
        UserError: they cannot be written.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, lines)
        finally:
            os.close(handle)
    except OSError as error:
        raise UserError(f"cannot be written ({cause(error)})", where=log) from error
