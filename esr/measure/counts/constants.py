"""Numbers that no tensor holds: those of Python that an operation is given beside its tensors.

A weight may stand in each, and there is one of them or two in a usual operation: an epsilon, a
slope, a factor. They are taken in the order of their use as if they were a tensor, so that what
every block repeats is a pattern.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import torch
from torch import Tensor
from torch._ops import OpOverload

from esr.measure.registered import elements

_AT_MOST = 2**16
"""Of one argument."""
_LISTED_FROM = 16
"""Whole numbers: no list of sizes, strides or paddings is longer."""


def constants_of(
    func: OpOverload, args: Sequence[object], kwargs: Mapping[str, object]
) -> list[float]:
    """List the numbers that an operation computes with.

    Places and sizes are none, unless a list of them is longer than any honest one.
    """
    names = _numeric(func)
    if not names:
        return []
    given = {each.name: value for each, value in zip(func._schema.arguments, args, strict=False)}
    given |= kwargs
    return [
        float(number)
        for name, is_size in names.items()
        for number in _numbers(given.get(name), is_size)
    ]


@cache
def _numeric(func: OpOverload) -> Mapping[str, bool]:
    """Name the arguments that are numbers, and whether they are places and sizes."""
    kinds = {each.name: str(each.type) for each in func._schema.arguments}
    return {
        name: kind == "List[int]"
        for name, kind in kinds.items()
        # Where a tensor is meant, a number stands as it was written: `x + 0.1`.
        if "number" in kind or "float" in kind or kind in ("Tensor", "List[int]", "List[SymInt]")
    }


def _numbers(value: object, is_size: bool) -> Iterator[float]:
    several = list(value)[:_AT_MOST] if isinstance(value, list | tuple) else [value]
    if is_size and len(several) < _LISTED_FROM:
        return
    for number in several:
        if isinstance(number, complex):
            yield from (number.real, number.imag)
        elif isinstance(number, int | float):
            yield number


def first_value(tensor: Tensor) -> list[float]:
    """Read the value of a tensor whose elements are all the same; nothing if it has none."""
    with torch._C.DisableTorchFunction():
        try:
            if not elements(tensor) or tensor.is_complex() or tensor.layout != torch.strided:
                return []
            return [float(tensor.detach()[(0,) * tensor.dim()])]
        except (NotImplementedError, RuntimeError):
            return []
