"""What a measurement ran on."""

from __future__ import annotations

import platform

import torch

from utils.device import backend, cpu_name
from utils.record import Machine


def describe(device: torch.device) -> Machine:
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
        cudnn_tf32=torch.backends.cudnn.allow_tf32,
        matmul_tf32=torch.backends.cuda.matmul.allow_tf32,
    )


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
