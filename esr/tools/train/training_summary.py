"""From a run to the report that stays with its checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from esr.base.sha256 import hash_file
from esr.evaluate.provenance import now
from esr.images.metrics import METRICS
from esr.images.resample import imresize_uint8
from esr.measure.device import backend
from esr.tools.train.recipe import Recipe, TrainingStage
from esr.tools.train.training_data import TrainingPair
from esr.tools.train.training_report import StageReport, TrainingReport
from esr.tools.train.training_set import TrainingSet


def stage_report(
    stage: TrainingStage, name: str, iterations: int, seconds: float, network: nn.Module
) -> StageReport:
    """Describe one training as it ran."""
    return StageReport(
        name=name,
        loss=stage.loss,
        optimizer=f"Adam, betas {stage.betas[0]:g} and {stage.betas[1]:g}",
        schedule=describe_schedule(stage),
        iterations=iterations,
        batch_size=stage.batch_size,
        hr_patch_px=stage.hr_patch_px,
        minutes=seconds / 60,
        params=sum(parameter.numel() for parameter in network.parameters()),
        start=stage.start,
    )


def describe_schedule(stage: TrainingStage) -> str:
    """Say how the learning rate goes, in shares of the steps that were taken."""
    rate = f"{stage.schedule} from {stage.lr:g}"
    if stage.schedule == "cosine":
        rate += f" to {stage.final_lr:g}"
    if stage.schedule == "step":
        shares = (f"{100 * at / stage.iterations:.3g}" for at in stage.milestones)
        rate += f", times {stage.factor:g} at {', '.join(shares)} % of the steps"
    if stage.warm_up:
        # Of a stage that minutes cut short, the recipe's iterations are not those that were run.
        rate += f", warm-up for {100 * stage.warm_up / stage.iterations:.3g} % of the steps"
    return rate


def bicubic_psnr(pairs: Sequence[TrainingPair], scale: int) -> float:
    """Return the mean RGB PSNR in dB of bicubic, `scale` pixels of border left out."""
    score = METRICS["psnr"].function
    return float(np.mean([score(imresize_uint8(p.lr, scale), p.hr, scale) for p in pairs]))


@dataclass(frozen=True)
class Setting:
    """What the command says of a run."""

    recipe_file: str
    profile: str
    command: str
    seed: int
    device: torch.device
    git_commit: str | None
    """When it began."""


def summarise(
    legs: list[StageReport],
    psnr_db: float,
    recipe: Recipe,
    data: TrainingSet,
    checkpoint: Path,
    setting: Setting,
) -> TrainingReport:
    """Describe a training whose checkpoint is written."""
    return TrainingReport(
        checkpoint=checkpoint.name,
        sha256=hash_file(checkpoint),
        size_bytes=checkpoint.stat().st_size,
        model=recipe.model,
        scale=data.scale,
        recipe=setting.recipe_file,
        profile=setting.profile,
        program="train.py",
        command=setting.command,
        git_commit=setting.git_commit,
        date=now(),
        torch=torch.__version__,
        hardware=backend(setting.device).name(setting.device),
        threads=torch.get_num_threads(),
        seed=setting.seed,
        minutes=sum(leg.minutes for leg in legs),
        data=data.used,
        stages=legs,
        held_out_psnr_db=psnr_db,
        held_out_bicubic_db=bicubic_psnr(data.held, data.scale),
        remarks=recipe.remarks(setting.profile),
    )
