"""EDRN (team 01, LVGroup_HFUT) of the NTIRE 2023 Efficient SR challenge.

Factsheet and inference code of the team; `fmen.py` beside this file holds the backbone that it
widens and deepens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

# A function: as a module it would add to the official FLOPs.
lrelu = partial(leaky_relu, negative_slope=0.1, inplace=True)


def conv3x3(in_nc: int, out_nc: int) -> nn.Conv2d:
    """Convolution with a bias that keeps height and width."""
    return nn.Conv2d(in_nc, out_nc, 3, padding=1)


class DResblock(nn.Module):
    """Residual block, (N, nf, H, W) to the same; see `EDRN` for the forms."""

    def __init__(self, nf: int, form: str) -> None:
        super().__init__()
        self.form = form
        self.downconv = conv3x3(nf, 2 * nf)
        if form != "effective":
            self.rep_conv = conv3x3(2 * nf, 2 * nf)
        self.upconv = conv3x3(2 * nf, nf)

    def forward(self, x: Tensor) -> Tensor:
        """Widen, narrow and add `x`."""
        t = self.downconv(x)
        if self.form == "published":
            # The team's code forms this difference and drops it; it costs its time and memory.
            t - self.rep_conv(t)
        elif self.form == "as_drawn":
            t = self.rep_conv(t)
        y: Tensor = self.upconv(t) + x
        return y


class DEB(nn.Module):
    """Two residual blocks with a skip around them, (N, nf, H, W) to the same."""

    def __init__(self, nf: int, form: str) -> None:
        super().__init__()
        self.conv1 = DResblock(nf, form)
        self.conv2 = DResblock(nf, form)

    def forward(self, x: Tensor) -> Tensor:
        """Add what the two blocks make of `x` to it."""
        y: Tensor = self.conv2(lrelu(self.conv1(x))) + x
        return y


class DAB(nn.Module):
    """Attention: scales (N, nf, H, W) by a mask from `depth` DEBs of `width` channels."""

    def __init__(self, nf: int, width: int, depth: int, form: str) -> None:
        super().__init__()
        self.squeeze = conv3x3(nf, width)
        self.convs = nn.Sequential(*(DEB(width, form) for _ in range(depth)))
        self.excitate = conv3x3(width, nf)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` times its mask in (0, 1)."""
        t = lrelu(self.convs(lrelu(self.squeeze(x))))
        return torch.sigmoid(self.excitate(t)) * x


class EDRN(nn.Module):
    """EDRN: LR to SR, RGB in the range [0, 255].

    Takes (N, 3, H, W) of any size; returns (N, 3, upscale * H, upscale * W), not clamped.

    Args:
        nf: feature width.
        width: width of the attention branches; the first one has four channels less.
        depths: DEBs in each attention branch; the trunk has one DEB before each but the first.
        upscale: the scale.
        form: what becomes of the middle convolution of the residual blocks: `published`, computed
            and discarded as in the team's code and figures; `effective`, absent; `as_drawn`, in
            the chain as in the factsheet's figure: another function with the same parameters.

    Raises:
        ValueError: there is no such form.
    """

    def __init__(
        self,
        nf: int = 64,
        width: int = 16,
        depths: Sequence[int] = (2, 1, 1, 1, 1, 2),
        upscale: int = 4,
        form: str = "published",
    ) -> None:
        if form not in ("published", "effective", "as_drawn"):
            raise ValueError(f"EDRN has no form '{form}', but published, effective and as_drawn")
        super().__init__()
        self.form = form
        self.size = (nf, width, tuple(depths), upscale)
        first, *others = depths
        self.head = conv3x3(3, nf)
        self.warmup = nn.Sequential(conv3x3(nf, nf), DAB(nf, width - 4, first, form))
        self.basic_blocks = nn.ModuleList(DEB(nf, form) for _ in others)
        self.hfabs = nn.ModuleList(DAB(nf, width, depth, form) for depth in others)
        self.lr_conv = conv3x3(nf, nf)
        self.tail = nn.Sequential(conv3x3(nf, 3 * upscale**2), nn.PixelShuffle(upscale))

    def forward(self, x: Tensor) -> Tensor:
        """Restore (1, 3, H, W) to (1, 3, 4 * H, 4 * W) at the default scale."""
        features = self.head(x)
        h = self.warmup(features)
        for block, attention in zip(self.basic_blocks, self.hfabs, strict=True):
            h = attention(block(h))
        restored: Tensor = self.tail(self.lr_conv(h) + features)
        return restored

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> tuple[list[str], list[str]]:
        """Load weights; the `effective` form takes those of `published`, less the unused ones."""
        if self.form == "effective":
            state_dict = {key: t for key, t in state_dict.items() if ".rep_conv." not in key}
        keys: tuple[list[str], list[str]] = super().load_state_dict(state_dict, strict, assign)
        return keys

    def deploy(self) -> EDRN:
        """Return the `effective` form with the same weights, which is the same function.

        Raises:
            ValueError: the network is `as_drawn`, whose middle convolutions have an effect.
        """
        if self.form == "as_drawn":
            raise ValueError("EDRN as_drawn has no shorter form: its middle convolutions count")
        network = EDRN(*self.size, form="effective").to(self.head.weight)
        network.load_state_dict(self.state_dict())
        return network.train(self.training)
