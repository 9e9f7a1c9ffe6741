"""Networks that are run for what they call, not for what comes out of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from fvcore.nn import jit_analysis
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_map_only


@contextmanager
def uncomputed() -> Iterator[None]:
    """Inside, what is made of an image is zeros of the right shape, and costs next to nothing.

    Every operator is still called, by the same module, with the same shapes, in the same order,
    which is all that a hook or a dispatch mode counts. Counting takes five forward passes at
    256 x 256, seconds on one core; what is compared with the reference counts needs none of their
    values. fvcore's tracer would see nothing below a dispatch mode, so it alone has its pass
    computed. test_complexity_shipped.py tests that no counter sees a difference, and every run of
    the whole program counts what is computed.
    """
    traced = jit_analysis._get_scoped_trace_graph

    def computed(*args: object, **kwargs: object) -> object:
        with _disable_current_modes():
            return traced(*args, **kwargs)

    with patch.object(jit_analysis, "_get_scoped_trace_graph", computed), _Zeros():
        yield


class _Zeros(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self._made: dict[tuple[object, ...], list[tuple[torch.Size, torch.dtype]]] = {}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func._schema.is_mutable:
            in_place = args and isinstance(args[0], Tensor) and _is_zeros(args[0])
            return args[0] if in_place else func(*args, **kwargs)
        if not _is_computed(func, args):
            return func(*args, **kwargs)
        made = [
            torch.zeros((), dtype=dtype).expand(shape)
            for shape, dtype in self._outputs(func, args, kwargs)
        ]
        return made[0] if len(func._schema.returns) == 1 else tuple(made)

    def _outputs(
        self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> list[tuple[torch.Size, torch.dtype]]:
        leaves, structure = tree_flatten((args, kwargs))
        told = (leaf.shape if isinstance(leaf, Tensor) else leaf for leaf in leaves)
        key = (func, str(structure), *told)
        if key not in self._made:
            args, kwargs = tree_map_only(Tensor, lambda tensor: tensor.to("meta"), (args, kwargs))
            made, _ = tree_flatten(func(*args, **kwargs))
            self._made[key] = [(tensor.shape, tensor.dtype) for tensor in made]
        return self._made[key]


def _is_zeros(tensor: Tensor) -> bool:
    return tensor.dim() > 1 and not any(tensor.stride())


def _is_computed(func: Any, args: tuple[Any, ...]) -> bool:
    returns = func._schema.returns
    if any(isinstance(value.type, torch.BoolType | torch.NumberType) for value in returns):
        return False
    if any(value.alias_info is not None for value in returns):
        return False  # A view costs nothing.
    if func is torch.ops.aten.convolution.default:
        return True
    leaves, _ = tree_flatten(args)
    return any(isinstance(leaf, Tensor) and _is_zeros(leaf) for leaf in leaves)
