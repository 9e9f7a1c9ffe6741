"""What one forward pass does, as PyTorch's dispatcher sees it: every operation, and who ran it.

The dispatcher is below modules, functional calls, `autograd.Function` and TorchScript, so that
none of them hides an operation from it. What it cannot see is for `esr.measure.counts.hidden_work`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.nn.modules import module as hooks
from torch.utils._python_dispatch import TorchDispatchMode

from esr.measure.counts.hidden_work import SideWatch
from esr.measure.counts.memory_pieces import Memory, storages_in, tensors_in
from esr.measure.counts.official_counts import LAYERS, flops_of
from esr.measure.counts.op_costs import OpCost, comes_with_pytorch, cost_of, is_taken_apart
from esr.measure.counts.op_formulas import formula_of
from esr.measure.counts.op_names import canonical_name
from esr.measure.counts.value_sources import Operands


@dataclass(frozen=True)
class Op:
    """One operation."""

    name: str
    """Namespace and name, e.g. `aten::convolution`, the same on every device."""
    cost: OpCost
    read: Memory
    written: Memory
    is_of_images: bool = False
    """Whether it multiplies what was computed of the image with such again, as attention does."""

    @property
    def flops(self) -> int | None:
        """Multiply-adds; None without a formula."""
        return self.cost.flops


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
def unhooked(ops: list[Op], side: SideWatch) -> Iterator[None]:
    """Note all operations of this thread meanwhile, and of no module: a hook is one more frame.

    What runs sees the call stack that it sees without.
    """
    with side.exits, _Mode(_Tracker([]), ops, side):
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
        if isinstance(output, Tensor) and not output.is_nested:  # That one has no shape.
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
        types: Sequence[Any],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        if any(kind.__torch_dispatch__ is not Tensor.__torch_dispatch__ for kind in types):
            return NotImplemented  # It unwraps itself, and what it does comes here again.
        kwargs = dict(kwargs or {})
        if formula_of(func._schema.name) is None and is_taken_apart(func, args, kwargs):
            return self._take_apart(func, args, kwargs)
        return self._carry_out(func, args, kwargs)

    def _carry_out(self, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        with self._side.clock.during(func._schema.name):
            storages = self._side.storages
            read = storages.read(tensors_in((args, kwargs)))
            operands = storages.sources.read(func, args, kwargs)
            output = self._run(func, args, kwargs)
            self._note(func, args, kwargs, read, operands, output)
        return output

    def _take_apart(self, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        """Run the operators that a composite one is made of, each seen by itself."""
        before = len(self._ops)
        # What an operator of strangers does between others is not PyTorch's.
        ours = self._side.clock.during(func._schema.name) if comes_with_pytorch(func) else None
        with ours or nullcontext(), self:
            output = func._op_dk(torch._C.DispatchKey.CompositeImplicitAutograd, *args, **kwargs)
        given = storages_in((args, kwargs))
        if len(self._ops) == before and not storages_in(output) <= given:
            # A kernel of some library, though PyTorch takes it for made of others.
            storages = self._side.storages
            read = storages.read(tensors_in((args, kwargs)))
            operands = storages.sources.read(func, args, kwargs)
            self._note(func, args, kwargs, read, operands, output)
        return output

    def _note(
        self,
        func: OpOverload,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        read: Memory,
        operands: Operands,
        output: object,
    ) -> None:
        storages = self._side.storages
        storages.sources.made(func, operands, output)
        storages.leave(tensors_in((output, _left(func, args, kwargs))))
        cost = cost_of(func, args, kwargs, output)
        written = storages.made(tensors_in(output))
        written |= read if func._schema.is_mutable else frozenset()
        name = canonical_name(func._schema.name)
        op = Op(name, cost, read, written, operands.is_all_image)
        self._tracker.current.ops.append(op)
        self._ops.append(op)

    def _run(self, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        # A custom operation may be made of PyTorch's: run its kernel with the eyes open.
        kernel = None if comes_with_pytorch(func) else _kernel(func, tensors_in((args, kwargs)))
        if kernel is None:
            return func(*args, **kwargs)
        with self._side.exits, self:
            return func.redispatch(torch._C.DispatchKeySet(kernel), *args, **kwargs)


def _left(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    """Give the operands that may be others now; normalisations do not say that they write."""
    is_written = func._schema.is_mutable or "_norm" in func._opname or not comes_with_pytorch(func)
    return (args, kwargs) if is_written else ()


def _kernel(func: OpOverload, given: list[Tensor]) -> torch._C.DispatchKey | None:
    devices = {tensor.device.type.upper() for tensor in given}
    device = "CUDA" if "CUDA" in devices else "CPU"
    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key
    if not any(has_kernel(str(func._name), key) for key in (device, "CompositeExplicitAutograd")):
        return None
    key: torch._C.DispatchKey = getattr(torch._C.DispatchKey, device)
    return key
