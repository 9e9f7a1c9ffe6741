"""TRANSFORMATIONS: what `--deploy` can do to a network, one entry each.

PyTorch is imported where one is applied, since the command line reads the words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from esr.measure.deploy.compiled_network import CompiledGraphs


@dataclass(frozen=True)
class Transformation:
    """One word of `--deploy`."""

    description: str
    """One line."""
    devices: tuple[str, ...]
    """Kinds of devices that it works on."""
    apply: Callable[[nn.Module, CompiledGraphs], None]
    """Changes the network in place, so that it still takes and returns float32."""
    excludes: tuple[str, ...] = ()
    """Words that contradict it."""


def _to_fp16(network: nn.Module, _: CompiledGraphs) -> None:
    import torch

    from esr.measure.deploy.converted_network import convert

    convert(network, torch.float16)


def _to_bf16(network: nn.Module, _: CompiledGraphs) -> None:
    import torch

    from esr.measure.deploy.converted_network import convert

    convert(network, torch.bfloat16)


def _to_channels_last(network: nn.Module, _: CompiledGraphs) -> None:
    from esr.measure.deploy.converted_network import lay_out_channels_last

    lay_out_channels_last(network)


def _compile(network: nn.Module, graphs: CompiledGraphs) -> None:
    from esr.measure.deploy.compiled_network import compile_network

    compile_network(network, graphs)


def _capture(network: nn.Module, _: CompiledGraphs) -> None:
    from esr.measure.deploy.captured_network import capture_network

    capture_network(network)


TRANSFORMATIONS = {
    "fp16": Transformation(
        "weights and arithmetic in half precision", ("cuda", "cpu"), _to_fp16, ("bf16",)
    ),
    "bf16": Transformation(
        "weights and arithmetic in bfloat16", ("cuda", "cpu"), _to_bf16, ("fp16",)
    ),
    "channels_last": Transformation(
        "weights and images with the channels innermost", ("cuda", "cpu"), _to_channels_last
    ),
    "compile": Transformation(
        "torch.compile, the whole network at once", ("cuda", "cpu"), _compile
    ),
    "graph": Transformation("one CUDA graph for each size of input", ("cuda",), _capture),
}
"""By the word, in the order in which they are applied."""


def find_contradiction(words: tuple[str, ...]) -> str | None:
    """Say why words cannot be one combination; None if they can."""
    for word in words:
        if word not in TRANSFORMATIONS:
            return f"'{word}' is none of {', '.join(TRANSFORMATIONS)}"
        if words.count(word) > 1:
            return f"'{word}' stands twice in one combination"
        for other in TRANSFORMATIONS[word].excludes:
            if other in words:
                return f"'{word}' and '{other}' contradict each other"
    return None


def in_order(words: tuple[str, ...]) -> tuple[str, ...]:
    """Sort words as they are applied, so that equal combinations are equal."""
    return tuple(word for word in TRANSFORMATIONS if word in words)
