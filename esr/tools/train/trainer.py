"""A network in training: loss, learning rate, one step, averaged weights, validation, state."""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss
from torch.optim.swa_utils import AveragedModel

from esr.base import json_file
from esr.base.errors import UserError
from esr.images import Image
from esr.images.metrics import METRICS
from esr.submissions.sidecar import Sidecar
from esr.tools.train.recipe import TrainingStage
from esr.tools.train.training_data import TrainingPair, stack

_PARTS = ("network", "ema", "optimizer", "scaler")

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


class Trainer:
    """A network, its optimizer and its averaged weights in one stage, and how far they have come.

    Args:
        network: is trained in place.
        sidecar: its data range and scale.
        stage: loss, optimizer, schedule and budget.
        device: where to train.
    """

    def __init__(
        self, network: nn.Module, sidecar: Sidecar, stage: TrainingStage, device: torch.device
    ) -> None:
        self.sidecar, self.stage, self.device = sidecar, stage, device
        self.network = network.to(device)
        # A step of RFDN takes a third less time on a CPU than in PyTorch's default layout.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Without averaging the latest weights are all there is.
        self.ema = AveragedModel(self.network, avg_fn=averaging(stage.ema or 1e-30))
        betas = (stage.betas[0], stage.betas[1])
        self.optimizer = torch.optim.Adam(self.network.parameters(), stage.lr, betas)
        self.scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
        self.iteration = 0
        self.seconds = 0.0

    @property
    def spent(self) -> float:
        """Share of the stage that is behind, 1.0 at its end."""
        share = self.iteration / self.stage.iterations
        if self.stage.minutes is not None:
            share = max(share, self.seconds / 60 / self.stage.minutes)
        return min(1.0, share)

    @property
    def rate(self) -> float:
        """Learning rate of the next step."""
        return learning_rate(self.stage, self.spent)

    def step(self, batch: tuple[Tensor, Tensor]) -> float:
        """Train on a batch, in 0..255, and return its loss in the network's own range."""
        started = time.perf_counter()
        self.network.train()
        lr, hr = (self._input(images) for images in batch)
        with torch.autocast(self.device.type, torch.float16, enabled=self.scaler.is_enabled()):
            sr = self.network(lr)
        loss = LOSSES[self.stage.loss](sr.float(), hr)
        self._descend(loss)
        if self.stage.ema is not None:
            self.ema.update_parameters(self.network)
        value = float(loss.item())
        if not math.isfinite(value):
            raise UserError(
                f"the loss is {value} after {self.iteration} steps",
                where=self.stage.name,
                remedy="lower lr or set clip_norm in the recipe",
            )
        self.iteration += 1
        self.seconds += time.perf_counter() - started
        return value

    def _input(self, images: Tensor) -> Tensor:
        # Bytes travel to the device, floats are made there.
        levels = 255 / self.sidecar.data_range
        return images.to(self.device).to(torch.float32, memory_format=torch.channels_last) / levels

    def _descend(self, loss: Tensor) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimizer)
        longest = self.stage.clip_norm or math.inf
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), longest)
        # MDRN's standard deviation has no gradient on a constant map: such a batch teaches nothing.
        # On CUDA the scaler skips it by itself.
        if self.scaler.is_enabled() or norm.isfinite():
            self.scaler.step(self.optimizer)
        self.scaler.update()

    @property
    def result(self) -> nn.Module:
        """The network with the weights that count: the averaged ones where there are such."""
        averaged: nn.Module = self.ema.module
        return self.network if self.stage.ema is None else averaged

    @torch.no_grad()
    def restore(self, lr: Image) -> Image:
        """Return the SR image of one LR image."""
        levels = 255 / self.sidecar.data_range
        sr: Tensor = self.result.eval()(self._input(stack([lr])))[0] * levels
        pixels: Image = sr.clamp(0, 255).round().byte().permute(1, 2, 0).cpu().numpy()
        return pixels

    def psnr(self, pairs: Sequence[TrainingPair]) -> float:
        """Return the mean RGB PSNR in dB of uint8 images, `scale` pixels of border left out."""
        score, border = METRICS["psnr"].function, self.sidecar.scale
        return float(np.mean([score(self.restore(p.lr), p.hr, border) for p in pairs]))

    def state(self) -> dict[str, Any]:
        """Return everything that `resume` needs."""
        state = {name: getattr(self, name).state_dict() for name in _PARTS}
        return {**state, "iteration": self.iteration, "seconds": self.seconds}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        for name in _PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.iteration, self.seconds = state["iteration"], state["seconds"]


def plain(network: nn.Module) -> dict[str, Tensor]:
    """Return the parameters as a flat state_dict on the CPU, in PyTorch's default layout."""
    return {key: value.cpu().contiguous() for key, value in network.state_dict().items()}


def write(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint so that a reader finds the old one or the new one, never a part."""
    with json_file.replacing(path) as file:
        torch.save(state, file)
