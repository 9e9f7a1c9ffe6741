"""A network in training: its state, one step of it, schedule, validation, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss
from torch.optim.swa_utils import AveragedModel

from utils import network as networks
from utils import utils_image
from utils.errors import UserError
from utils.sidecar import Sidecar, read_sidecar
from utils.submission import Submission
from utils.training_data import Image, Sampler, TrainingPair, stack

CLIP_NORM = 1.0
"""Longest gradient. In 0..255 their lengths differ a hundredfold between batches; cutting nearly
all of them to one length brought RFDN 0.17 dB in its first two minutes."""

EMA_DECAY = 0.999
"""Weight of the past in the moving average of the weights, per step."""

WARM_UP = 0.02
"""Share of the budget during which the learning rate rises."""

WEIGHTS, STATE = "weights.pth", "state.pt"
"""Files of a training folder: averaged weights as a plain state_dict; all that resuming needs."""


@dataclass(frozen=True)
class Budget:
    """How long to train; what is spent first ends it."""

    iterations: float = math.inf
    minutes: float = math.inf
    """Of training steps; validation is not counted."""

    def spent(self, iteration: int, seconds: float) -> float:
        """Return the share of the budget that is spent, 1.0 at its end."""
        return min(1.0, max(iteration / self.iterations, seconds / 60 / self.minutes))


def learning_rate(peak: float, spent: float) -> float:
    """Return the learning rate at a share of the budget: a linear rise, then half a cosine.

    Loshchilov, Hutter: SGDR, ICLR 2017, one cycle without restarts.
    """
    if spent < WARM_UP:
        return peak * max(spent / WARM_UP, 0.005)
    return peak * 0.5 * (1 + math.cos(math.pi * (spent - WARM_UP) / (1 - WARM_UP)))


def moving_average(average: Tensor, weights: Tensor, count: Tensor | int) -> Tensor:
    """Return the exponential moving average after `count` updates, over few steps at first."""
    decay = min(EMA_DECAY, (1 + int(count)) / (10 + int(count)))
    return average.lerp(weights, 1 - decay)


class Trainer:
    """A network, its optimizer and its averaged weights, and how far they have come."""

    def __init__(self, network: nn.Module, sidecar: Sidecar, device: torch.device) -> None:
        self.sidecar = sidecar
        self.device = device
        self.network = network.to(device)
        # A step of RFDN takes a third less time on a CPU than in PyTorch's default layout.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = AveragedModel(self.network, avg_fn=moving_average)
        self.optimizer = torch.optim.Adam(self.network.parameters())
        self.scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
        self.iteration = 0
        self.seconds = 0.0

    def step(self, sampler: Sampler, rate: float) -> float:
        """Train on the next batch and return its L1 loss in levels of 0..255."""
        started = time.perf_counter()
        self.network.train()
        lr, hr = (batch.to(self.device) for batch in sampler.batch(self.iteration))
        levels = 255 / self.sidecar.data_range
        with torch.autocast(self.device.type, torch.float16, enabled=self.scaler.is_enabled()):
            sr = self.network(lr.to(memory_format=torch.channels_last) / levels)
        loss = l1_loss(sr.float() * levels, hr)
        self._descend(loss, rate)
        self.ema.update_parameters(self.network)
        value = loss.item()
        self.iteration += 1
        self.seconds += time.perf_counter() - started
        return value

    def _descend(self, loss: Tensor, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP_NORM)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    @torch.no_grad()
    def restore(self, lr: Image) -> Image:
        """Return the SR image of one LR image, made with the averaged weights."""
        levels = 255 / self.sidecar.data_range
        self.ema.eval()
        sr: Tensor = self.ema(stack([lr]).to(self.device) / levels)[0] * levels
        pixels: Image = sr.clamp(0, 255).round().byte().permute(1, 2, 0).cpu().numpy()
        return pixels

    def psnr(self, pairs: Sequence[TrainingPair]) -> float:
        """Return the mean RGB PSNR in dB of uint8 images, `scale` pixels of border left out."""
        border = self.sidecar.scale
        scores = [
            utils_image.calculate_psnr(self.restore(pair.lr), pair.hr, border) for pair in pairs
        ]
        return float(np.mean(scores))

    def save(self, folder: Path) -> None:
        """Write the averaged weights and everything that `resume` needs."""
        weights = self.ema.module.state_dict()
        write({key: t.cpu().contiguous() for key, t in weights.items()}, folder / WEIGHTS)
        state = {name: part.state_dict() for name, part in self._parts().items()}
        write({**state, "iteration": self.iteration, "seconds": self.seconds}, folder / STATE)

    def resume(self, folder: Path) -> None:
        """Go on from what `save` wrote.

        Raises:
            UserError: it wrote nothing there.
        """
        file = folder / STATE
        if not file.is_file():
            raise UserError("there is nothing to resume", where=file)
        state = torch.load(file, map_location=self.device, weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.iteration, self.seconds = state["iteration"], state["seconds"]

    def _parts(self) -> dict[str, Any]:
        names = ("network", "ema", "optimizer", "scaler")
        return {name: getattr(self, name) for name in names}


def build(model_file: Path, device: torch.device) -> Trainer:
    """Build the network of a model file with its own initialisation.

    Raises:
        UserError: there is no such file, or it holds no network.
    """
    if not model_file.is_file():
        raise UserError("no such file", where=f"--model_file {model_file}")
    sidecar = read_sidecar(model_file.with_suffix(".toml"))
    submission = Submission(0, model_file.stem, model_file, None, sidecar)
    return Trainer(networks.build(networks.import_model(model_file), submission), sidecar, device)


def write(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint so that a reader finds the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    torch.save(state, partial)
    partial.replace(path)
