"""What one forward pass does, as PyTorch's dispatcher sees it: every operation, and who ran it.

The dispatcher is below modules, functional calls, `autograd.Function` and TorchScript, so that
none of them hides an operation from it. What it cannot see is for `esr.measure.counts.hidden_work`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.modules import module as hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from esr.measure.counts.hidden_work import SideWatch
from esr.measure.counts.official_counts import LAYERS, flops_of

NATIVE = ("aten", "prim", "prims", "profiler")
"""Namespaces of the operations that come with PyTorch."""

FREE = re.compile(
    r"alias|arange|as_strided|cat|clone|constant_pad_nd|contiguous|copy|detach|empty|"
    r"empty_like|empty_strided|expand|fill|full|full_like|gather|index|index_select|lift|"
    r"lift_fresh|linspace|new_empty|new_full|new_ones|new_zeros|ones|ones_like|permute|"
    r"pixel_shuffle|pixel_unshuffle|reflection_pad2d|repeat|replication_pad2d|reshape|"
    r"roll|scalar_tensor|select|slice|split|squeeze|stack|t|transpose|unfold|unsqueeze|"
    r"view|zero|zeros|zeros_like|_local_scalar_dense|_reshape_alias|_to_copy|"
    r"_unsafe_view|im2col|col2im|channel_shuffle|native_channel_shuffle|flip|rot90|"
    r"is_pinned|set|resize"
)
"""Operations that move or make numbers and compute none."""


ACTIVATIONS = re.compile(
    r"abs|celu|clamp|clamp_max|clamp_min|elu|gelu|glu|hardshrink|hardsigmoid|hardswish|"
    r"hardtanh|leaky_relu|log_sigmoid|max_pool2d_with_indices|maximum|minimum|mish|neg|"
    r"prelu|_prelu_kernel|relu|relu6|selu|sigmoid|silu|_softmax|softplus|tanh|threshold"
)
"""Non-linearities: they compute, but no convolution can be made of them."""


@dataclass(frozen=True)
class Op:
    """One operation."""

    name: str
    """Namespace and name, e.g. `aten::convolution`."""
    flops: int | None
    """Multiply-adds by PyTorch's formula; None if it has none."""
    arithmetic: int
    """Without a formula: additions, multiplications and the like, at least."""
    computes: bool
    """Whether it does more than move or make numbers."""
    read: frozenset[StorageWeakRef]
    written: frozenset[StorageWeakRef]


@dataclass
class OperatorCall:
    """One call of a module, with the operations it ran itself; the first one is the whole pass."""

    module: nn.Module | None
    parent: OperatorCall | None
    ops: list[Op] = field(default_factory=list)
    output_shape: tuple[int, ...] | None = None
    official_flops: int | None = None
    """By the official rule; None if the official counter has none for this module."""

    def enclosing(self, accept: Callable[[OperatorCall], bool]) -> OperatorCall | None:
        """Find the innermost call around an operation, this one first, that is accepted."""
        call: OperatorCall | None = self
        while call is not None and not accept(call):
            call = call.parent
        return call


@contextmanager
def watched(calls: list[OperatorCall], ops: list[Op], side: SideWatch) -> Iterator[None]:
    """Note the calls of all modules and all operations of this thread meanwhile.

    Hooks are global and not the modules' own: whoever overrides `__call__` or calls `forward`
    escapes them just as he escapes the official counter's.
    """
    tracker = _Tracker(calls)
    with hooked(tracker.enter, tracker.leave), side.exits, _Mode(tracker, ops, side):
        yield


@contextmanager
def hooked(enter: Callable[..., None], leave: Callable[..., None]) -> Iterator[None]:
    """Be told of the calls of all modules meanwhile."""
    before = hooks.register_module_forward_pre_hook(enter)
    after = hooks.register_module_forward_hook(leave, always_call=True)
    try:
        yield
    finally:
        before.remove()
        after.remove()


class _Tracker:
    """The calls of modules that are going on."""

    def __init__(self, calls: list[OperatorCall]) -> None:
        self.calls = calls
        self.calls.append(OperatorCall(None, None))
        self.current = calls[0]

    def enter(self, module: nn.Module, _args: object) -> None:
        self.current = OperatorCall(module, self.current)
        self.calls.append(self.current)

    def leave(self, module: nn.Module, args: tuple[Any, ...], output: object) -> None:
        call = self.current.enclosing(lambda call: call.module is module)
        if call is None or call.parent is None:
            return
        if isinstance(output, Tensor):
            call.output_shape = tuple(output.shape)
            if isinstance(module, LAYERS):
                call.official_flops = flops_of(module, args, output)
        self.current = call.parent


class _Mode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs every operation, and writes down what it was."""

    def __init__(self, tracker: _Tracker, ops: list[Op], side: SideWatch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._tracker = tracker
        self._ops = ops
        self._side = side

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # True would import torch._dynamo, 800 modules, at the first operation.
        return False

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        kwargs = dict(kwargs or {})
        formula = FORMULAS.get(func.overloadpacket)
        if formula is None:
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        name = func._schema.name
        with self._side.clock.during(name):
            given = tensors_in((args, kwargs))
            read = self._side.storages.read(given, weights=formula is not None)
            output = self._run(func, args, kwargs)
            made = tensors_in(output)
            written = self._side.storages.made(made)
            flops = None if formula is None else formula(*args, **kwargs, out_val=output) // 2
            arithmetic = _arithmetic(func, given, made) if flops is None else 0
            written |= read if func._schema.is_mutable else frozenset()
            computes = flops is not None or not _free(func)
            op = Op(name, flops, arithmetic, computes, read, written)
            self._tracker.current.ops.append(op)
            self._ops.append(op)
        return output

    def _run(self, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        # A custom operation may be made of PyTorch's: run its kernel with the eyes open.
        kernel = None if func.namespace in NATIVE else _kernel(func, tensors_in((args, kwargs)))
        if kernel is None:
            return func(*args, **kwargs)
        with self._side.exits, self:
            return func.redispatch(torch._C.DispatchKeySet(kernel), *args, **kwargs)


def tensors_in(tree: object) -> list[Tensor]:
    """List the tensors among arguments or results of an operation."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _kernel(func: OpOverload, given: list[Tensor]) -> torch._C.DispatchKey | None:
    devices = {tensor.device.type.upper() for tensor in given}
    device = "CUDA" if "CUDA" in devices else "CPU"
    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key
    if not any(has_kernel(str(func._name), key) for key in (device, "CompositeExplicitAutograd")):
        return None
    key: torch._C.DispatchKey = getattr(torch._C.DispatchKey, device)
    return key


def _arithmetic(func: OpOverload, given: list[Tensor], made: list[Tensor]) -> int:
    # A lower bound: one operation an element, and n log n for a Fourier transform.
    name = func._opname.rstrip("_")
    if ACTIVATIONS.fullmatch(name) or _free(func):
        return 0
    written = sum(tensor.numel() for tensor in made)
    if name.startswith("_fft"):
        return int(written * math.log2(max(written, 2)))
    return max(written, *(tensor.numel() for tensor in given), 0)


def _free(func: OpOverload) -> bool:
    return func.is_view or FREE.fullmatch(func._opname.rstrip("_")) is not None


def _vector(left: Tensor, *_: object, out_val: object = None) -> int:
    return 2 * left.numel()


def _added_vector(_: Tensor, matrix: Tensor, *__: object, out_val: object = None) -> int:
    return 2 * matrix.numel()


def _attention(
    query: Tensor, key: Tensor, value: Tensor, *_: object, out_val: object = None, **__: object
) -> int:
    scores = query.numel() // query.shape[-1] * key.shape[-2]
    return 2 * scores * (query.shape[-1] + value.shape[-1])


_ATEN = torch.ops.aten
FORMULAS: Mapping[Any, Callable[..., int]] = {
    _ATEN.mv: _vector,
    _ATEN.dot: _vector,
    _ATEN.addmv: _added_vector,
    _ATEN._scaled_dot_product_flash_attention_for_cpu: _attention,
    **flop_registry,
}
"""Twice the multiply-adds of an operation: PyTorch's own formulas, and ours where it has none."""
