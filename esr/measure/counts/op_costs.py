"""What one call of an operator costs, by its formula or, without one, by what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._pytree import tree_leaves

from esr.measure.counts.fourier import fourier_operations, is_fourier
from esr.measure.counts.op_classes import (
    is_activation,
    is_composite,
    is_free,
    multiplies_nothing,
)
from esr.measure.counts.op_formulas import PACKING, formula_of

NATIVE = ("aten", "prim", "prims", "profiler", *PACKING)
"""Namespaces of the operators that come with PyTorch."""


@dataclass(frozen=True)
class OpCost:
    """The cost of one call."""

    flops: int | None = None
    """Multiply-adds by a formula; None if it has none, or none for such tensors."""
    arithmetic: int = 0
    """Without a formula: additions, multiplications and the like, at least."""
    fourier: int = 0
    """Those of a Fourier transform among them."""
    computes: bool = True
    """Whether it does more than move or make numbers."""
    unknown: bool = False
    """Whether nobody can say how much it multiplies."""


def comes_with_pytorch(func: OpOverload) -> bool:
    """Tell whether an operator is no custom one."""
    return func.namespace in NATIVE


def is_taken_apart(func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Tell whether an operator is made of others where it is given such tensors."""
    if not is_composite(func):
        return False
    keys = {_layout_key(tensor) for tensor in _tensors((args, kwargs))}
    kernel = torch._C._dispatch_has_kernel_for_dispatch_key
    return not any(key and kernel(str(func._name), key) for key in keys)


def _layout_key(tensor: Tensor) -> str | None:
    """Name the key under which PyTorch has kernels for tensors that are not plain memory."""
    device = "CUDA" if tensor.is_cuda else "CPU"
    if tensor.is_nested:
        return f"NestedTensor{device}"
    if tensor.is_sparse:
        return f"Sparse{device}"
    if tensor.is_quantized:
        return f"Quantized{device}"
    if tensor.is_mkldnn:
        return f"Mkldnn{device}"
    return None if tensor.layout == torch.strided else f"SparseCsr{device}"


def cost_of(
    func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: object
) -> OpCost:
    """Work out what a call has cost; a tensor that a formula cannot take is no error."""
    formula = formula_of(func._schema.name)
    try:
        if formula is not None:
            kwargs = {name: value for name, value in kwargs.items() if name != "out"}
            return OpCost(flops=int(formula(*args, out=output, **kwargs)))
        if is_fourier(func):
            return _of_transform(func, *args, output=output, **kwargs)  # type: ignore[arg-type]
        if not multiplies_nothing(func):
            return OpCost(arithmetic=_elements(args, kwargs, output), unknown=True)
        if is_free(func):
            return OpCost(computes=False)
        return OpCost(arithmetic=0 if is_activation(func) else _elements(args, kwargs, output))
    except Exception:  # A nested or other odd tensor: shapes and sizes may raise anything.
        return OpCost(unknown=formula is not None or not multiplies_nothing(func))


def _of_transform(
    func: OpOverload,
    given: Tensor,
    dim: Sequence[int],
    *_: object,
    output: Tensor,
    **__: object,
) -> OpCost:
    operations = fourier_operations(func, given, dim, output)
    return OpCost(arithmetic=operations, fourier=operations)


def _elements(*trees: object) -> int:
    # A lower bound: one operation an element.
    *given, made = (_tensors(tree) for tree in trees)
    written = sum(tensor.numel() for tensor in made)
    return max(written, *(tensor.numel() for each in given for tensor in each), 0)


def _tensors(tree: object) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
