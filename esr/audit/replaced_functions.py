"""What a submission has put in the place of something else: clocks, our own functions, settings.

Both are looked at before a submission is imported and again when it has run.
"""

from __future__ import annotations

import gc
import inspect
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, ModuleType

import torch

from esr.measure import device

CLOCKS = (
    *("time.perf_counter", "time.perf_counter_ns", "time.monotonic", "time.monotonic_ns"),
    *("time.time", "time.time_ns", "time.process_time", "time.process_time_ns"),
    *("time.thread_time", "time.thread_time_ns", "time.sleep"),
    *("time.clock_gettime", "time.clock_gettime_ns", "resource.getrusage"),
    *("torch.cuda.Event.wait", "torch.cuda.memory_allocated", "torch.cuda.memory_reserved"),
    *("torch.cuda.Event", "torch.cuda.Event.__new__", "torch.cuda.Event.record"),
    *("torch.cuda.Event.elapsed_time", "torch.cuda.Event.synchronize", "torch.cuda.Event.query"),
    *("torch.cuda.synchronize", "torch.cuda.current_stream", "torch.cuda.Stream.synchronize"),
    *("torch.cuda.reset_peak_memory_stats", "torch.cuda.max_memory_allocated"),
    *("torch.cuda.max_memory_reserved", "torch.cuda.memory_stats"),
)
"""What time and memory are read with."""

READERS = (
    *("numpy.load", "numpy.save", "numpy.clip", "numpy.multiply", "numpy.divide", "numpy.empty"),
    *("cv2.convertScaleAbs", "cv2.merge", "os.pwrite", "hashlib.sha256", "builtins.open"),
    *("pathlib.Path.open", "numpy.lib.format.write_array_header_1_0", "threading.Thread.start"),
    *("concurrent.futures.thread.ThreadPoolExecutor.submit", "concurrent.futures.Future.cancel"),
    *("concurrent.futures.thread._WorkItem.run", "concurrent.futures.Future.result"),
    *("torch.Tensor.detach", "torch.Tensor.cpu", "torch.Tensor.numpy", "torch.Tensor.squeeze"),
    *("torch.aminmax", "torch.bucketize", "cv2.threshold"),
    *("torch.Tensor.to", "torch.Tensor.float", "torch.Tensor.__getattribute__"),
    *("torch.Tensor.numel", "torch.nn.Module.__call__", "torch.nn.Module._call_impl"),
    *("torch.nn.Module.parameters", "torch.nn.Module.named_parameters"),
    *("torch.nn.Module.modules", "torch.nn.Module.named_modules", "torch.nn.Module.children"),
    *("torch.nn.Module.register_forward_hook", "torch.nn.Module.register_forward_pre_hook"),
)
"""What outputs are read with, and layers counted."""


class Fingerprints:
    """Which objects some names stand for.

    Args:
        names: dotted, e.g. `torch.cuda.Event.record`; one that does not exist is left out.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._places = {name: _place(name) for name in names}
        self._before = {name: _fingerprint(*place) for name, place in self._places.items()}

    def changed(self) -> list[str]:
        """Name what stands for another object now, or for the same function with other code."""
        return [
            name
            for name, place in self._places.items()
            if any(
                a is not b for a, b in zip(_fingerprint(*place), self._before[name], strict=True)
            )
        ]


def our_names() -> Iterator[str]:
    """Every function and method of this house that is loaded."""
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("esr.") and isinstance(module, ModuleType):
            yield from _callables(module, module_name)


def _callables(owner: object, path: str) -> Iterator[str]:
    for name, value in list(vars(owner).items()):
        if inspect.isfunction(value) or inspect.isbuiltin(value):
            yield f"{path}.{name}"
        elif inspect.isclass(value) and value.__module__ == path:
            yield f"{path}.{name}"
            yield from _callables(value, f"{path}.{name}")


def _place(name: str) -> tuple[object, list[str]]:
    # The longest prefix that is a module; held itself, since `sys.modules` is anybody's to change.
    parts = name.split(".")
    modules = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    module = next(module for module in modules if module in sys.modules)
    return sys.modules[module], parts[module.count(".") + 1 :]


def _fingerprint(owner: object, attributes: list[str]) -> tuple[object, CodeType | None]:
    value = owner
    for attribute in attributes:
        value = _static(value, attribute)
    return value, getattr(value, "__code__", None)


def _static(owner: object, attribute: str) -> object:
    # Most names lie in the module or the class itself, and need no walk through its bases.
    members = vars(owner) if isinstance(owner, type | ModuleType) else {}
    return (
        members[attribute]
        if attribute in members
        else inspect.getattr_static(owner, attribute, None)
    )


def settings() -> dict[str, str]:
    """Read PyTorch's global settings that change speed or precision, as text."""
    return {name: _text(read) for name, read in _SETTINGS.items()}


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Say in words what differs between two readings of the settings."""
    return [
        f"{name} from {before[name]} to {after[name]}"
        for name in before
        if before[name] != after[name]
    ]


def _text(read: Callable[[], object]) -> str:
    try:
        return str(read())
    except Exception as error:  # A setting that this version of PyTorch does not know.
        return f"unreadable ({type(error).__name__})"


def _is_handled(number: int) -> bool:
    usual = (None, signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler)
    return signal.getsignal(number) not in usual


_SETTINGS: dict[str, Callable[[], object]] = {
    "default dtype": torch.get_default_dtype,
    "default device": lambda: torch.empty(0).device,
    "threads": torch.get_num_threads,
    "grad mode": torch.is_grad_enabled,
    "autocast on the CPU": lambda: torch.is_autocast_enabled("cpu"),
    "autocast on the GPU": lambda: torch.is_autocast_enabled("cuda"),
    "cudnn.enabled": lambda: torch.backends.cudnn.enabled,
    "cudnn.benchmark": lambda: torch.backends.cudnn.benchmark,
    "cudnn.deterministic": lambda: torch.backends.cudnn.deterministic,
    "cudnn.allow_tf32": device.cudnn_tf32,
    "cuda.matmul.allow_tf32": device.matmul_tf32,
    "flush denormals": lambda: float(torch.tensor(1e-40, dtype=torch.float32) * 1) == 0,
    "deterministic algorithms": torch.are_deterministic_algorithms_enabled,
    "float32 matmul precision": torch.get_float32_matmul_precision,
    "cuda.matmul fp16 reductions": (
        lambda: torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction
    ),
    "cuda.matmul bf16 reductions": (
        lambda: torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction
    ),
    "inference mode": torch.is_inference_mode_enabled,
    "interop threads": torch.get_num_interop_threads,
    "priority": lambda: os.getpriority(os.PRIO_PROCESS, 0),
    "cores": lambda: len(os.sched_getaffinity(0)),
    "switch interval": sys.getswitchinterval,
    "trace and profile functions": lambda: [sys.gettrace(), sys.getprofile()],
    "signal handlers": lambda: [
        number.name for number in signal.valid_signals() if _is_handled(number)
    ],
    "timers": lambda: [
        signal.getitimer(clock) != (0.0, 0.0)
        for clock in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
    ],
    "callbacks of the collector": lambda: len(gc.callbacks),
}
