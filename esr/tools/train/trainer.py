"""A network in training: its state, one step of it, validation, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from esr.base.errors import UserError
from esr.images import Image
from esr.images.metrics import METRICS
from esr.submissions.sidecar import Sidecar
from esr.tools.train.objective import LOSSES, averaging, learning_rate
from esr.tools.train.recipe import TrainingStage
from esr.tools.train.training_data import TrainingPair, stack

_PARTS = ("network", "ema", "optimizer", "scaler")


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
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    torch.save(state, partial)
    partial.replace(path)
