"""Devices to measure on, one entry in `BACKENDS` each, and the machine that they are in.

`python -m esr.measure.device cuda:1 [MACHINE.json]` says in one line why a device cannot be used;
if it can, the file says what it is.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from esr.base import json_file
from esr.base.errors import UserError
from esr.measure.timing import (
    CudaMemory,
    CudaStopwatch,
    PeakMemory,
    Stopwatch,
    WallStopwatch,
)
from esr.records.measurement import Machine


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
    precision_percent: float
    """Of the steady runtime unless the user says otherwise; 0 for none."""


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
        torch.cuda.device_count,
        torch.cuda.get_device_name,
        CudaStopwatch,
        CudaMemory,
        repeats=5,
        precision_percent=0.25,
    ),
    "cpu": Backend(lambda: 1, cpu_name, WallStopwatch, PeakMemory, repeats=0, precision_percent=0),
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


def describe_machine(device: torch.device) -> Machine:
    """Describe hardware, versions and precision settings as they are now."""
    on_gpu = device.type == "cuda"
    name = backend(device).name(device)
    return Machine(
        device=str(device),
        device_name=name,
        cpu=cpu_name(),
        gpu=name if on_gpu else None,
        driver=_driver_version() if on_gpu else None,
        python=platform.python_version(),
        torch=torch.__version__,
        cuda=torch.version.cuda,
        cudnn=torch.backends.cudnn.version() if on_gpu else None,  # type: ignore[no-untyped-call]
        platform=platform.platform(),
        num_threads=torch.get_num_threads(),
        cudnn_benchmark=torch.backends.cudnn.benchmark,
        cudnn_tf32=cudnn_tf32(),
        matmul_tf32=matmul_tf32(),
    )


def cudnn_tf32() -> bool:
    """Whether cuDNN may round the inputs of convolutions to TF32."""
    try:
        return bool(torch.backends.cudnn.allow_tf32)
    except RuntimeError:  # PyTorch refuses the old name where a submission has used the new one.
        return _is_tf32(torch.backends.cudnn, "conv")


def matmul_tf32() -> bool:
    """Whether cuBLAS may round the inputs of matrix products to TF32."""
    try:
        return bool(torch.backends.cuda.matmul.allow_tf32)
    except RuntimeError:
        return _is_tf32(torch.backends.cuda, "matmul")


def _is_tf32(owner: object, part: str) -> bool:
    # By name: PyTorch 2.6 has neither the new setting nor, for lack of it, the refusal.
    return bool(getattr(owner, part).fp32_precision == "tf32")


def _driver_version() -> str | None:
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # Without NVML (ROCm, Jetson, containers) the version is simply unknown.
        return None
    try:
        return str(pynvml.nvmlSystemGetDriverVersion())
    finally:
        pynvml.nvmlShutdown()


def main(name: str, machine_file: str | None = None) -> int:
    """Say in one line why a device cannot be used; if it can, describe the machine in a file."""
    try:
        device = resolve(name)
    except UserError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    if machine_file is not None:
        json_file.dump(describe_machine(device), Path(machine_file))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
