"""Whether a network returned the same twice, whatever kind of tensor it returns."""

from __future__ import annotations

import torch
from torch import Tensor

_TOLERANCE = 1e-3
"""Of the largest value: how far two outputs of the same network may be apart."""


def kept(output: object) -> Tensor | None:
    """Copy an output, as the network may write over it later; None if it is no tensor."""
    if not isinstance(output, Tensor):
        return None
    try:
        return output.clone()
    except (NotImplementedError, RuntimeError):  # Some types cannot be copied.
        return output


def differ(plain: object, other: object) -> bool:
    """Tell whether two outputs are apart; what holds no values that can be read is not.

    Args:
        plain: an output; anything but a tensor is not compared.
        other: another one.
    """
    if not isinstance(plain, Tensor):
        return False
    if not isinstance(other, Tensor) or _kind(plain) != _kind(other):
        return True
    values, others = _values(plain), _values(other)
    if values is None or others is None:
        return False
    if values.shape != others.shape:
        return True
    tolerance = _TOLERANCE * float(values.abs().nan_to_num(0, 0, 0).max()) if len(values) else 0.0
    return not torch.allclose(values, others, 0, tolerance, equal_nan=True)


def _kind(tensor: Tensor) -> tuple[object, ...]:
    return tensor.dtype, tensor.layout, tensor.is_nested or tuple(tensor.shape)


def _values(tensor: Tensor) -> Tensor | None:
    """Read a tensor as one row of float32; None where there is nothing to read."""
    try:
        if tensor.is_nested:
            tensor = tensor.values()
        if tensor.is_quantized:
            tensor = tensor.dequantize()
        if tensor.layout != torch.strided:
            tensor = tensor.to_dense()
        if tensor.is_complex():
            tensor = torch.view_as_real(tensor.resolve_conj())
        return None if tensor.is_meta else tensor.detach().float().flatten()
    except (NotImplementedError, RuntimeError):  # PyTorch has no such conversion.
        return None
