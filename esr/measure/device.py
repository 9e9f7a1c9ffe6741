"""Devices to measure on: one entry in `BACKENDS` adds one.

`python -m esr.measure.device cuda:1` says in one line why a device cannot be used.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from esr.base.errors import UserError
from esr.measure.timing import (
    CudaMemory,
    CudaStopwatch,
    PeakMemory,
    Stopwatch,
    WallStopwatch,
)


@dataclass(frozen=True)
class Backend:
    """How one kind of device is found, timed and watched."""

    count: Callable[[], int]
    """Number of such devices here."""
    name: Callable[[torch.device], str]
    """What the device is called in shops."""
    stopwatch: Callable[[], Stopwatch]
    memory: Callable[[torch.device], PeakMemory]
    repeats: int
    """Rounds of the robust pass unless the user says otherwise; a CPU would take too long."""


def cpu_name(device: torch.device | None = None) -> str:
    """Name the processor; there is one, whatever the device."""
    del device
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


BACKENDS = {
    "cuda": Backend(
        torch.cuda.device_count, torch.cuda.get_device_name, CudaStopwatch, CudaMemory, repeats=5
    ),
    "cpu": Backend(lambda: 1, cpu_name, WallStopwatch, PeakMemory, repeats=0),
}
"""By the name PyTorch gives them, the preferred one first."""


def backend(device: torch.device) -> Backend:
    """Look up how to measure on a device that `resolve` has found."""
    return BACKENDS[device.type]


def resolve(name: str) -> torch.device:
    """Turn `auto`, `cpu`, `cuda` or `cuda:1` into a device that exists.

    Raises:
        UserError: there is no such device here, or it is of an unknown kind.
    """
    kind, _, index = name.partition(":")
    if kind == "auto":
        kind = next(kind for kind, backend in BACKENDS.items() if backend.count() > 0)
    if kind not in BACKENDS:
        raise UserError(f"is none of auto, {', '.join(BACKENDS)}")
    count = BACKENDS[kind].count()
    if int(index or 0) >= count:
        raise UserError(
            f"no such device: PyTorch {torch.__version__} sees {count} of kind {kind}",
            remedy="use --device cpu or auto",
        )
    return torch.device(kind, int(index or 0)) if kind != "cpu" else torch.device(kind)


def main(name: str) -> int:
    """Say in one line why a device cannot be used; say nothing if it can."""
    try:
        resolve(name)
    except UserError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
