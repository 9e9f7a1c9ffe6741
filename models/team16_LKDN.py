"""LKDN of team Set5 Baby (16): NTIRE 2023 Efficient SR.

Large Kernel Distillation Network; public code stella-von/LKDN. Trained with extra branches
(`conv="BSConvU_rep"`, `upsampler="pixelshuffle_rep"`), which `deploy` folds into single
convolutions. Blueprint separable convolution is that of Haase, Amthor: Rethinking Depthwise
Separable Convolutions, CVPR 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, gelu, pad

FRAME = (1, 1, 1, 1)
"""A pixel of zeros on each side; around a 1x1 kernel it makes a 3x3 one."""

Merged = TypeVar("Merged", bound=nn.Module)


def conv1x1(in_nc: int, out_nc: int) -> nn.Conv2d:
    """Pointwise convolution with a bias."""
    return nn.Conv2d(in_nc, out_nc, 1)


def conv3x3(in_nc: int, out_nc: int) -> nn.Conv2d:
    """Convolution with a bias that keeps height and width."""
    return nn.Conv2d(in_nc, out_nc, 3, padding=1)


def depthwise(nc: int, kernel: int, dilation: int = 1) -> nn.Conv2d:
    """Convolution of each channel by itself, with a bias, that keeps height and width."""
    padding = kernel // 2 * dilation
    return nn.Conv2d(nc, nc, kernel, padding=padding, dilation=dilation, groups=nc)


def in_double(module: nn.Module) -> dict[str, Tensor]:
    """Return the parameters in float64, so that a merge is rounded once, when it is stored."""
    return {key: value.double() for key, value in module.state_dict().items()}


def stored(merged: Mapping[str, Tensor], module: Merged, like: Tensor) -> Merged:
    """Return `module` with the merged parameters, in the dtype and on the device of `like`."""
    module.to(like).requires_grad_(like.requires_grad).load_state_dict(merged)
    return module


class BSConvU(nn.Module):
    """Blueprint convolution, (N, in_nc, H, W) to (N, out_nc, H, W): first 1x1, then depthwise."""

    def __init__(self, in_nc: int, out_nc: int) -> None:
        super().__init__()
        self.pw = nn.Conv2d(in_nc, out_nc, 1, bias=False)
        self.dw = depthwise(out_nc, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Mix the channels, then the neighbours."""
        mixed: Tensor = self.dw(self.pw(x))
        return mixed


class BSConvUIdentity(BSConvU):
    """Blueprint convolution with a skip around it; one without cannot express the same."""

    def forward(self, x: Tensor) -> Tensor:
        """Add the input; so there are as many channels out as in."""
        return super().forward(x) + x


class BSConvURep(BSConvU):
    """Training form of a blueprint convolution, with as many channels out as in.

    A skip around the 1x1, then a skip and a 1x1 scale beside the 3x3.
    """

    def __init__(self, in_nc: int, out_nc: int) -> None:
        super().__init__(in_nc, out_nc)
        self.rep1x1 = depthwise(out_nc, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of the branches."""
        hidden = self.pw(x) + x
        mixed: Tensor = self.dw(hidden) + hidden + self.rep1x1(hidden)
        return mixed

    def deploy(self) -> BSConvU:
        """Return the same function as one plain blueprint convolution."""
        nc = self.pw.out_channels
        own = in_double(self)
        identity = torch.eye(nc, dtype=torch.float64, device=self.pw.weight.device)
        merged = {
            "pw.weight": own["pw.weight"] + identity[:, :, None, None],
            "dw.weight": own["dw.weight"] + pad(1 + own["rep1x1.weight"], FRAME),
            "dw.bias": own["dw.bias"] + own["rep1x1.bias"],
        }
        return stored(merged, BSConvU(nc, nc), self.pw.weight)


def direct_upsampler(nf: int, out_nc: int, upscale: int) -> nn.Sequential:
    """Tail, (N, nf, H, W) to (N, out_nc, upscale * H, upscale * W)."""
    return nn.Sequential(conv3x3(nf, out_nc * upscale**2), nn.PixelShuffle(upscale))


class RepUpsampler(nn.Module):
    """Training form of the tail, (N, nf, H, W) to (N, out_nc, upscale * H, upscale * W).

    A 1x1, a 3x3, and a 3x3 behind a 1x1 of twice the width, summed before the pixel shuffle.
    """

    def __init__(self, nf: int, out_nc: int, upscale: int) -> None:
        super().__init__()
        shuffled = out_nc * upscale**2
        self.conv1 = conv1x1(nf, shuffled)
        self.conv3 = conv3x3(nf, shuffled)
        self.conv1x1 = conv1x1(nf, 2 * nf)
        self.conv3x3 = nn.Conv2d(2 * nf, shuffled, 3)
        self.shuffle = nn.PixelShuffle(upscale)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of the branches, shuffled.

        The last two convolutions are called as functions, as the authors do: counters that hook
        modules (the official ones, thop) miss them, fvcore does not.
        """
        # Only if the 1x1 sees zeros around x, and so makes its bias there, can it be merged.
        weight, bias = self.conv1x1.parameters()
        hidden = pad(conv2d(x, weight), FRAME) + bias[:, None, None]
        wide = conv2d(hidden, self.conv3x3.weight, self.conv3x3.bias)
        restored: Tensor = self.shuffle(self.conv1(x) + self.conv3(x) + wide)
        return restored

    def deploy(self) -> nn.Sequential:
        """Return the same function as one convolution and the pixel shuffle."""
        own = in_double(self)
        outer, inner = own["conv3x3.weight"], own["conv1x1.weight"][:, :, 0, 0]
        wide = torch.einsum("ohyx,hi->oiyx", outer, inner)
        frame = torch.einsum("ohyx,h->o", outer, own["conv1x1.bias"])
        merged = {
            "weight": own["conv3.weight"] + wide + pad(own["conv1.weight"], FRAME),
            "bias": own["conv1.bias"] + own["conv3.bias"] + own["conv3x3.bias"] + frame,
        }
        conv = conv3x3(self.conv3.in_channels, self.conv3.out_channels)
        return nn.Sequential(stored(merged, conv, self.conv3.weight), deepcopy(self.shuffle))


class Attention(nn.Module):
    """Large kernel attention: scales (N, nc, H, W) by a map seen through a 17x17 window."""

    def __init__(self, nc: int) -> None:
        super().__init__()
        self.pointwise = conv1x1(nc, nc)
        self.depthwise = depthwise(nc, 5)
        self.depthwise_dilated = depthwise(nc, 5, dilation=3)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` times its map, which is not squashed into (0, 1)."""
        scaled: Tensor = x * self.depthwise_dilated(self.depthwise(self.pointwise(x)))
        return scaled


class LKDB(nn.Module):
    """Large kernel distillation block, (N, nf, H, W) to the same, with a skip around it."""

    def __init__(self, nf: int, atten: int, conv: type[BSConvU]) -> None:
        super().__init__()
        distilled = nf // 2
        self.c1_d = conv1x1(nf, distilled)
        self.c1_r = conv(nf, nf)
        self.c2_d = conv1x1(nf, distilled)
        self.c2_r = conv(nf, nf)
        self.c3_d = conv1x1(nf, distilled)
        self.c3_r = conv(nf, nf)
        self.c4 = BSConvU(nf, distilled)
        self.c5 = conv1x1(4 * distilled, atten)
        self.atten = Attention(atten)
        self.c6 = conv1x1(atten, nf)
        self.pixel_norm = nn.LayerNorm(nf)

    def forward(self, x: Tensor) -> Tensor:
        """Distil half of the features at each of four depths, fuse, weigh and normalise them."""
        d1, r1 = gelu(self.c1_d(x)), gelu(self.c1_r(x))
        d2, r2 = gelu(self.c2_d(r1)), gelu(self.c2_r(r1))
        d3, r3 = gelu(self.c3_d(r2)), gelu(self.c3_r(r2))
        d4 = gelu(self.c4(r3))
        fused = self.c6(self.atten(self.c5(torch.cat([d1, d2, d3, d4], dim=1))))
        # LayerNorm works on the last axis: the channels of one pixel.
        normed: Tensor = self.pixel_norm(fused.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return normed + x


CONVS: Mapping[str, type[BSConvU]] = MappingProxyType(
    {"BSConvU": BSConvU, "BSConvU_idt": BSConvUIdentity, "BSConvU_rep": BSConvURep}
)
"""Refinement convolutions of the blocks, by the authors' names."""

UPSAMPLERS: Mapping[str, Callable[[int, int, int], nn.Module]] = MappingProxyType(
    {"pixelshuffledirect": direct_upsampler, "pixelshuffle_rep": RepUpsampler}
)
"""Tails, by the authors' names."""


class LKDN(nn.Module):
    """Large kernel distillation network: LR to SR, RGB in the range [0, 1].

    Takes (N, num_in_ch, H, W) of any size; returns (N, num_out_ch, upscale * H, upscale * W), not
    clamped. The defaults are the challenge entry; the paper's network has 56 features, 56
    attention channels and 8 blocks.

    Args:
        num_in_ch: channels of the input.
        num_feat: feature width; the distilled width is half of it.
        num_atten: width of the attention.
        num_block: number of blocks.
        num_out_ch: channels of the output.
        upscale: the scale.
        num_in: copies of the input that the first convolution sees side by side.
        conv: refinement convolution of the blocks, one of `CONVS`.
        upsampler: tail, one of `UPSAMPLERS`.

    Raises:
        NotImplementedError: an unknown `conv` or `upsampler`.
    """

    def __init__(
        self,
        num_in_ch: int = 3,
        num_feat: int = 42,
        num_atten: int = 42,
        num_block: int = 5,
        num_out_ch: int = 3,
        upscale: int = 4,
        num_in: int = 4,
        conv: str = "BSConvU",
        upsampler: str = "pixelshuffledirect",
    ) -> None:
        super().__init__()
        for name, known in ((conv, CONVS), (upsampler, UPSAMPLERS)):
            if name not in known:
                raise NotImplementedError(f"'{name}' is none of {', '.join(known)}")
        self.num_in = num_in
        self.fea_conv = BSConvU(num_in * num_in_ch, num_feat)
        self.blocks = [f"B{k}" for k in range(1, num_block + 1)]
        for block in self.blocks:
            self.add_module(block, LKDB(num_feat, num_atten, CONVS[conv]))
        self.c1 = conv1x1(num_block * num_feat, num_feat)
        self.c2 = BSConvU(num_feat, num_feat)
        self.upsampler = UPSAMPLERS[upsampler](num_feat, num_out_ch, upscale)

    def forward(self, x: Tensor) -> Tensor:
        """Restore (1, 3, H, W) to (1, 3, 4 * H, 4 * W) at the default scale."""
        features = self.fea_conv(x.repeat(1, self.num_in, 1, 1))
        outputs = [features]
        for block in self.blocks:
            outputs.append(self.get_submodule(block)(outputs[-1]))
        fused = self.c2(gelu(self.c1(torch.cat(outputs[1:], dim=1))))
        restored: Tensor = self.upsampler(fused + features)
        return restored

    def deploy(self) -> LKDN:
        """Return the same function, at borders too, with the training branches merged away.

        A `BSConvU_idt` stays: its skip would not fit into one plain blueprint convolution.
        """
        merged = deepcopy(self)
        for name, module in self.named_modules():
            if isinstance(module, BSConvURep | RepUpsampler):
                parent, _, child = name.rpartition(".")
                setattr(merged.get_submodule(parent), child, module.deploy())
        return merged.train(self.training)
