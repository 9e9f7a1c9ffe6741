"""How a network is trained, as data: `recipes/team09_MDRN.toml`.

A recipe is what the factsheet says. A profile replaces some of its values, such as patch size and
length, where there is no cluster; what it leaves out stays.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass as validated

from esr.base.errors import UserError
from esr.base.toml_file import STRICT, check_tables, read_tables

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]

SCRATCH, PREVIOUS, MERGED, PRUNED = "scratch", "previous", "merged", "pruned"


@validated(frozen=True, config=STRICT)
class RecipeSource:
    """A folder of HR images below `--data_dir`."""

    folder: str
    first: Count | None = None
    """Only so many of its files, in the order of their names."""


@validated(frozen=True, config=STRICT)
class TrainingStage:
    """One training; table `[[stages]]`."""

    name: str
    start: str
    """Weights at the beginning: `scratch`, `previous`; `merged`, the previous network's branches
    in one; `pruned`, the previous network thinned out; or a file name in `model_zoo/`."""
    data: Annotated[list[RecipeSource], Field(min_length=1)]
    loss: Literal["l1", "l2", "charbonnier"]
    lr: Rate
    """Learning rate at the beginning, after the warm-up."""
    hr_patch_px: Count
    """Side of a crop in HR pixels."""
    batch_size: Count
    iterations: Count
    """Steps; `minutes` may end them earlier."""
    form: str | None = None
    """Form of the sidecar that is trained; without it the one that ships. Only where it starts."""
    keep: Share | None = None
    """Part of the channels that pruning leaves, of the network that `start = "pruned"` met."""
    prune_steps: Count = 1
    """Prunings on the way, each followed by `iterations` steps of training."""
    betas: Annotated[list[float], Field(min_length=2, max_length=2)] = field(
        default_factory=lambda: [0.9, 0.999]
    )
    """Of Adam."""
    schedule: Literal["constant", "step", "cosine"] = "constant"
    milestones: list[Count] = field(default_factory=list)
    """Iterations at which `step` multiplies the learning rate by `factor`."""
    factor: Share = 0.5
    final_lr: Annotated[float, Field(ge=0)] = 0.0
    """Where `cosine` ends."""
    warm_up: Annotated[int, Field(ge=0)] = 0
    """Iterations during which the learning rate rises linearly."""
    minutes: Rate | None = None
    """Of training; a stage cut short runs through its schedule faster, up to its end. How many
    steps that gives depends on the machine, so only a run without it can be repeated bit by bit."""
    ema: Share | None = None
    """Weight of the past in a moving average of the weights, a step; without it none is kept."""
    clip_norm: Rate | None = None
    """Longest gradient; without it any."""
    flips: bool = True
    rotations: bool = True
    """By 90 degrees."""


@validated(frozen=True, config=STRICT)
class Profile:
    """Another budget; table `[profiles.NAME]`."""

    common: dict[str, Any] = field(default_factory=dict)
    """Values that replace those of every stage."""
    stages: list[dict[str, Any]] = field(default_factory=list)
    """Values that replace those of the first stage, the second and so on."""
    remarks: list[str] = field(default_factory=list)
    """What is weaker than the recipe, a sentence each."""


@validated(frozen=True, config=STRICT)
class Recipe:
    """`recipes/team{NN}_{Name}.toml`."""

    model: str
    """Stem of the model file: `team09_MDRN`."""
    stages: Annotated[list[TrainingStage], Field(min_length=1)]
    held_out: Count = 6
    """Images kept for validation, spread over those of the first stage."""
    untrained: str | None = None
    """Parts of the shipped form, by a piece of their names, that training leaves as they were
    initialised because they have no effect."""
    profiles: dict[str, Profile] = field(default_factory=dict)

    def remarks(self, profile: str) -> list[str]:
        """Return what is to be said of a profile; the recipe itself has the empty name."""
        return self.profiles[profile].remarks if profile in self.profiles else []


def read_recipe(path: Path, profile: str = "") -> Recipe:
    """Read a recipe with the values of a profile in their places.

    Raises:
        UserError: not TOML, an unknown key, a value that does not fit, or no such profile.
    """
    data = read_tables(path, path.name)
    recipe = _validated(data, path)
    variants = {name: _replaced(recipe, data, name, path) for name in recipe.profiles}
    if profile and profile not in variants:
        known = ", ".join(variants) or "none"
        raise UserError(f"has no profile '{profile}'; it has: {known}", where=path.name)
    return variants.get(profile, recipe)


def _validated(data: dict[str, Any], path: Path) -> Recipe:
    recipe = check_tables(Recipe, data, path.name)
    for position, stage in enumerate(recipe.stages):
        where = f"{path.name}, stage {stage.name}"
        if position == 0 and stage.start in (PREVIOUS, MERGED, PRUNED):
            raise UserError(f"nothing comes before what starts as '{stage.start}'", where=where)
        if (stage.keep is not None) != (stage.start == PRUNED):
            raise UserError("keep belongs to start = 'pruned', and only there", where=where)
        if bool(stage.milestones) != (stage.schedule == "step"):
            raise UserError("milestones belong to schedule = 'step', and only there", where=where)
    return recipe


def _replaced(recipe: Recipe, data: dict[str, Any], name: str, path: Path) -> Recipe:
    profile = recipe.profiles[name]
    if profile.stages and len(profile.stages) != len(recipe.stages):
        raise UserError(
            f"profile {name} has {len(profile.stages)} stages, the recipe {len(recipe.stages)}",
            where=path.name,
        )
    overrides = profile.stages or [{}] * len(recipe.stages)
    stages = [
        {**stage, **profile.common, **values}
        for stage, values in zip(data["stages"], overrides, strict=True)
    ]
    return _validated({**data, "stages": stages}, path)
