"""MDRN, team TelunXupt (09) of the NTIRE 2023 Efficient SR challenge.

Mao et al.: Multi-level Dispersion Residual Network for Efficient Image Super-Resolution, CVPR
Workshops 2023. The paper's network is twice as wide as the challenge entry.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, gelu, interpolate, max_pool2d, pad

SMALLEST_PX = 15
"""Least height and width of the input: smaller maps leave a pooled map no edge to reflect at."""

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
"""Mean R, G, B in the range [0, 1]."""


def conv1x1(in_nc: int, out_nc: int) -> nn.Conv2d:
    """Pointwise convolution with a bias."""
    return nn.Conv2d(in_nc, out_nc, 1)


def local_variance(x: Tensor) -> Tensor:
    """Unbiased variance in the 7x7 windows, three pixels apart, of (N, C, H, W) reflected by 1."""
    windows = pad(x, (1, 1, 1, 1), mode="reflect").unfold(2, 7, 3).unfold(3, 7, 3)
    return windows.var(dim=(-2, -1))


class BSR(nn.Module):
    """Blueprint convolution: pointwise, then depthwise 3x3 that reflects at the border."""

    def __init__(self, in_nc: int, out_nc: int, stride: int = 1) -> None:
        super().__init__()
        self.pw = nn.Conv2d(in_nc, out_nc, 1, bias=False)
        self.dw = nn.Conv2d(
            out_nc, out_nc, 3, stride, padding=1, groups=out_nc, padding_mode="reflect"
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_nc, H, W) to out_nc channels, the sides divided by the stride, rounded up."""
        mapped: Tensor = self.dw(self.pw(x))
        return mapped


class MDSA(nn.Module):
    """Multi-level dispersion spatial attention over (N, nf, H, W)."""

    def __init__(self, nf: int) -> None:
        super().__init__()
        width = nf // 4
        self.conv1 = conv1x1(nf, width)
        self.conv_f = conv1x1(width, width)
        self.conv2_0 = BSR(width, width, stride=2)
        self.conv2_1 = BSR(width, width, stride=2)
        self.conv2_2 = BSR(width, width, stride=2)
        self.conv2_3 = BSR(width, width, stride=2)
        self.conv_max_0 = BSR(width, width)
        self.conv_max_1 = BSR(width, width)
        self.conv_max_2 = BSR(width, width)
        self.conv3_0 = BSR(width, width)
        self.conv3_1 = BSR(width, width)
        self.conv3_2 = BSR(width, width)
        self.conv4 = conv1x1(width, nf)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` times its mask in (0, 1)."""
        u = self.conv1(x)
        a0 = max_pool2d(self.conv2_0(u), 3, 3, padding=1)
        a1 = max_pool2d(self.conv2_1(u), 5, 3)
        a2 = max_pool2d(self.conv2_2(u), 7, 3, padding=1) + local_variance(self.conv2_3(u))
        h0 = self.conv3_0(gelu(self.conv_max_0(a0)))
        h1 = self.conv3_1(gelu(self.conv_max_1(a1)))
        h2 = self.conv3_2(gelu(self.conv_max_2(a2)))
        up0, up1, up2 = (
            interpolate(h, size=x.shape[-2:], mode="bilinear", align_corners=False)
            for h in (h0, h1, h2)
        )
        return x * torch.sigmoid(self.conv4(up0 + up1 + up2 + self.conv_f(u)))


class DispersionGate(nn.Module):
    """Channel attention that weighs (N, nf, H, W) by each map's mean plus standard deviation."""

    def __init__(self, nf: int) -> None:
        super().__init__()
        narrow = nf // 16
        self.conv_du = nn.Sequential(
            conv1x1(nf, narrow), nn.ReLU(), conv1x1(narrow, nf), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` times its gates in (0, 1)."""
        mean = adaptive_avg_pool2d(x, 1)
        deviation = (x - mean).square().mean(dim=(2, 3), keepdim=True).sqrt()
        gated: Tensor = x * self.conv_du(deviation + mean)
        return gated


class Residual(nn.Module):
    """Layers with a skip around them."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Add to `x` what the layers make of it."""
        changed: Tensor = self.body(x) + x
        return changed


class EADB(nn.Module):
    """Enhanced attention distillation block, (N, nf, H, W) to the same."""

    def __init__(self, nf: int) -> None:
        super().__init__()
        distilled = nf // 2
        self.c1_d = conv1x1(nf, distilled)
        self.c1_r = BSR(nf, nf)
        self.c2_d = conv1x1(nf, distilled)
        self.c2_r = BSR(nf, nf)
        self.c3_d = conv1x1(nf, distilled)
        self.c3_r = BSR(nf, nf)
        self.c4 = BSR(nf, distilled)
        self.c5 = conv1x1(4 * distilled, nf)
        self.esa = Residual(MDSA(nf))
        # The authors wrote "same", here and at the stem: fvcore cannot read it and leaves these
        # convolutions out, so a number would change a published figure and nothing else.
        self.cca = Residual(
            nn.Conv2d(nf, nf, 1, padding="same"),
            nn.GELU(),
            DispersionGate(nf),
            nn.Conv2d(nf, nf, 3, padding="same", groups=nf),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Distil half of the features at each of four depths, fuse them and attend."""
        d1, r1 = gelu(self.c1_d(x)), gelu(self.c1_r(x) + x)
        d2, r2 = gelu(self.c2_d(r1)), gelu(self.c2_r(r1) + r1)
        d3, r3 = gelu(self.c3_d(r2)), gelu(self.c3_r(r2) + r2)
        fused = self.c5(torch.cat([d1, d2, d3, gelu(self.c4(r3))], dim=1))
        refined: Tensor = self.cca(self.esa(fused)) + x
        return refined


class MDRN(nn.Module):
    """Multi-level dispersion residual network: LR to SR, RGB in the range [0, 1].

    Takes (N, 3, H, W), H and W at least 15; returns (N, 3, upscale * H, upscale * W), not clamped.

    Args:
        num_feat: feature width, at least 16; 28 in the challenge, 56 in the paper.
        num_block: number of blocks.
        upscale: the scale.
        rgb_mean: taken off the input and put back onto the output.
    """

    rgb_mean: Tensor

    def __init__(
        self,
        num_feat: int = 28,
        num_block: int = 8,
        upscale: int = 4,
        rgb_mean: tuple[float, float, float] = DIV2K_MEAN,
    ) -> None:
        super().__init__()
        mean = torch.tensor(rgb_mean).view(1, 3, 1, 1)
        self.register_buffer("rgb_mean", mean, persistent=False)
        self.fea_conv = nn.Conv2d(3, num_feat, 3, padding="same")
        self.blocks = [f"B{k}" for k in range(1, num_block + 1)]
        for block in self.blocks:
            self.add_module(block, EADB(num_feat))
        self.c1 = conv1x1(num_block * num_feat, num_feat)
        self.c2 = BSR(num_feat, num_feat)
        tail = nn.Conv2d(num_feat, 3 * upscale**2, 3, padding=1)
        one_step = nn.Sequential(tail, nn.PixelShuffle(upscale))
        self.upsampler = nn.Sequential(OrderedDict(upsampleOneStep=one_step))

    def forward(self, x: Tensor) -> Tensor:
        """Restore (1, 3, H, W) to (1, 3, 4 * H, 4 * W) at the default scale.

        Raises:
            ValueError: the input is smaller than 15x15.
        """
        height, width = x.shape[-2:]
        if min(height, width) < SMALLEST_PX:
            limit = f"{SMALLEST_PX}x{SMALLEST_PX}"
            raise ValueError(f"MDRN needs an input of at least {limit}, got {height}x{width}")
        features = self.fea_conv(x - self.rgb_mean)
        outputs = [features]
        for block in self.blocks:
            outputs.append(self.get_submodule(block)(outputs[-1]))
        fused = self.c2(gelu(self.c1(torch.cat(outputs[1:], dim=1))))
        restored: Tensor = self.upsampler(fused + features) + self.rgb_mean
        return restored
