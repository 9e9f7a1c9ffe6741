"""Train a submission's network from scratch on HR images: `python train.py --help`.

LR images are made from the HR images with MATLAB's bicubic kernel. The folder `--out` receives
`weights.pth`, a checkpoint for `model_zoo/`, and `state.pt`, from which `--resume` goes on.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from utils.device import resolve
from utils.errors import ExitCode, UserError
from utils.training import Budget, Trainer, build, learning_rate
from utils.training_data import Sampler, TrainingPair, hold_out, read_pairs

COLUMNS = (TextColumn("training"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train a network from scratch on HR images.")
    add = parser.add_argument
    add("--model_file", type=Path, required=True, help="such as models/team00_RFDN.py")
    add("--data_dir", type=Path, nargs="+", required=True, help="folders of HR *.png")
    add("--out", type=Path, required=True, help="folder for weights.pth and state.pt")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--iterations", type=_count, default=math.inf, help="steps to train for")
    budget.add_argument("--minutes", type=_positive, default=math.inf, help="minutes of steps")
    add("--batch_size", type=_count, default=8, help="crops in a step (default: 8)")
    add("--patch", type=_count, default=24, help="side of a crop in LR pixels (default: 24)")
    add("--lr", type=_positive, default=1e-3, help="peak learning rate (default: 1e-3)")
    add("--hold_out", type=_count, default=6, help="images kept for validation (default: 6)")
    add("--every", type=_positive, default=60.0, help="seconds between validations (default: 60)")
    add("--seed", type=int, default=0, help="of initialisation and crops (default: 0)")
    add("--threads", type=_count, help="CPU threads of PyTorch")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add("--resume", action="store_true", help="go on from state.pt in --out")
    return parser.parse_args(arguments)


def _positive(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"'{text}' is not above 0")
    return value


def _count(text: str) -> int:
    return int(_positive(str(int(text))))


def run(options: argparse.Namespace) -> None:
    """Read the images, build the network, train it."""
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    trainer = build(options.model_file, resolve(options.device))
    if options.resume:
        trainer.resume(options.out)
    files = sorted(file for folder in options.data_dir for file in folder.glob("*.png"))
    kept, held = hold_out(files, options.hold_out)
    pairs, held_pairs = (read_pairs(part, trainer.sidecar.scale) for part in (kept, held))
    sampler = Sampler(pairs, options.batch_size, options.patch, options.seed)
    train(trainer, sampler, held_pairs, options)


def train(
    trainer: Trainer,
    sampler: Sampler,
    held: Sequence[TrainingPair],
    options: argparse.Namespace,
) -> None:
    """Step until the budget is spent; validate and save every so often and at the end."""
    budget = Budget(options.iterations, options.minutes)
    console = Console(stderr=True)
    due, losses = trainer.seconds + options.every, list[float]()
    with Progress(*COLUMNS, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("training", total=1.0)
        while (spent := budget.spent(trainer.iteration, trainer.seconds)) < 1.0:
            losses.append(trainer.step(sampler, learning_rate(options.lr, spent)))
            bar.update(task, completed=spent)
            if trainer.seconds >= due:
                conclude(trainer, held, losses, options.out, console)
                due, losses = trainer.seconds + options.every, []
    if losses:
        conclude(trainer, held, losses, options.out, console)


def conclude(
    trainer: Trainer,
    held: Sequence[TrainingPair],
    losses: Sequence[float],
    folder: Path,
    console: Console,
) -> None:
    """Save, and print how far it is: mean L1 loss since the last line, PSNR of the images held."""
    trainer.save(folder)
    loss = sum(losses) / len(losses)
    console.print(
        f"{trainer.iteration:7d} steps {trainer.seconds / 60:6.1f} min  "
        f"loss {loss:.3f}  PSNR {trainer.psnr(held):.3f} dB",
        highlight=False,
    )


def main(arguments: list[str]) -> int:
    """Run the command; the user's mistakes cost one line."""
    try:
        run(parse(arguments))
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return ExitCode.UNUSABLE
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: --resume goes on from the last save\n")
        return ExitCode.INTERRUPTED
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
