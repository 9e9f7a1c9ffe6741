"""Multiply-adds of convolutions: transposed, packed, backwards, or of a single library."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor


def convolution(_: Tensor, *args: Any, out: Any, **__: object) -> int:  # noqa: ANN401
    """Sum each output over the inputs that a filter sees: the weight is (out, in / groups, ..)."""
    return (out if isinstance(out, Tensor) else out[0]).numel() * _filter(_weight(args))


def transposed(given: Tensor, *args: Any, **_: object) -> int:  # noqa: ANN401
    """Spread each input over the outputs of its filter: the weight is (in, out / groups, ..)."""
    return given.numel() * _filter(_weight(args))


def _in_time(_: Tensor, weight: Tensor, *__: object, out: Tensor, **___: object) -> int:
    """Convolve along time: the weight is (time, in, out)."""
    return out.numel() * weight.shape[0] * weight.shape[1]


def _quantized(_: Tensor, *args: Any, out: Any, **__: object) -> int:  # noqa: ANN401
    """oneDNN: input, scale, zero point, weight."""
    return convolution(_, args[2], out=out)


def _onto(_: Tensor, given: Tensor, *args: Any, out: Any, **__: object) -> int:  # noqa: ANN401
    """Add the result to the first argument in place."""
    return convolution(given, *args, out=out)


def _backward(grad: Tensor, _: Tensor, weight: Tensor, *__: object, **___: object) -> int:
    """Once for the input, once for the weight."""
    return 2 * grad.numel() * _filter(weight)


def _backward_input_first(
    given: Tensor, grad: Tensor, weight: Tensor, *_: object, **__: object
) -> int:
    return _backward(grad, given, weight)


def _transposed_backward(
    given: Tensor, _: Tensor, weight: Tensor, *__: object, **___: object
) -> int:
    return 2 * given.numel() * _filter(weight)


def _filter(weight: Tensor) -> int:
    return weight.numel() // weight.shape[0]


def _weight(args: Iterable[Any]) -> Tensor:
    """Find the weight among the arguments after the input; a packed one is unpacked."""
    for each in args:
        if isinstance(each, Tensor) and each.ndim > 2:
            return each
        if hasattr(each, "unpack"):
            weight: Tensor = each.unpack()[0]
            return weight
    raise TypeError("no weight that can be looked at")


CONVOLUTIONS: Mapping[str, Callable[..., int]] = {
    **dict.fromkeys(
        ("cudnn_convolution", "cudnn_convolution_relu", "cudnn_convolution_add_relu",
         "miopen_convolution", "miopen_convolution_relu", "miopen_convolution_add_relu",
         "miopen_depthwise_convolution", "mkldnn_convolution", "_conv_depthwise2d",
         "conv_depthwise3d", "_slow_conv2d_forward", "slow_conv3d_forward", "slow_conv_dilated2d",
         "slow_conv_dilated3d", "_nnpack_spatial_convolution", "_mps_convolution"), convolution),
    **dict.fromkeys(
        ("cudnn_convolution_transpose", "miopen_convolution_transpose", "slow_conv_transpose2d",
         "slow_conv_transpose3d", "_mps_convolution_transpose"), transposed),
    "conv_tbc": _in_time,
    **dict.fromkeys(("_slow_conv2d_backward", "convolution_backward_overrideable"), _backward),
    "mps_convolution_backward": _backward_input_first,
    "mps_convolution_transpose_backward": _transposed_backward,
}  # fmt: skip
"""By the name in ATen."""


_ABOUT_WEIGHT = re.compile(r"pack|reorder|_(stride|padding|dilation|groups|transpose)$")
"""Operators that make a packed weight or ask it something."""


def packed_convolution(name: str) -> Callable[..., int] | None:
    """Choose the formula of an operator outside ATen; None if it is no convolution."""
    namespace, operator = name.split("::")
    if "conv" not in operator or _ABOUT_WEIGHT.search(operator):
        return None
    if operator.endswith("_") and namespace == "mkldnn":
        return _onto
    if namespace == "onednn":
        return _quantized
    return transposed if "transpose" in operator else convolution
