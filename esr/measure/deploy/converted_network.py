"""A network whose weights are of another type or layout, between an input and output of float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def convert(network: nn.Module, dtype: torch.dtype) -> None:
    """Convert weights, buffers and the input to a type; converting is part of the pass."""
    network.to(dtype)
    _wrap(network, lambda image: image.to(dtype))


def lay_out_channels_last(network: nn.Module) -> None:
    """Put the channels of weights and of the input innermost."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    _wrap(network, lambda image: image.contiguous(memory_format=torch.channels_last))


def _wrap(network: nn.Module, prepare: Callable[[Tensor], Tensor]) -> None:
    inner = network.forward

    def forward(image: Tensor, *rest: Any, **options: Any) -> object:  # noqa: ANN401
        output = inner(prepare(image), *rest, **options)
        # Rounding to levels must not be done in less precision than the official one.
        return output.float() if isinstance(output, Tensor) else output

    replace_forward(network, forward)


def replace_forward(network: nn.Module, forward: Callable[..., object]) -> None:
    """Let a network call something else; `network_snapshot.preserved` takes it back."""
    network.forward = forward
