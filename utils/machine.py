"""What a measurement runs on; `python -m utils.machine cuda:1` says whether that is there."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import torch

from utils.errors import UserError
from utils.record import Machine


def resolve_device(name: str) -> torch.device:
    """Turn `auto`, `cpu`, `cuda` or `cuda:1` into a device that exists.

    Raises:
        UserError: a CUDA device that is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type != "cuda":
        return device
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = device.index or 0
    if index >= count:
        raise UserError(
            f"no such device: PyTorch {torch.__version__} sees {count} CUDA devices",
            remedy="use --device cpu or auto",
        )
    return torch.device("cuda", index)


def describe(device: torch.device) -> Machine:
    """Describe hardware, versions and precision settings as they are now."""
    on_gpu = device.type == "cuda"
    gpu = torch.cuda.get_device_name(device) if on_gpu else None
    cpu = _cpu_name()
    return Machine(
        device=str(device),
        device_name=gpu or cpu,
        cpu=cpu,
        gpu=gpu,
        driver=_driver_version() if on_gpu else None,
        python=platform.python_version(),
        torch=torch.__version__,
        cuda=torch.version.cuda,
        cudnn=torch.backends.cudnn.version() if on_gpu else None,  # type: ignore[no-untyped-call]
        platform=platform.platform(),
        num_threads=torch.get_num_threads(),
        cudnn_benchmark=torch.backends.cudnn.benchmark,
        cudnn_tf32=torch.backends.cudnn.allow_tf32,
        matmul_tf32=torch.backends.cuda.matmul.allow_tf32,
    )


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


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


def main(name: str) -> int:
    """Say in one line why a device cannot be used; say nothing if it can."""
    try:
        resolve_device(name)
    except UserError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
