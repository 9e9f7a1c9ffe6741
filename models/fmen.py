"""FMEN, small version (NJU_Jet, NTIRE 2022 Efficient SR): the backbone of EDRN, and its merge.

Du, Liu, Liu, Tang, Wu, Fu: Fast and Memory-Efficient Network Towards Efficient Image
Super-Resolution, CVPR Workshops 2022. Trained with over-parameterised linear blocks and batch
norms, each of which `FMEN.deploy` merges into one 3x3 convolution.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

BlockOf = Callable[[int], nn.Module]
"""Makes a block that stands for one convolution, (N, nf, H, W) to the same, from nf."""

# A function: as a module it would add to the official FLOPs.
lrelu = partial(leaky_relu, negative_slope=0.1, inplace=True)


def conv3x3(in_nc: int, out_nc: int, padding: int = 1) -> nn.Conv2d:
    """Convolution with a bias; keeps height and width unless the padding says otherwise."""
    return nn.Conv2d(in_nc, out_nc, 3, padding=padding)


def conv3x3_of(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    """Zero-padded convolution with this kernel (out_nc, in_nc, 3, 3) and bias (out_nc,)."""
    conv = conv3x3(weight.shape[1], weight.shape[0]).to(weight)
    conv.load_state_dict({"weight": weight, "bias": bias})
    return conv


def rep_conv(conv: nn.Conv2d) -> nn.Module:
    """Put the one convolution of a deployed block under the name in the public checkpoints."""
    return nn.Sequential(OrderedDict(rep_conv=conv))


def ringed(x: Tensor, value: Tensor) -> Tensor:
    """Surround (N, C, H, W) by one pixel of `value` (C,), corners included.

    The value is what the layer before would give for a zero outside the image: with it, that layer
    and a valid convolution are one zero-padded convolution, exact up to the border.
    """
    n, c, height, width = x.shape
    frame = value.view(1, c, 1, 1).expand(n, c, height + 2, width + 2).clone()
    frame[:, :, 1:-1, 1:-1] = x
    return frame


class RRRB(nn.Module):
    """Training form of a convolution from nf to nf: expand, convolve, reduce, with two skips."""

    def __init__(self, nf: int) -> None:
        super().__init__()
        self.expand_conv = nn.Conv2d(nf, 2 * nf, 1)
        self.fea_conv = conv3x3(2 * nf, 2 * nf, padding=0)
        self.reduce_conv = nn.Conv2d(2 * nf, nf, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, nf, H, W) to the same."""
        z = self.expand_conv(x)
        v = self.fea_conv(ringed(z, _parts(self.expand_conv)[1])) + z
        y: Tensor = self.reduce_conv(v) + x
        return y

    def merged(self) -> nn.Module:
        """Return the one convolution that is the same function."""
        expand, e = _parts(self.expand_conv)
        kernel, k = _parts(self.fea_conv)
        reduce, r = _parts(self.reduce_conv)
        kernel = kernel + _identity(kernel)
        weight = torch.einsum("omij,mnyx,ncij->ocyx", reduce, kernel, expand)
        bias = torch.einsum("omij,m->o", reduce, k + torch.einsum("mnyx,n->m", kernel, e)) + r
        return rep_conv(conv3x3_of(weight + _identity(weight), bias))


def _parts(conv: nn.Conv2d) -> tuple[Tensor, Tensor]:
    return conv.weight, conv.get_parameter("bias")


def _identity(like: Tensor) -> Tensor:
    kernel = torch.zeros_like(like)
    kernel[:, :, 1, 1] = torch.eye(len(like)).to(like)
    return kernel


class ERB(nn.Module):
    """Two blocks with an activation in between, (N, nf, H, W) to the same."""

    def __init__(self, nf: int, block: BlockOf) -> None:
        super().__init__()
        self.conv1 = block(nf)
        self.conv2 = block(nf)

    def forward(self, x: Tensor) -> Tensor:
        """Apply both blocks; their skips are inside them."""
        y: Tensor = self.conv2(lrelu(self.conv1(x)))
        return y


class HFAB(nn.Module):
    """Attention: scales (N, nf, H, W) by a mask from `depth` ERBs of `width` channels."""

    def __init__(self, nf: int, width: int, depth: int, block: BlockOf, padding: int = 1) -> None:
        super().__init__()
        self.squeeze = conv3x3(nf, width, padding)
        self.convs = nn.Sequential(*(ERB(width, block) for _ in range(depth)))
        self.excitate = conv3x3(width, nf, padding)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` times its mask in (0, 1)."""
        t = lrelu(self.convs(lrelu(self.squeeze(x))))
        return torch.sigmoid(self.excitate(t)) * x


class TrainingHFAB(HFAB):
    """Training form of `HFAB`: batch norms around its two convolutions."""

    def __init__(self, nf: int, width: int, depth: int, block: BlockOf) -> None:
        super().__init__(nf, width, depth, block, padding=0)
        self.bn1 = nn.BatchNorm2d(nf)
        self.bn2 = nn.BatchNorm2d(width)
        self.bn3 = nn.BatchNorm2d(nf)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` itself, not what is normalised of it, times its mask in (0, 1)."""
        t = lrelu(self.convs(lrelu(self.squeeze(_normalised(self.bn1, x)))))
        return torch.sigmoid(self.bn3(self.excitate(_normalised(self.bn2, t)))) * x

    def merged(self) -> HFAB:
        """Return the same function as it is in evaluation mode, around the same ERBs."""
        attention = HFAB(self.squeeze.in_channels, self.squeeze.out_channels, 0, nn.Identity)
        attention.convs = self.convs
        attention.squeeze = conv3x3_of(*_after_norm(self.bn1, self.squeeze))
        weight, bias = _after_norm(self.bn2, self.excitate)
        scale, shift = _scale_and_shift(self.bn3)
        attention.excitate = conv3x3_of(weight * scale.view(-1, 1, 1, 1), bias * scale + shift)
        return attention


def _normalised(bn: nn.BatchNorm2d, x: Tensor) -> Tensor:
    # In this order: in training mode the ring shows the running statistics after this step.
    body = bn(x)
    return ringed(body, _scale_and_shift(bn)[1])


def _scale_and_shift(bn: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    # No buffer is kept for backward: the next step in training mode overwrites them.
    mean, std = bn.get_buffer("running_mean"), (bn.get_buffer("running_var") + bn.eps).sqrt()
    return bn.weight / std, bn.bias - mean / std * bn.weight


def _after_norm(bn: nn.BatchNorm2d, conv: nn.Conv2d) -> tuple[Tensor, Tensor]:
    weight, bias = _parts(conv)
    scale, shift = _scale_and_shift(bn)
    return weight * scale.view(1, -1, 1, 1), bias + torch.einsum("oiyx,i->o", weight, shift)


_FORMS: Mapping[str, tuple[type[HFAB], BlockOf]] = {
    "deploy": (HFAB, lambda nf: rep_conv(conv3x3(nf, nf))),
    "train": (TrainingHFAB, RRRB),
}


class FMEN(nn.Module):
    """FMEN: LR to SR, RGB in the range [0, 255].

    Takes (N, 3, H, W) of any size; returns (N, 3, upscale * H, upscale * W), not clamped.

    Args:
        nf: feature width.
        width: width of the attention branches; the first one has four channels less.
        depths: ERBs in each attention branch; the trunk has one ERB before each but the first.
        upscale: the scale.
        form: `deploy`, of which there are public weights, or `train`.

    Raises:
        ValueError: there is no such form.
    """

    def __init__(
        self,
        nf: int = 50,
        width: int = 16,
        depths: Sequence[int] = (2, 1, 1, 1, 1),
        upscale: int = 4,
        form: str = "deploy",
    ) -> None:
        if form not in ("deploy", "train"):
            raise ValueError(f"FMEN has no form '{form}', but deploy and train")
        super().__init__()
        attention, block = _FORMS[form]
        first, *others = depths
        self.head = conv3x3(3, nf)
        self.warmup = nn.Sequential(conv3x3(nf, nf), attention(nf, width - 4, first, block))
        self.ERBs = nn.ModuleList(ERB(nf, block) for _ in others)
        self.HFABs = nn.ModuleList(attention(nf, width, depth, block) for depth in others)
        self.lr_conv = conv3x3(nf, nf)
        self.tail = nn.Sequential(conv3x3(nf, 3 * upscale**2), nn.PixelShuffle(upscale))

    def forward(self, x: Tensor) -> Tensor:
        """Restore (1, 3, H, W) to (1, 3, 4 * H, 4 * W) at the default scale."""
        features = self.head(x)
        h = self.warmup(features)
        for block, attention in zip(self.ERBs, self.HFABs, strict=True):
            h = attention(block(h))
        restored: Tensor = self.tail(self.lr_conv(h) + features)
        return restored

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> tuple[list[str], list[str]]:
        """Load weights under the names of the authors or of the NTIRE 2022 code release."""
        names = {"basic_blocks": "ERBs", "hfabs": "HFABs"}
        renamed = {}
        for key, tensor in state_dict.items():
            head, dot, rest = key.partition(".")
            renamed[names.get(head, head) + dot + rest] = tensor
        keys: tuple[list[str], list[str]] = super().load_state_dict(renamed, strict, assign)
        return keys

    @torch.no_grad()
    def deploy(self) -> FMEN:
        """Return the deploy form: in evaluation mode the same function, merged in float64."""
        network = copy.deepcopy(self).double()
        # An attention comes before its blocks, which keep their names in the merged one.
        for name, module in list(network.named_modules()):
            if isinstance(module, TrainingHFAB | RRRB):
                network.set_submodule(name, module.merged())
        return network.to(self.head.weight).train(self.training)
