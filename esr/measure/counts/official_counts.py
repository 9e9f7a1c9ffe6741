"""Official complexity counters: FLOPs, activations and convolutions as the challenge defines them.

Names and rules are those of the official `utils/model_summary.py`, which is the same from 2022 to
2026; its odd rules are kept, for the figures are compared with those of the reports. One fused
multiply-add is one FLOP. Only calls of a module are seen, not `F.conv2d` nor `module.forward()`.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from esr.base.errors import UserError
from esr.measure.network_snapshot import preserved

CONVS = (nn.Conv2d, nn.ConvTranspose2d)
RECTIFIERS = (nn.ReLU, nn.PReLU, nn.ELU, nn.LeakyReLU, nn.ReLU6)
LAYERS = (*CONVS, *RECTIFIERS, nn.Linear, nn.BatchNorm2d)
"""Every layer that costs FLOPs; subclasses count as well."""

InputConstructor = Callable[[tuple[int, ...]], dict[str, object]]
"""Makes the keyword arguments of `forward` from the input size."""


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer."""

    layer: nn.Module
    flops: int
    elements: int
    """Size of the output."""


def get_model_flops(
    model: nn.Module,
    input_res: tuple[int, ...],
    print_per_layer_stat: bool = True,
    input_constructor: InputConstructor | None = None,
) -> int:
    """Count the FLOPs of one forward pass by the official rules (`flops_of`).

    Args:
        model: left exactly as it was, see `preserved`.
        input_res: input size without the batch, (channels, height, width).
        print_per_layer_stat: also print what each layer costs.
        input_constructor: called with `input_res` instead of feeding `dummy_input`.
    """
    cost: Counter[nn.Module] = Counter()
    for call in layer_calls(model, input_res, LAYERS, input_constructor):
        cost[call.layer] += call.flops
    if print_per_layer_stat:
        sys.stdout.write(_table(model, cost))
    return cost.total()


def get_model_activation(
    model: nn.Module,
    input_res: tuple[int, ...],
    input_constructor: InputConstructor | None = None,
) -> tuple[int, int]:
    """Count output elements and calls of all Conv2d and ConvTranspose2d; for arguments see above.

    Returns:
        (activations, number of convolutions); a layer called twice counts twice
    """
    return activations(layer_calls(model, input_res, CONVS, input_constructor))


def flops_of(layer: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> int:
    """FLOPs of one call: convolutions without bias, BatchNorm doubled if affine, Linear on axis 1.

    Axis 1 of (batch, tokens, features) is the tokens, so Linear on tokens is counted wrong, as it
    is officially; on (batch, features) it is right.
    """
    size = output.shape
    if isinstance(layer, CONVS):
        filters = layer.out_channels // layer.groups
        per_position = math.prod(layer.kernel_size) * layer.in_channels * filters
        return per_position * size[0] * math.prod(size[2:])
    if isinstance(layer, RECTIFIERS):
        return output.numel()
    if isinstance(layer, nn.Linear):
        given = args[0].shape
        return given[0] * size[0] if len(given) == 1 else given[0] * given[1] * size[1]
    if isinstance(layer, nn.BatchNorm2d):
        return size[0] * layer.num_features * math.prod(size[2:]) * (2 if layer.affine else 1)
    return 0


def activations(calls: Iterable[LayerCall]) -> tuple[int, int]:
    """Sum up (output elements, calls) of the convolutions among the calls."""
    sizes = [call.elements for call in calls if isinstance(call.layer, CONVS)]
    return sum(sizes), len(sizes)


def layer_calls(
    model: nn.Module,
    input_res: tuple[int, ...],
    kinds: tuple[type[nn.Module], ...] = LAYERS,
    input_constructor: InputConstructor | None = None,
) -> list[LayerCall]:
    """Run the model once, in eval mode, and note each call of the layers of these kinds.

    Raises:
        UserError: `input_res` has fewer than three entries.
    """
    if len(input_res) < 3:
        raise UserError(f"input_res {input_res} is no image size", remedy="use (3, 256, 256)")
    calls: list[LayerCall] = []

    def note(layer: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        calls.append(LayerCall(layer, flops_of(layer, args, output), output.numel()))

    with preserved(model):
        for layer in model.modules():
            if isinstance(layer, kinds):
                layer.register_forward_hook(note)
        if input_constructor is None:
            model(dummy_input(model, input_res))
        else:
            model(**input_constructor(input_res))
        # Officially the sum is over the layers there are after the pass.
        layers = set(model.modules())
    return [call for call in calls if call.layer in layers]


def dummy_input(model: nn.Module, input_res: tuple[int, ...]) -> Tensor:
    """Make a float32 image of size (1, *input_res) in [0.1, 0.9] on the model's device.

    Gentle waves, the same in every run: the official input is uninitialised memory, and one
    network in ten returns NaN for noise, which misleads those that look at their data.
    """
    tensors = [*model.buffers(), *model.parameters()]
    # One without values among others says nothing about where the network computes.
    like = next(reversed([each for each in tensors if not each.is_meta] or tensors), torch.empty(0))
    phase = torch.zeros(input_res)
    for axis, length in enumerate(input_res):
        turns = torch.arange(length) * (2 * math.pi * (axis + 1) / length)
        phase = phase + turns.reshape(-1, *[1] * (len(input_res) - axis - 1))
    return (0.5 + 0.4 * torch.sin(phase)).unsqueeze(0).to(like.device, torch.float32)


def _table(model: nn.Module, cost: Counter[nn.Module]) -> str:
    total = max(cost.total(), 1)
    return "".join(
        f"{name or '(model)':<40} {type(module).__name__:<18} {cost[module]:>16} FLOPs"
        f" {cost[module] / total:>8.2%}\n"
        for name, module in model.named_modules()
        if module in cost
    )
