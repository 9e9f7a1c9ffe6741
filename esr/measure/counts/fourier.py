"""Fourier transforms: real operations, which are no multiply-adds and are counted apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor
from torch._ops import OpOverload

_TRANSFORMS = ("fft_c2c", "fft_r2c", "fft_c2r")


def is_fourier(func: OpOverload) -> bool:
    """Tell whether an operator is a Fourier transform."""
    return func._opname.strip("_") in _TRANSFORMS


def fourier_operations(func: OpOverload, given: Tensor, axes: Sequence[int], out: Tensor) -> int:
    """Count 5 N log2 N real operations of a transform of N complex numbers, half for real ones.

    The figure of the radix-2 algorithm, which fftw.org/speed uses for every algorithm.

    Args:
        func: the operator.
        given: its input.
        axes: transformed axes, whose lengths multiply to the N of each transform.
        out: its result.
    """
    kind = func._opname.strip("_")
    signal = out if kind == "fft_c2r" else given
    length = math.prod(signal.shape[axis] for axis in axes)
    operations = 5 * signal.numel() * math.log2(max(length, 1))
    return int(operations if kind == "fft_c2c" else operations / 2)
