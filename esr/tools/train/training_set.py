"""The images of a recipe: which stage trains on which, and which are held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from esr.base.errors import UserError
from esr.images.resample import imresize_uint8
from esr.tools.train.leakage import check_training_data
from esr.tools.train.recipe import (
    MERGED,
    PREVIOUS,
    PRUNED,
    SCRATCH,
    Recipe,
    RecipeSource,
    TrainingStage,
)
from esr.tools.train.training_data import (
    Sampler,
    TrainingPair,
    find_images,
    hold_out,
    read_pairs,
)
from esr.tools.train.training_report import DataUsed

SMOKE_ITERATIONS, SMOKE_PATCH_PX = 30, 16
"""Steps of a stage, and side of an LR crop, that need seconds on a CPU."""

SMOKE_RATES = {SCRATCH: 4e-4, PREVIOUS: 3e-4, MERGED: 1e-4, PRUNED: 5e-4}
"""Learning rates with which the loss falls in so few steps, by how a stage starts."""


@dataclass(frozen=True)
class TrainingSet:
    """Pairs of LR and HR images, decoded."""

    scale: int
    files: tuple[Path, ...]
    """All of them, those held out too."""
    by_source: Mapping[RecipeSource, Sequence[TrainingPair]]
    held: Sequence[TrainingPair]
    used: list[DataUsed]

    def sampler(self, stage: TrainingStage, seed: int) -> Sampler:
        """Return the crops that a stage trains on.

        Raises:
            UserError: its patch is no multiple of the scale, or larger than an image.
        """
        if stage.hr_patch_px % self.scale:
            raise UserError(
                f"hr_patch_px {stage.hr_patch_px} is no multiple of {self.scale}", where=stage.name
            )
        side = stage.hr_patch_px // self.scale
        pairs = [pair for source in stage.data for pair in self.by_source[source]]
        return Sampler(pairs, stage.batch_size, side, seed, stage.flips, stage.rotations)


def on_disk(recipe: Recipe, data_dirs: Sequence[Path], scale: int, cache: Path) -> TrainingSet:
    """Read the images that the stages of a recipe name.

    Args:
        recipe: names folders.
        data_dirs: where they are looked for.
        scale: factor between HR and LR sides.
        cache: folder for the decoded images.

    Raises:
        UserError: a folder or every image is missing, an image cannot be used or is a test image.
    """
    sources = list(dict.fromkeys(source for stage in recipe.stages for source in stage.data))
    files = {source: find_images(source, data_dirs) for source in sources}
    check_training_data(list(dict.fromkeys(file for part in files.values() for file in part)))
    validated = [file for source in recipe.stages[0].data for file in files[source]]
    held = hold_out(validated, recipe.held_out)
    kept = {source: [file for file in files[source] if file not in held] for source in sources}
    return TrainingSet(
        scale,
        tuple(dict.fromkeys(file for source in sources for file in files[source])),
        {source: read_pairs(kept[source], scale, cache) for source in sources},
        read_pairs(sorted(held), scale, cache),
        [
            DataUsed(source.folder, len(kept[source]), len(files[source]) - len(kept[source]))
            for source in sources
        ],
    )


def smoke_recipe(recipe: Recipe, scale: int) -> Recipe:
    """Return a recipe whose every stage learns one small crop of its own by heart in seconds."""
    stages = [
        replace(
            stage,
            data=[RecipeSource(f"synthetic {position}")],
            iterations=SMOKE_ITERATIONS,
            minutes=None,
            hr_patch_px=SMOKE_PATCH_PX * scale,
            batch_size=1,
            # The rates of a recipe are for a hundred thousand steps.
            lr=SMOKE_RATES.get(stage.start, SMOKE_RATES[PREVIOUS]),
            schedule="constant",
            milestones=[],
            warm_up=0,
            flips=False,
            rotations=False,
            prune_steps=min(stage.prune_steps, 2),
        )
        for position, stage in enumerate(recipe.stages)
    ]
    return replace(recipe, stages=stages)


def synthetic(recipe: Recipe, scale: int) -> TrainingSet:
    """Return one image of the size of a crop for each stage of a smoke recipe."""
    pairs = {
        source: [_pair(position, scale)]
        for position, stage in enumerate(recipe.stages)
        for source in stage.data
    }
    return TrainingSet(scale, (), pairs, pairs[recipe.stages[-1].data[0]], [])


def _pair(position: int, scale: int) -> TrainingPair:
    side = SMOKE_PATCH_PX * scale
    rows, columns = np.rot90(np.mgrid[0:side, 0:side] / side, position, axes=(1, 2))
    planes = [rows, columns, rows * columns]
    image = np.stack([40 + 120 * plane + 60 * (rows > columns) for plane in planes], axis=2)
    hr = np.roll(image, position, axis=2).round().astype(np.uint8)
    return TrainingPair(imresize_uint8(hr, 1 / scale), hr)
