"""A recipe from its first stage to its checkpoint, through interruptions."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from esr.base.errors import UserError
from esr.base.sha256 import hash_text
from esr.submissions.sidecar import Sidecar
from esr.tools.train.recipe import Recipe, TrainingStage
from esr.tools.train.trainer import Trainer, write
from esr.tools.train.training_data import Sampler, TrainingPair
from esr.tools.train.training_report import StageReport
from esr.tools.train.training_summary import stage_report

STATE, LOG = "state.pt", "log.csv"
"""Files of a run: all that going on needs; loss and PSNR line by line."""

COLUMNS = ("stage", "iteration", "lr", "loss", "psnr_db", "minutes")
LOGGED, VALIDATED = 200, 10
"""Lines of the log a stage, and how many of them hold a PSNR."""

Progress = Callable[[str, Trainer], None]
"""(stage, its trainer) -> shows how far it is."""


@dataclass
class Run:
    """Trains one network after the other and remembers on disk which are done.

    A run that was killed is repeated from the beginning, except that a network whose training
    is done gets its weights, and one under way its whole state.
    """

    folder: Path
    sidecar: Sidecar
    device: torch.device
    identity: str
    """Of recipe, profile and seed: a run goes on only as what it began."""
    held: Sequence[TrainingPair]
    save_every: float
    """Seconds of training between two saves."""
    progress: Progress
    legs: list[StageReport] = field(default_factory=list)
    """Trainings of one network that are done; a pruning stage has one after each step."""
    psnr_db: float = math.nan
    """Of the last of those, on what was held out."""
    logged: int = 0
    """Bytes of the log that are about those."""

    def train(
        self, network: nn.Module, name: str, *, stage: TrainingStage, sampler: Sampler
    ) -> None:
        """Train a network in place, or give it what an earlier run trained it to."""
        done = self.folder / f"done_{len(self.legs):02d}.pt"
        trainer = Trainer(network, self.sidecar, stage, self.device)
        if done.is_file():
            state = self._load(done)
            network.load_state_dict(state["network"])
        else:
            state = self._go_on(trainer, name, sampler)
            write(state, done)
        self.logged, self.psnr_db = state["log_bytes"], state["psnr"]
        leg = stage_report(stage, name, state["iteration"], state["seconds"], network)
        self.legs.append(leg)

    def _go_on(self, trainer: Trainer, name: str, sampler: Sampler) -> dict[str, Any]:
        self._resume(trainer)
        saved, losses = trainer.seconds, list[float]()
        with closing(sampler.batches(trainer.iteration)) as batches:
            while trainer.spent < 1.0:
                before, rate = trainer.spent, trainer.rate
                losses.append(trainer.step(next(batches)))
                self.progress(name, trainer)
                if not _passed(before, trainer.spent, LOGGED):
                    continue
                validate = _passed(before, trainer.spent, VALIDATED)
                psnr = trainer.psnr(self.held) if validate else None
                self._log(trainer, name, (rate, sum(losses) / len(losses), psnr))
                losses.clear()
                if trainer.seconds - saved >= self.save_every:
                    write({**trainer.state(), **self._place()}, self.folder / STATE)
                    saved = trainer.seconds
        psnr = trainer.psnr(self.held)
        trainer.network.load_state_dict(trainer.result.state_dict())
        done = {"network": trainer.network.state_dict(), "psnr": psnr, **self._place()}
        return {**done, "iteration": trainer.iteration, "seconds": trainer.seconds}

    def _place(self) -> dict[str, Any]:
        log = self.folder / LOG
        size = log.stat().st_size if log.is_file() else 0
        return {"identity": self.identity, "leg": len(self.legs), "log_bytes": size}

    def _resume(self, trainer: Trainer) -> None:
        file, logged = self.folder / STATE, self.logged
        state = self._load(file) if file.is_file() else None
        if state is not None and state["leg"] == len(self.legs):
            trainer.resume(state)
            logged = state["log_bytes"]
        # Lines after the last save are of steps that are about to be taken again.
        with (self.folder / LOG).open("ab") as log:
            log.truncate(logged)

    def _load(self, file: Path) -> dict[str, Any]:
        state: dict[str, Any] = torch.load(file, map_location=self.device, weights_only=True)
        if state["identity"] != self.identity:
            raise UserError(
                "is of another recipe, profile, data or seed",
                where=file,
                remedy="choose another --out",
            )
        return state

    def _log(self, trainer: Trainer, name: str, values: tuple[float, float, float | None]) -> None:
        file = self.folder / LOG
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        if not file.is_file() or not file.stat().st_size:
            rows.writerow(COLUMNS)
        rows.writerow([name, trainer.iteration, *values, trainer.seconds / 60])
        with file.open("a", encoding="utf-8") as log:
            log.write(text.getvalue())


def identity_of(recipe: Recipe, files: Sequence[Path], seed: int) -> str:
    """Return a text that tells two runs apart that must not be mixed."""
    names = " ".join(str(file) for file in files)
    return hash_text(f"{json.dumps(asdict(recipe), sort_keys=True)} {seed} {names}")


def _passed(before: float, after: float, parts: int) -> bool:
    return int(after * parts + 1e-9) > int(before * parts + 1e-9)
