"""How many numbers of a tensor are no pattern: weights, and not a mask, an index or a filter.

Networks hold tensors that are no weights: constants, masks, tables of positions, kernels of Sobel,
of resampling or of pixel shuffling. Few values stand there in an order that can be said in a few
words. Weights are in no such order, however coarse they are. So values are numbered by size, and
the numbers compressed: by DEFLATE (RFC 1951) or bzip2, whichever says it in fewer bytes, against
what numbers in random order would take, log2 of how many values there are, each. Float, 8-bit and
binary weights come to 1 and count in full; an identity kernel comes to 0.01, a table of window
positions to 0.1. DEFLATE alone leaves a thousandth of a mask as large as the image, which is more
than a small network weighs.

Weights on a ramp (`1000 * place + weight`) are in perfect order, and what they are is in the steps
from one value to the next. So where there are many values their steps are compressed too.
"""

from __future__ import annotations

import bz2
import hashlib
import math
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from esr.measure.registered import elements

_LOOKED_AT = 2**20
"""Elements; unless they are a pattern, what lies beyond is taken to be alike."""
_PATTERN = 0.05
_AT_ONCE = 2**25
"""Elements that are compressed together."""
_FEW_LEVELS = 2**8
"""Values, whose steps hold less than any network."""


@dataclass(frozen=True)
class Irregular:
    """What is left of a tensor beside its pattern."""

    elements: int
    digest: bytes
    """Of its values."""


def irregular(tensor: Tensor) -> Irregular:
    """Count the elements of a tensor that its pattern does not explain."""
    values = _bits(tensor)
    if values is None:  # Nobody can look: it counts as what it says it is.
        return Irregular(elements(tensor), str(id(tensor)).encode())
    disorder = _disorder(values[:_LOOKED_AT])
    if disorder < _PATTERN and len(values) > _LOOKED_AT:
        # Weights may lie behind a pattern; and all of it takes few more words than its beginning.
        parts = [values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE)]
        count = sum(_count(part, _disorder(part)) for part in parts)
    else:
        count = _count(values, disorder)
    return Irregular(count, hashlib.sha256(values.tobytes()).digest())


def _count(values: npt.NDArray[np.signedinteger], disorder: float) -> int:
    return math.ceil(len(values) * disorder - 1e-9)


def _disorder(values: npt.NDArray[np.signedinteger]) -> float:
    """Say how far the order of some values is from one that can be said in no words, 0 to 1."""
    if len(values) < 2 or (values[0] == values).all():
        return 0.0
    levels, numbers = _number(values)
    kind = np.uint8 if len(levels) <= 2**8 else np.uint16 if len(levels) <= 2**16 else np.uint32
    data = numbers.astype(kind).tobytes()
    packed = _packed(data) + _packed_steps(levels)
    return min(1.0, 8 * packed / (len(values) * math.log2(len(levels))))


def _packed_steps(levels: npt.NDArray[np.signedinteger]) -> int:
    """Say how many bytes the steps between values take; those of a grid are nearly all the same."""
    if len(levels) <= _FEW_LEVELS:
        return 0
    steps = np.diff(levels.astype(np.int64))
    return min(_packed(some.tobytes()) for some in (steps, np.diff(steps)))


def _packed(data: bytes) -> int:
    return min(len(zlib.compress(data, 6)), len(bz2.compress(data)))


def _number(
    values: npt.NDArray[np.signedinteger],
) -> tuple[npt.NDArray[np.signedinteger], npt.NDArray[np.intp]]:
    """Number values by size, as `np.unique` does."""
    if len(values) > _LOOKED_AT:
        # Sorting ten million takes a second, and a pattern has no values but those it begins with.
        levels = np.unique(values[:_LOOKED_AT])
        numbers = np.searchsorted(levels, values).clip(max=len(levels) - 1)
        if np.array_equal(levels[numbers], values):
            return levels, numbers
    return np.unique(values, return_inverse=True)


def _bits(tensor: Tensor) -> npt.NDArray[np.signedinteger] | None:
    try:
        with torch._C.DisableTorchFunction():
            tensor = tensor.detach()
            if tensor.is_quantized:
                tensor = tensor.int_repr()
            if tensor.is_nested or tensor.layout != torch.strided:
                tensor = tensor.values() if not tensor.is_sparse else tensor._values()
            if tensor.is_complex():
                tensor = torch.view_as_real(tensor.resolve_conj())
            width = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
            plain = tensor.resolve_neg().cpu().contiguous().flatten()
            bits: npt.NDArray[np.signedinteger] = plain.view(width[plain.element_size()]).numpy()
    except (KeyError, NotImplementedError, RuntimeError):
        return None
    return bits
