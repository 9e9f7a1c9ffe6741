"""SPAN, the baseline of the NTIRE 2026 Efficient SR challenge.

Wan et al.: Swift Parameter-free Attention Network for Efficient Super-Resolution, CVPR Workshops
2024; here with 28 channels. Trained with branches, which `deploy` merges into one 3x3 convolution
each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, silu

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
"""Mean R, G, B in the range [0, 1]."""

FRAME = (1, 1, 1, 1)
"""A pixel of zeros on each side; around a 1x1 kernel it makes a 3x3 one."""

BLOCKS = 6


def conv3x3(in_nc: int, out_nc: int) -> nn.Conv2d:
    """Convolution with a bias that keeps height and width."""
    return nn.Conv2d(in_nc, out_nc, 3, padding=1)


class MergedConv(nn.Module):
    """One convolution, (N, in_nc, H, W) to (N, out_nc, H, W)."""

    def __init__(self, in_nc: int, out_nc: int) -> None:
        super().__init__()
        self.eval_conv = conv3x3(in_nc, out_nc)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        y: Tensor = self.eval_conv(x)
        return y


class BranchedConv(nn.Module):
    """Training form of `MergedConv`: widen, convolve, narrow, and a 1x1 beside them."""

    def __init__(self, in_nc: int, out_nc: int) -> None:
        super().__init__()
        self.sk = nn.Conv2d(in_nc, out_nc, 1)
        self.conv = nn.Sequential(
            nn.Conv2d(in_nc, 2 * in_nc, 1),
            nn.Conv2d(2 * in_nc, 2 * out_nc, 3),
            nn.Conv2d(2 * out_nc, out_nc, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of the branch and the skip.

        The zeros around the image come before the first 1x1, which makes its bias of them, as of
        every pixel: so the branch is one affine map of the padded image, at the border too.
        """
        y: Tensor = self.conv(pad(x, FRAME)) + self.sk(x)
        return y

    def merged(self) -> MergedConv:
        """Return the same function, up to rounding, as one zero-padded convolution."""
        # In float64, so that a merge is rounded once, when it is stored.
        own = {key: value.double() for key, value in self.state_dict().items()}
        widen, narrow = own["conv.0.weight"][:, :, 0, 0], own["conv.2.weight"][:, :, 0, 0]
        middle = torch.einsum("om,mnyx->onyx", narrow, own["conv.1.weight"])
        bias = own["conv.1.bias"] + torch.einsum(
            "mnyx,n->m", own["conv.1.weight"], own["conv.0.bias"]
        )
        merged = {
            "eval_conv.weight": torch.einsum("onyx,ni->oiyx", middle, widen)
            + pad(own["sk.weight"], FRAME),
            "eval_conv.bias": narrow @ bias + own["conv.2.bias"] + own["sk.bias"],
        }
        conv = MergedConv(self.sk.in_channels, self.sk.out_channels).to(self.sk.weight)
        conv.load_state_dict(merged)
        return conv


ConvOf = Callable[[int, int], nn.Module]
"""Makes a convolution from its input and output channels."""

FORMS: Mapping[str, ConvOf] = MappingProxyType({"deploy": MergedConv, "training": BranchedConv})
"""What stands for a 3x3 convolution, by the form of the network."""


class SPAB(nn.Module):
    """Swift parameter-free attention block: (N, nf, H, W) to the same."""

    def __init__(self, nf: int, conv: ConvOf) -> None:
        super().__init__()
        self.c1_r = conv(nf, nf)
        self.c2_r = conv(nf, nf)
        self.c3_r = conv(nf, nf)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output, and the first inner feature after its activation."""
        inner = silu(self.c1_r(x))
        c = self.c3_r(silu(self.c2_r(inner)))
        # Attention without parameters: odd in c, within (-0.5, 0.5).
        return (c + x) * (torch.sigmoid(c) - 0.5), inner


class SPAN(nn.Module):
    """Swift parameter-free attention network: LR to SR, RGB in the range [0, 1].

    Takes (N, 3, H, W) of any size; returns (N, 3, upscale * H, upscale * W), not clamped.

    Args:
        nf: feature width.
        upscale: the scale.
        form: `deploy`, one convolution each, or `training`, the branches that are merged into it.

    Raises:
        ValueError: there is no such form.
    """

    mean: Tensor

    def __init__(self, nf: int = 28, upscale: int = 4, form: str = "deploy") -> None:
        if form not in FORMS:
            raise ValueError(f"SPAN has no form '{form}', but {' and '.join(FORMS)}")
        super().__init__()
        conv = FORMS[form]
        self.conv_1 = conv(3, nf)
        self.blocks = [f"block_{k}" for k in range(1, BLOCKS + 1)]
        for block in self.blocks:
            self.add_module(block, SPAB(nf, conv))
        self.conv_cat = nn.Conv2d(4 * nf, nf, 1)
        self.conv_2 = conv(nf, nf)
        self.upsampler = nn.Sequential(conv3x3(nf, 3 * upscale**2), nn.PixelShuffle(upscale))
        # No part of the checkpoints.
        self.register_buffer("mean", torch.tensor(DIV2K_MEAN).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Restore (1, 3, H, W) to (1, 3, 4 * H, 4 * W) at the default scale."""
        features = self.conv_1((x - self.mean) * 255)
        outputs, inner = [features], features
        for block in self.blocks:
            output, inner = self.get_submodule(block)(outputs[-1])
            outputs.append(output)
        fused = self.conv_cat(torch.cat([features, self.conv_2(outputs[-1]), outputs[1], inner], 1))
        restored: Tensor = self.upsampler(fused)
        return restored

    def deploy(self) -> SPAN:
        """Return the same function, at borders too, with the training branches merged away."""
        merged = deepcopy(self)
        for name, module in self.named_modules():
            if isinstance(module, BranchedConv):
                parent, _, child = name.rpartition(".")
                setattr(merged.get_submodule(parent), child, module.merged())
        return merged.train(self.training)
