"""Which formula an operator has: every one that multiplies matrices or convolves has one.

Those without such work are listed in `esr.measure.counts.op_classes`; a test walks PyTorch's whole
registry, and each operator stands in one of the two or is made of others that do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry

from esr.measure.counts.formulas.convolutions import CONVOLUTIONS, packed_convolution
from esr.measure.counts.formulas.factorizations import FACTORIZATIONS
from esr.measure.counts.formulas.products import (
    PACKED_PRODUCTS,
    PRODUCTS,
    packed_linear,
)
from esr.measure.counts.formulas.sequences import (
    PACKED_CELLS,
    SEQUENCES,
    STAND_IN_SEQUENCES,
)

Formula = Callable[..., int]
"""(arguments of the operator, out=what it returned) -> multiply-adds."""

PACKING = ("quantized", "_quantized", "onednn", "mkldnn", "mkldnn_prepacked", "mkl", "sparse",
           "inductor", "prepacked", "_native")  # fmt: skip
"""Namespaces of PyTorch beside ATen whose operators compute."""


def _halved(formula: Callable[..., int]) -> Formula:
    """Take one of PyTorch's formulas, which count both halves of a multiply-add."""

    def halved(*args: Any, out: object, **kwargs: Any) -> int:  # noqa: ANN401
        return formula(*args, **kwargs, out_val=out) // 2

    return halved


_ATEN: Mapping[str, Formula] = {
    **{
        str(packet).removeprefix("aten."): _halved(formula)
        for packet, formula in flop_registry.items()
    },
    **PRODUCTS,
    **CONVOLUTIONS,
    **SEQUENCES,
    **FACTORIZATIONS,
    "convolution_overrideable": _halved(flop_registry[torch.ops.aten.convolution]),
}
_OTHERS: Mapping[str, Formula] = {**PACKED_PRODUCTS, **PACKED_CELLS}


@cache
def formula_of(name: str) -> Formula | None:
    """Find the formula of an operator.

    Args:
        name: namespace and name without overload, e.g. `aten::addmm`.

    Returns:
        None if it has none: it then multiplies no matrices, is made of others, or is unknown.
    """
    namespace, operator = name.split("::")
    if namespace == "aten":
        return _ATEN.get(operator.rstrip("_"))
    if namespace not in PACKING:
        return STAND_IN_SEQUENCES.get(name)
    return _OTHERS.get(name) or packed_linear(name) or packed_convolution(name)
