"""What a measurement ran on.

`python -m esr.measure.machine auto FILE` leaves it in a file, for who does not import PyTorch.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import torch

from esr.base import json_file
from esr.measure.device import backend, cpu_name, resolve
from esr.records.measurement import Machine


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


if __name__ == "__main__":
    json_file.dump(describe(resolve(sys.argv[1])), Path(sys.argv[2]))
