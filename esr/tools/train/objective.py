"""What training minimises and how fast: losses, learning rates, averaged weights."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss

from esr.tools.train.recipe import TrainingStage

Loss = Callable[[Tensor, Tensor], Tensor]
"""(SR, HR), both (N, 3, H, W) in the network's own range -> a scalar."""

CHARBONNIER_EPS = 1e-12
"""Under the root, on images in [0, 1]: BasicSR's; factsheets that name the loss give none."""


def charbonnier(sr: Tensor, hr: Tensor) -> Tensor:
    """Smooth L1, mean of sqrt(d^2 + eps): Lai et al., LapSRN, CVPR 2017."""
    return ((sr - hr).square() + CHARBONNIER_EPS).sqrt().mean()


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {"l1": l1_loss, "l2": mse_loss, "charbonnier": charbonnier}
)
"""By the recipe's names."""


def learning_rate(stage: TrainingStage, spent: float) -> float:
    """Return the learning rate at a share of the stage, 0.0 at its beginning and 1.0 at its end.

    Cosine is that of Loshchilov, Hutter: SGDR, ICLR 2017, one cycle without restarts.
    """
    iteration = spent * stage.iterations
    if iteration < stage.warm_up:
        return stage.lr * (iteration + 1) / (stage.warm_up + 1)
    if stage.schedule == "step":
        return stage.lr * stage.factor ** bisect_right(stage.milestones, iteration)
    if stage.schedule == "cosine":
        share = (iteration - stage.warm_up) / max(stage.iterations - stage.warm_up, 1)
        half = 0.5 * (1 + math.cos(math.pi * share))
        return stage.final_lr + (stage.lr - stage.final_lr) * half
    return stage.lr


def averaging(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Return the exponential moving average of weights, over few steps at first.

    The decay grows as in TensorFlow's ExponentialMovingAverage, so that the random weights of
    the beginning are soon forgotten.
    """

    def average(averaged: Tensor, weights: Tensor, count: Tensor | int) -> Tensor:
        now = min(decay, (1 + int(count)) / (10 + int(count)))
        return averaged.lerp(weights, 1 - now)

    return average
