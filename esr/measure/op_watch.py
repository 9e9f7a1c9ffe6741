"""What PyTorch's dispatcher carries out: convolutions, matrix products, types of the results.

Whatever calls them, a module, a function, a TorchScript or the constructor, ends there. Work in
other threads does not, nor what a custom operator does inside.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any, ParamSpec, Self, TypeVar

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from esr.measure.counts.memory_pieces import tensors_in
from esr.measure.counts.op_formulas import formula_of

P = ParamSpec("P")
T = TypeVar("T")

_TRACERS = ("trace", "trace_module")
_IMAGE_PX = 16
"""Merging kernels convolves kernels, at most 13 px wide; nobody restores an image this small."""


class OpWatch(TorchDispatchMode):
    """Watches the operations of this thread while it is entered.

    A trace (`torch.jit.trace`) cannot be made under any such mode: what comes out of an operation
    would be a constant in it. It steps aside there, and functions are watched instead.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.arithmetic: Counter[str] = Counter()
        """Types of the results of convolutions and matrix products, with calls."""
        self.activations: Counter[str] = Counter()
        """Types of all results in floating point, with calls."""
        self.image_convs = 0
        """Convolutions whose result has the size of an image, not of a kernel."""
        self.largest: tuple[int, ...] = ()
        """Shape of the largest result of those."""

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._replaced = {name: getattr(torch.jit, name) for name in _TRACERS}
        for name, trace in self._replaced.items():
            setattr(torch.jit, name, self._stepping_aside(trace))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: Any) -> None:  # noqa: ANN401
        """Watch no longer."""
        super().__exit__(*raised)  # type: ignore[no-untyped-call]
        for name, trace in self._replaced.items():
            setattr(torch.jit, name, trace)

    def _stepping_aside(self, trace: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(trace)
        def traced(*args: P.args, **kwargs: P.kwargs) -> T:
            with _disable_current_modes(), _TraceWatch(self._note):
                return trace(*args, **kwargs)

        return traced

    @classmethod
    def is_infra_mode(cls) -> bool:
        """Whether to be invisible to torch.compile, which else refuses to compile meanwhile."""
        return True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # True would import torch._dynamo, 800 modules, at the first operation.
        return False

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        """Carry out an operation and note it."""
        result = func(*args, **(kwargs or {}))
        for tensor in tensors_in(result):
            self._note(func._schema.name, tensor)
        return result

    def _note(self, name: str, tensor: Tensor) -> None:
        dtype, convolves = str(tensor.dtype), "conv" in name
        holds_numbers = tensor.is_floating_point() or tensor.is_complex() or tensor.is_quantized
        if holds_numbers:
            self.activations[dtype] += 1
        if convolves or (formula_of(name) and holds_numbers) or "attention" in name:
            self.arithmetic[dtype] += 1
        if convolves and tensor.ndim >= 4 and min(tensor.shape[-2:]) >= _IMAGE_PX:
            self.image_convs += 1
            if tensor.numel() > torch.Size(self.largest).numel() or not self.largest:
                self.largest = tuple(tensor.shape)


class _TraceWatch(TorchFunctionMode):
    """Watches the functions that a network calls while it is traced."""

    def __init__(self, note: Callable[[str, Tensor], None]) -> None:
        super().__init__()
        self._note = note

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        """Call a function and note it, which is no part of the trace."""
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            state = torch._C._get_tracing_state()
            torch._C._set_tracing_state(None)  # type: ignore[attr-defined]
            try:
                self._note(f"aten::{getattr(func, '__name__', '')}", result)
            finally:
                torch._C._set_tracing_state(state)  # type: ignore[attr-defined]
        return result


class AutocastWatch(TorchFunctionMode):
    """Watches whether a function of PyTorch is called under autocast while it is entered.

    The dispatcher has left autocast behind where `OpWatch` stands.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen = False

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        """Call a function and note it."""
        self.seen |= torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda")
        return func(*args, **(kwargs or {}))
