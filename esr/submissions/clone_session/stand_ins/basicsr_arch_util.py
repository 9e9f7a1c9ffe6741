"""In the place of `basicsr.archs.arch_util`: how weights begin, and two small shapes.

Why these are the same: BasicSR's API documentation (basicsr.readthedocs.io, `basicsr.archs.
arch_util`) says what each does. `trunc_normal_` and the tuples are timm's, `pixel_unshuffle` is
PyTorch's (space to depth, channel by channel). How weights begin matters only until the checkpoint
is loaded. `flow_warp` and the layers of video networks are left out: who uses them is told so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from esr.submissions.clone_session.stand_ins.timm_layers import to_2tuple, to_ntuple


@torch.no_grad()
def default_init_weights(
    module_list: nn.Module | Iterable[nn.Module],
    scale: float = 1,
    bias_fill: float = 0,
    **kwargs: Any,  # noqa: ANN401
) -> None:
    """Draw weights of convolutions and linear layers (He et al.), and make them smaller.

    Args:
        module_list: a module or several, with all that they hold.
        scale: the weights are multiplied by it; for residual blocks.
        bias_fill: what each bias begins with.
        kwargs: of `nn.init.kaiming_normal_`.
    """
    several = [module_list] if isinstance(module_list, nn.Module) else module_list
    for layer in (layer for module in several for layer in module.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, **kwargs).mul_(scale)
        elif isinstance(layer, _BatchNorm):
            nn.init.constant_(layer.weight, 1)
        else:
            continue
        if layer.bias is not None:
            layer.bias.fill_(bias_fill)


def make_layer(
    basic_block: Callable[..., nn.Module],
    num_basic_block: int,
    **kwarg: Any,  # noqa: ANN401
) -> nn.Sequential:
    """Stack blocks built alike."""
    return nn.Sequential(*(basic_block(**kwarg) for _ in range(num_basic_block)))


def pixel_unshuffle(x: Tensor, scale: int) -> Tensor:
    """Turn (batch, channels, height, width) into (batch, channels scale^2, height/scale, ..)."""
    return functional.pixel_unshuffle(x, scale)


REPLACES = ("basicsr.archs.arch_util",)
NAMES: dict[str, object] = {
    "trunc_normal_": nn.init.trunc_normal_,
    **{f"to_{count}tuple": to_ntuple(count) for count in (1, 3, 4)},
    "to_2tuple": to_2tuple,
    "to_ntuple": to_ntuple,
    "default_init_weights": default_init_weights,
    "make_layer": make_layer,
    "pixel_unshuffle": pixel_unshuffle,
}
