"""The networks a recipe passes through: from a form of the submission to the form that ships."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from torch import Tensor, nn

from esr.base.errors import UserError
from esr.measure.loading import network as networks
from esr.submissions.sidecar import Sidecar, read_sidecar
from esr.submissions.submission import Submission
from esr.tools.train.recipe import MERGED, PREVIOUS, PRUNED, SCRATCH, Recipe, TrainingStage

Train = Callable[[nn.Module, str], None]
"""(network, name of what is trained) -> trains it in place."""


@dataclass(frozen=True)
class ModelForms:
    """A model file with all its forms, and where checkpoints to start from lie."""

    file: Path
    module: ModuleType
    sidecar: Sidecar
    zoo: Path

    def in_form(self, form: str | None) -> Sidecar:
        """Return the sidecar in a form, by default the one that ships.

        Raises:
            UserError: there is no such form.
        """
        name = form or next(iter(self.sidecar.forms), None)
        if name is None:
            return self.sidecar
        if name not in self.sidecar.forms:
            known = ", ".join(self.sidecar.forms) or "none"
            raise UserError(f"has no form '{name}'; it has: {known}", where=self.file.stem)
        return self.sidecar.in_form(name)

    def build(self, form: str | None) -> nn.Module:
        """Build the network of a form with its own initialisation."""
        submission = Submission(0, self.file.stem, self.file, None, self.in_form(form))
        return networks.build(self.module, submission)

    @property
    def checkpoint(self) -> str:
        """File name, in `model_zoo/`, of the form that ships."""
        return self.in_form(None).checkpoint or f"{self.file.stem}.pth"


def import_forms(model: str, root: Path) -> ModelForms:
    """Import the model file that a recipe names.

    Raises:
        UserError: there is none.
    """
    file = root / "models" / f"{model}.py"
    if not file.is_file():
        raise UserError("no such model file", where=file)
    sidecar = read_sidecar(file.with_suffix(".toml"))
    return ModelForms(file, networks.import_model(file), sidecar, root / "model_zoo")


def check_stages(recipe: Recipe, models: ModelForms) -> None:
    """Make sure, before hours of training, that every stage can begin.

    Raises:
        UserError: one cannot.
    """
    for stage in recipe.stages:
        models.in_form(stage.form)
        checkpoint = models.zoo / stage.start
        if stage.start not in (SCRATCH, PREVIOUS, MERGED, PRUNED) and not checkpoint.is_file():
            raise UserError("no such checkpoint to start from", where=checkpoint)
        if stage.start == PRUNED and not hasattr(models.module, "prune"):
            raise UserError("offers no way to prune", where=models.file.name)
        if stage.start == PRUNED and importlib.util.find_spec("torch_pruning") is None:
            raise UserError(
                "needs Torch-Pruning",
                where=f"stage {stage.name}",
                remedy="pip install torch-pruning",
            )


def run_stage(
    stage: TrainingStage, previous: nn.Module | None, models: ModelForms, train: Train
) -> nn.Module:
    """Make the network of a stage and train it; a pruned one after every step of pruning."""
    if stage.start != PRUNED:
        network = _started(stage, previous, models)
        train(network, stage.name)
        return network
    done = 0

    def tune(network: nn.Module) -> None:
        nonlocal done
        done += 1
        train(network, f"{stage.name} {done} of {stage.prune_steps}")

    thin: nn.Module = models.module.prune(previous, stage.keep, steps=stage.prune_steps, tune=tune)
    return thin


def _started(stage: TrainingStage, previous: nn.Module | None, models: ModelForms) -> nn.Module:
    if stage.start == MERGED and previous is not None:
        return merged(previous)
    if stage.start == PREVIOUS and previous is not None:
        return previous
    network = models.build(stage.form)
    if stage.start != SCRATCH:
        _warm_start(network, models.zoo / stage.start)
    return network


def merged(network: nn.Module) -> nn.Module:
    """Return the network that computes the same with its training branches in one.

    Raises:
        UserError: it cannot be merged.
    """
    deploy: Callable[[], nn.Module] | None = getattr(network, "deploy", None)
    if deploy is None:
        raise UserError(f"{type(network).__name__} has no branches to merge")
    return deploy()


def _warm_start(network: nn.Module, checkpoint: Path) -> None:
    start_from = getattr(network, "start_from", None)
    if start_from is None:
        networks.load(network, checkpoint, strict=True)
        return
    state = networks.canonical(networks.read_checkpoint(checkpoint), checkpoint, ())
    start_from(state)


def shipped(network: nn.Module, recipe: Recipe, models: ModelForms) -> nn.Module:
    """Return a trained network in the form that ships.

    Raises:
        UserError: its parameters are not those of that form.
    """
    target = models.build(None)
    wanted = target.state_dict()
    if network.state_dict().keys() != wanted.keys():
        network = merged(network)
    state: dict[str, Tensor] = network.state_dict()
    left = [key for key in wanted if key not in state]
    foreign = [
        key for key, value in state.items() if key not in wanted or value.shape != wanted[key].shape
    ]
    if foreign or any(recipe.untrained is None or recipe.untrained not in key for key in left):
        raise UserError(
            f"the last stage does not end in the form that ships: {', '.join(left + foreign)}",
            where=recipe.model,
        )
    target.load_state_dict({**wanted, **state})
    return target
