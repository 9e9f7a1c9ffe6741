"""The helper that calculates perceptual metrics, seen from the parent."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from esr.base import json_file
from esr.base.errors import UserError, printable_line
from esr.base.house import run_module
from esr.images import Image
from esr.images.perceptual.perceptual_helper import NAMES, PerceptualAnswer, PerceptualRequest


def check(names: Sequence[str]) -> None:
    """Make sure, before anything is measured, that the perceptual ones of these can be had.

    Raises:
        UserError: the library, torchvision or weights are missing.
    """
    if wanted := [name for name in names if name in NAMES]:
        _run(["--check", *wanted])


def perceptual_scores(
    names: Sequence[str], pairs: Sequence[tuple[Path, Path]], border: int
) -> list[dict[str, float]]:
    """Calculate metrics of all images of a data set, in one process of their own.

    Args:
        names: of `NAMES`.
        pairs: (SR, HR) as .npy files, checked before.
        border: pixels left out on each side.

    Returns:
        The values by metric, in the order of the pairs.

    Raises:
        UserError: the helper cannot calculate them.
    """
    if not names:
        return [{} for _ in pairs]
    files = tuple((str(sr), str(hr)) for sr, hr in pairs)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        json_file.dump(PerceptualRequest(tuple(names), border, files), folder / "request.json")
        _run([name])
        values = json_file.load(PerceptualAnswer, folder / "answer.json").values
    return [{name: values[name][index] for name in names} for index in range(len(pairs))]


def perceptual_score(name: str, sr: Image, hr: Image, border: int) -> float:
    """Calculate one metric of one image; for many, `perceptual_scores` starts one process.

    Raises:
        UserError: the helper cannot calculate it.
    """
    with tempfile.TemporaryDirectory() as folder:
        pair = Path(folder) / "sr.npy", Path(folder) / "hr.npy"
        for image, file in zip((sr, hr), pair, strict=True):
            np.save(file, image)
        return perceptual_scores([name], [pair], border)[0][name]


def _run(arguments: Sequence[str]) -> None:
    done = run_module("esr.images.perceptual.perceptual_helper", *arguments)
    if done.returncode != 0:
        lines = (done.stdout or done.stderr).strip().splitlines()
        raise UserError(printable_line(lines[-1]) if lines else "the perceptual metrics failed")
