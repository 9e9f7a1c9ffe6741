"""SRneXt, FRL Team 05 of the NTIRE 2023 Efficient SR challenge.

Zhang: factsheet 'Efficient Feature Distillation Network', 2023. The factsheet draws neither the
pixel shifts nor the inner skips; they follow the author's published code and checkpoint.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

DIRECTIONS = 5
MEAN = (255 * 0.4690, 255 * 0.4490, 255 * 0.4036)
"""Mean R, G, B of DIV2K and Flickr2K in the range [0, 255]."""


def pointwise(in_nc: int, out_nc: int) -> nn.Conv2d:
    """Convolution over the channels alone, with a bias."""
    return nn.Conv2d(in_nc, out_nc, 1)


def shift(x: Tensor) -> Tensor:
    """Move each fifth of (N, C, H, W) by a pixel left, right, up, down or not; zeros move in."""
    left, right, up, down, still = x.chunk(DIRECTIONS, dim=1)
    moved = [
        pad(left, (0, 1))[..., 1:],
        pad(right, (1, 0))[..., :-1],
        pad(up, (0, 0, 0, 1))[..., 1:, :],
        pad(down, (0, 0, 1, 0))[..., :-1, :],
        still,
    ]
    return torch.cat(moved, dim=1)


class ChannelNorm(nn.LayerNorm):
    """Layer norm of (N, C, H, W) over the channels, at each pixel by itself."""

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` with mean 0 and variance 1 at each pixel, times the gain, plus the shift."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class SeparableGate(nn.Module):
    """Dimensional separable block: products of a vertical, a horizontal and a channel mixer."""

    def __init__(self, nf: int, kernel: int) -> None:
        super().__init__()
        reach = kernel // 2
        self.h_mixer = nn.Conv2d(nf, nf, (kernel, 1), padding=(reach, 0), groups=nf)
        self.w_mixer = nn.Conv2d(nf, nf, (1, kernel), padding=(0, reach), groups=nf)
        self.c_mixer = pointwise(nf, nf)
        self.proj = pointwise(nf, nf)

    def forward(self, x: Tensor) -> Tensor:
        """Mix (N, nf, H, W) along the columns, the rows and the channels."""
        x = x + self.h_mixer(x) * self.w_mixer(x)
        mixed: Tensor = self.proj(x + x * self.c_mixer(x))
        return mixed


class ShiftedMLP(nn.Module):
    """Two pointwise convolutions that see the four neighbours through shifts."""

    def __init__(self, nf: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = pointwise(nf, hidden)
        self.act = nn.SiLU()
        self.fc2 = pointwise(hidden, nf)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, nf, H, W) to the same shape."""
        mapped: Tensor = self.fc2(shift(self.act(self.fc1(shift(x)))))
        return mapped


class Layer(nn.Module):
    """A transformer's layer, norms first, with convolutions in the place of attention."""

    def __init__(self, nf: int, kernel: int, mlp_ratio: int) -> None:
        super().__init__()
        self.sg = SeparableGate(nf, kernel)
        self.norm1 = ChannelNorm(nf)
        self.mlp = ShiftedMLP(nf, mlp_ratio * nf)
        self.norm2 = ChannelNorm(nf)

    def forward(self, x: Tensor) -> Tensor:
        """Refine (N, nf, H, W)."""
        x = x + self.sg(self.norm1(x))
        refined: Tensor = x + self.mlp(self.norm2(x))
        return refined


class SRneXt(nn.Module):
    """LR to SR, RGB in the range [0, 255].

    Takes (N, 3, H, W), any H and W from 1; returns (N, 3, upscale * H, upscale * W), not clamped.

    Args:
        nf: feature width, a multiple of 5.
        num_layers: depth.
        kernel: length of the one-dimensional convolutions, odd.
        mlp_ratio: width within the MLPs, in feature widths.
        upscale: the scale.

    Raises:
        ValueError: `nf` is no multiple of 5, or `kernel` is even.
    """

    mean: Tensor

    def __init__(
        self,
        nf: int = 35,
        num_layers: int = 26,
        kernel: int = 15,
        mlp_ratio: int = 2,
        upscale: int = 4,
    ) -> None:
        super().__init__()
        if nf % DIRECTIONS or kernel % 2 == 0:
            raise ValueError(
                f"SRneXt needs a width that is a multiple of {DIRECTIONS} and an odd kernel, "
                f"got {nf} and {kernel}"
            )
        # The author's checkpoint knows no mean.
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.head = nn.Sequential(nn.Conv2d(3, nf, 3, padding=1))
        self.body = nn.Sequential(*(Layer(nf, kernel, mlp_ratio) for _ in range(num_layers)))
        self.tail = nn.Sequential(
            nn.Conv2d(nf, 3 * upscale**2, 3, padding=1), nn.PixelShuffle(upscale)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Restore (1, 3, H, W) to (1, 3, 4 * H, 4 * W) at the default scale."""
        features = self.head(x - self.mean)
        restored: Tensor = self.tail(self.body(features) + features) + self.mean
        return restored
