"""RFDN, the baseline (team 00) of the NTIRE 2022 and 2023 Efficient SR challenges.

Liu, Tang, Wu: Residual Feature Distillation Network for Lightweight Image Super-Resolution,
ECCV Workshops 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

SMALLEST_PX = 15
"""Least height and width of the input: ESA pools 7x7 windows after a stride of two."""


def conv1x1(in_nc: int, out_nc: int) -> nn.Conv2d:
    """Pointwise convolution with a bias."""
    return nn.Conv2d(in_nc, out_nc, 1)


def conv3x3(in_nc: int, out_nc: int) -> nn.Conv2d:
    """Convolution with a bias that keeps height and width."""
    return nn.Conv2d(in_nc, out_nc, 3, padding=1)


class ESA(nn.Module):
    """Enhanced spatial attention: scales (N, nf, H, W) by a mask seen through a wide window."""

    def __init__(self, nf: int) -> None:
        super().__init__()
        width = nf // 4
        self.conv1 = conv1x1(nf, width)
        self.conv_f = conv1x1(width, width)
        self.conv_max = conv3x3(width, width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=2)
        self.conv3 = conv3x3(width, width)
        self.conv3_ = conv3x3(width, width)
        self.conv4 = conv1x1(width, nf)
        self.pool = nn.MaxPool2d(7, stride=3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` times its mask in (0, 1)."""
        u = self.conv1(x)
        q = self.pool(self.conv2(u))
        q = self.relu(self.conv_max(q))
        q = self.conv3_(self.relu(self.conv3(q)))
        wide = interpolate(q, size=x.shape[-2:], mode="bilinear", align_corners=False)
        return x * torch.sigmoid(self.conv4(wide + self.conv_f(u)))


class RFDB(nn.Module):
    """Residual feature distillation block, (N, nf, H, W) to the same, without a skip of its own."""

    def __init__(self, nf: int) -> None:
        super().__init__()
        distilled = nf // 2
        self.c1_d = conv1x1(nf, distilled)
        self.c1_r = conv3x3(nf, nf)
        self.c2_d = conv1x1(nf, distilled)
        self.c2_r = conv3x3(nf, nf)
        self.c3_d = conv1x1(nf, distilled)
        self.c3_r = conv3x3(nf, nf)
        self.c4 = conv3x3(nf, distilled)
        self.act = nn.LeakyReLU(0.05, inplace=True)
        self.c5 = conv1x1(4 * distilled, nf)
        self.esa = ESA(nf)

    def forward(self, x: Tensor) -> Tensor:
        """Distil half of the features at each of four depths and fuse them."""
        d1, z1 = self.act(self.c1_d(x)), self.act(self.c1_r(x) + x)
        d2, z2 = self.act(self.c2_d(z1)), self.act(self.c2_r(z1) + z1)
        d3, z3 = self.act(self.c3_d(z2)), self.act(self.c3_r(z2) + z2)
        d4 = self.act(self.c4(z3))
        fused: Tensor = self.esa(self.c5(torch.cat([d1, d2, d3, d4], dim=1)))
        return fused


class RFDN(nn.Module):
    """Residual feature distillation network: LR to SR, RGB in the range [0, 255].

    Takes (N, in_nc, H, W), H and W at least 15; returns (N, out_nc, upscale * H, upscale * W),
    not clamped.

    Args:
        in_nc: channels of the input.
        nf: feature width; the distilled width is half of it, that of the attention a quarter.
        num_modules: number of blocks.
        out_nc: channels of the output.
        upscale: the scale.
    """

    def __init__(
        self,
        in_nc: int = 3,
        nf: int = 50,
        num_modules: int = 4,
        out_nc: int = 3,
        upscale: int = 4,
    ) -> None:
        super().__init__()
        self.fea_conv = conv3x3(in_nc, nf)
        self.blocks = [f"B{k}" for k in range(1, num_modules + 1)]
        for block in self.blocks:
            self.add_module(block, RFDB(nf))
        self.c = nn.Sequential(conv1x1(num_modules * nf, nf), nn.LeakyReLU(0.05, inplace=True))
        self.LR_conv = conv3x3(nf, nf)
        self.upsampler = nn.Sequential(conv3x3(nf, out_nc * upscale**2), nn.PixelShuffle(upscale))

    def forward(self, x: Tensor) -> Tensor:
        """Restore (1, 3, H, W) to (1, 3, 4 * H, 4 * W) at the default scale.

        Raises:
            ValueError: the input is smaller than 15x15.
        """
        height, width = x.shape[-2:]
        if min(height, width) < SMALLEST_PX:
            limit = f"{SMALLEST_PX}x{SMALLEST_PX}"
            raise ValueError(f"RFDN needs an input of at least {limit}, got {height}x{width}")
        features = self.fea_conv(x)
        outputs = [features]
        for block in self.blocks:
            outputs.append(self.get_submodule(block)(outputs[-1]))
        fused = self.LR_conv(self.c(torch.cat(outputs[1:], dim=1)))
        restored: Tensor = self.upsampler(fused + features)
        return restored
