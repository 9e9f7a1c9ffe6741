"""CUDA calls of a clone carried out on the CPU, on a machine that has no GPU and nowhere else.

`torch.cuda.is_available()` stays false: code that asks is left to its own answer. What insists on a
GPU is redirected: devices named in calls (`.cuda()`, `.to("cuda")`, `device="cuda"`), and queries
that would raise an error.
"""

from __future__ import annotations

import operator
import types
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from esr.submissions.clone_session.clone_world import Patch

_TO_GPU = (Tensor.cuda, Tensor.pin_memory)


def is_needed() -> bool:
    """Whether this machine has no GPU that PyTorch can use."""
    return not torch.cuda.is_available()


class Redirection:
    """What was redirected, and how often."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def note(self, what: str) -> None:
        """Count one call."""
        self.counts[what] += 1

    def patches(self) -> list[Patch]:
        """List what to put in the place of functions of `torch.cuda`."""
        replaced: list[Patch] = [
            (torch.cuda, name, self._returning(name, given))
            for name, given in [*_ANSWERS.items(), *dict.fromkeys(_IDLE, _Idle).items()]
        ]
        replaced += [(torch.cuda, name, getattr(torch, name)) for name in _TENSOR_TYPES]
        return [patch for patch in replaced if hasattr(torch.cuda, patch[1])]

    def mode(self) -> TorchFunctionMode:
        """Make what redirects the devices named in calls while it is entered."""
        return _NoCuda(self.note)

    def _returning(self, name: str, given: object) -> Callable[..., object]:
        def answer(*args: object, **kwargs: object) -> object:
            self.note(f"torch.cuda.{name}")
            return _Idle() if given is _Idle else given

        return answer


class _Idle:
    """An event, a stream or a chosen device, where all work is done when a call returns."""

    cuda_stream = 0

    def __enter__(self) -> _Idle:
        return self

    def __exit__(self, *raised: object) -> None:
        return None

    def wait(self, *args: object) -> None:
        """Do nothing."""

    record = synchronize = wait_event = wait_stream = record_event = wait

    def query(self) -> bool:
        """Say that all is done."""
        return True

    def elapsed_time(self, end: object) -> float:
        """Time is the harness's to measure."""
        return 0.0


_ANSWERS: dict[str, object] = {
    "synchronize": None,
    "set_device": None,
    "current_device": 0,
    "get_device_name": "CPU",
    "get_device_capability": (0, 0),
    "mem_get_info": (0, 0),
    "reset_peak_memory_stats": None,
    "init": None,
    "get_device_properties": types.SimpleNamespace(
        # torch.compile asks for the last one where PyTorch was built without CUDA.
        name="CPU",
        major=0,
        minor=0,
        total_memory=0,
        multi_processor_count=1,
        gcnArchName="CPU",
    ),
    "reset_max_memory_allocated": None,
}
"""Queries that raise an error without a GPU, and what they are answered."""

_IDLE = ("Event", "Stream", "current_stream", "default_stream", "stream", "device")
_TENSOR_TYPES = ("FloatTensor", "HalfTensor", "DoubleTensor", "LongTensor", "IntTensor")


class _NoCuda(TorchFunctionMode):
    """Puts the CPU in the place of every CUDA device that is named in a call of PyTorch."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__()
        self._note = note

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        """Call a function, on the CPU."""
        if func in _TO_GPU:
            self._note(f"Tensor.{func.__name__}")
            return args[0]
        moved = [_on_cpu(argument) for argument in args]
        named = {key: _on_cpu(argument) for key, argument in (kwargs or {}).items()}
        # A number is a device only where nothing else can be meant.
        if func is Tensor.to and len(args) > 1 and type(args[1]) is int:
            moved[1] = "cpu"
        if type(named.get("device")) is int:
            named["device"] = "cpu"
        if any(map(operator.is_not, moved, args)) or any(
            named[key] is not (kwargs or {})[key] for key in named
        ):
            self._note(_name(func))
        return func(*moved, **named)


def _on_cpu(argument: object) -> object:
    if isinstance(argument, torch.device):
        return torch.device("cpu") if argument.type == "cuda" else argument
    if isinstance(argument, str) and argument.startswith(("cuda", "torch.cuda.")):
        return argument.replace("torch.cuda.", "torch.") if "." in argument else "cpu"
    return argument


def _name(func: Callable[..., object]) -> str:
    name = getattr(func, "__name__", "a function")
    return f"Tensor.{name}" if getattr(Tensor, name, None) is func else f"torch.{name}"
