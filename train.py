"""Train a submission's network as its recipe says: `python train.py recipes/team09_MDRN.toml`.

LR images are made from the HR images with MATLAB's bicubic kernel. The folder `--out` receives the
checkpoint in the form that ships, the report of its training, and the log of losses and PSNR.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

if getattr(sys.flags, "safe_path", sys.flags.isolated):
    # With -I, -P or PYTHONSAFEPATH Python does not look beside its program.
    sys.path.insert(0, str(Path(__file__).resolve().parent))

import esr.base.prerequisites  # noqa: F401  # Before what needs them.
from esr.base.interruption import end_at_once

if __name__ == "__main__":
    end_at_once()

# isort: split
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from torch import nn

from esr.base import json_file
from esr.base.command import Parser, command
from esr.base.errors import UserError
from esr.evaluate.provenance import git_commit
from esr.measure.device import resolve
from esr.tools.train.recipe import Recipe, read_recipe
from esr.tools.train.trainer import Trainer, plain, write
from esr.tools.train.training_network import (
    ModelForms,
    check_stages,
    import_forms,
    run_stage,
    shipped,
)
from esr.tools.train.training_run import LOG, Run, identity_of
from esr.tools.train.training_set import TrainingSet, on_disk, smoke_recipe, synthetic
from esr.tools.train.training_summary import Setting, summarise

ROOT = Path(__file__).resolve().parent
BAR = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(description="Train a network as its recipe says.")
    add = parser.add_argument
    add("recipe", type=Path, help="such as recipes/team09_MDRN.toml")
    add("--data_dir", type=Path, nargs="+", default=[], help="where the recipe's folders are")
    add("--out", type=Path, help="folder for everything written (default: runs/RECIPE)")
    add("--profile", default="", help="another budget of the recipe, such as cpu")
    add("--smoke", action="store_true", help="seconds on tiny synthetic images, every stage")
    add("--resume", action="store_true", help="go on with what is in --out")
    add("--seed", type=int, default=0, help="of initialisation and crops (default: 0)")
    add("--threads", type=_count, help="CPU threads of PyTorch")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add("--save_every", type=float, default=120.0, help="seconds between saves (default: 120)")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not above 0")
    return value


def train(options: argparse.Namespace, arguments: Sequence[str]) -> None:
    """Go through the stages of a recipe, and write the checkpoint and its report."""
    torch.set_num_threads(options.threads or torch.get_num_threads())
    setting = Setting(
        recipe_file=f"recipes/{options.recipe.name}",
        profile="smoke" if options.smoke else options.profile,
        command=shlex.join(["python", "train.py", *arguments]),
        seed=options.seed,
        device=resolve(options.device),
        git_commit=git_commit(ROOT),
    )
    recipe = read_recipe(options.recipe, options.profile)
    models = import_forms(recipe.model, ROOT)
    check_stages(recipe, models)
    out: Path = options.out or Path("runs") / options.recipe.stem
    claim(out, resume=options.resume)
    sidecar = models.in_form(None)
    recipe, data = images(recipe, sidecar.scale, out, options)
    identity = identity_of(recipe, data.files, setting.seed)
    with shown() as progress:
        run = Run(out, sidecar, setting.device, identity, data.held, options.save_every, progress)
        network = through_the_stages(recipe, models, data, run, setting.seed)
    checkpoint = out / models.checkpoint
    write(plain(shipped(network, recipe, models)), checkpoint)
    report = summarise(run.legs, run.psnr_db, recipe, data, checkpoint, setting)
    json_file.dump(report, checkpoint.with_suffix(".json"))
    sys.stderr.write(f"{checkpoint}: {run.psnr_db:.3f} dB on the images held out\n")


def images(
    recipe: Recipe, scale: int, out: Path, options: argparse.Namespace
) -> tuple[Recipe, TrainingSet]:
    """Return the recipe that is run, and its images."""
    if options.smoke:
        recipe = smoke_recipe(recipe, scale)
        return recipe, synthetic(recipe, scale)
    return recipe, on_disk(recipe, options.data_dir, scale, out / "cache")


def through_the_stages(
    recipe: Recipe, models: ModelForms, data: TrainingSet, run: Run, seed: int
) -> nn.Module:
    """Train each stage's network, the next one from where the last one ended."""
    torch.manual_seed(seed)
    samplers = [data.sampler(stage, seed) for stage in recipe.stages]
    network: nn.Module | None = None
    for stage, sampler in zip(recipe.stages, samplers, strict=True):
        fit = partial(run.train, stage=stage, sampler=sampler)
        network = run_stage(stage, network, models, fit)
    assert network is not None, "a recipe has stages"
    return network


def claim(out: Path, *, resume: bool) -> None:
    """Make sure that a run neither ends another one nor goes on with nothing.

    Raises:
        UserError: it would.
    """
    begun = (out / LOG).is_file()
    if resume and not begun:
        raise UserError("there is nothing to resume", where=out)
    if begun and not resume:
        raise UserError("holds a run", where=out, remedy="give --resume or another --out")
    out.mkdir(parents=True, exist_ok=True)


@contextmanager
def shown() -> Iterator[Callable[[str, Trainer], None]]:
    """Show a progress bar on a terminal."""
    console = Console(stderr=True)
    with Progress(*BAR, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("training", total=1.0)
        yield lambda name, trainer: bar.update(task, completed=trainer.spent, description=name)


@command(interrupted="--resume goes on from the last save")
def main(arguments: list[str]) -> None:
    """Run the command."""
    train(parse(arguments), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
