"""LPIPS and DISTS, through torchmetrics where somebody has installed it; nothing needs it.

They are calculated in a process of its own, `python -m esr.images.perceptual FOLDER`: PyTorch is
not imported by whoever judges. torchmetrics has the weights of LPIPS and DISTS themselves; those of
the networks below them, AlexNet and VGG-16 trained on ImageNet, are torchvision's and must lie in
the cache of PyTorch: nothing is downloaded in a measurement.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from esr.base import json_file
from esr.base.errors import UserError, printable_line
from esr.base.house import run_module
from esr.base.scratch import scratch_folder
from esr.images import Image

NAMES = ("lpips", "dists")
"""LPIPS (Zhang et al., 2018) with AlexNet, and DISTS (Ding et al., 2020); less is better."""


@dataclass(frozen=True)
class PerceptualRequest:
    """Pairs of images to compare."""

    names: tuple[str, ...]
    border: int
    """Pixels left out on each side."""
    pairs: tuple[tuple[str, str], ...]
    """(SR, HR) as .npy files, uint8 RGB (H, W, 3)."""


Values = dict[str, tuple[float, ...]]
"""By the name of the metric, one for every pair."""

_WEIGHTS = {"lpips": "alexnet-owt-7be5be79.pth", "dists": "vgg16-397923af.pth"}
_ADDRESS = "https://download.pytorch.org/models/"
_CLASSES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "lpips": (
        "torchmetrics.image.lpip",
        "LearnedPerceptualImagePatchSimilarity",
        {"net_type": "alex", "normalize": True},
    ),
    "dists": ("torchmetrics.image.dists", "DeepImageStructureAndTextureSimilarity", {}),
}


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
    with scratch_folder() as folder:
        json_file.dump(PerceptualRequest(tuple(names), border, files), folder / "request.json")
        _run([str(folder)])
        values = json_file.load(Values, folder / "answer.json")
    return [{name: values[name][index] for name in names} for index in range(len(pairs))]


def perceptual_score(name: str, sr: Image, hr: Image, border: int) -> float:
    """Calculate one metric of one image; for many, `perceptual_scores` starts one process.

    Raises:
        UserError: the helper cannot calculate it.
    """
    with scratch_folder() as folder:
        pair = folder / "sr.npy", folder / "hr.npy"
        for image, file in zip((sr, hr), pair, strict=True):
            np.save(file, image)
        return perceptual_scores([name], [pair], border)[0][name]


def _run(arguments: Sequence[str]) -> None:
    done = run_module("esr.images.perceptual", *arguments)
    if done.returncode != 0:
        lines = (done.stdout or done.stderr).strip().splitlines()
        raise UserError(printable_line(lines[-1]) if lines else "the perceptual metrics failed")


def _require(names: Sequence[str]) -> None:
    where = f"--metrics {' '.join(names)}"
    missing = [
        package
        for package in ("torchmetrics", "torchvision")
        if importlib.util.find_spec(package) is None
    ]
    if missing:
        raise UserError(
            f"{' and '.join(missing)} not installed, which is optional",
            where=where,
            remedy="pip install 'torchmetrics>=1.7' and the torchvision that belongs to this torch",
        )
    for name in names:
        if not (file := _cache() / _WEIGHTS[name]).is_file():
            raise UserError(
                f"the weights {file} are missing, and nothing is downloaded in a measurement",
                where=where,
                remedy=f"put {_ADDRESS}{file.name} there",
            )


def _cache() -> Path:
    # As torch.hub.get_dir(), without importing PyTorch for it.
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", f"{cache}/torch")
    return Path(home).expanduser() / "hub" / "checkpoints"


def _calculate(request: PerceptualRequest) -> Values:
    _require(request.names)
    try:
        return {name: _values(name, request) for name in request.names}
    except Exception as error:  # A library of somebody's own choice may raise anything.
        raise UserError(
            f"torchmetrics failed ({type(error).__name__}: {error})",
            where=f"--metrics {' '.join(request.names)}",
            remedy="check that torchvision belongs to this torch",
        ) from error


def _values(name: str, request: PerceptualRequest) -> tuple[float, ...]:
    import torch

    module, kind, arguments = _CLASSES[name]
    metric = getattr(importlib.import_module(module), kind)(**arguments)

    def image(path: str) -> torch.Tensor:
        pixels = np.load(path, allow_pickle=False)
        height, width = pixels.shape[:2]
        border = request.border
        inner = pixels[border : height - border, border : width - border]
        # uint8 to [0, 1], one image in a batch.
        return torch.from_numpy(np.ascontiguousarray(inner.transpose(2, 0, 1)))[None] / 255

    with torch.no_grad():
        return tuple(float(metric(image(sr), image(hr))) for sr, hr in request.pairs)


def main(arguments: list[str]) -> int:
    """Answer the request in a folder, or check that the named metrics can be calculated."""
    try:
        if arguments[0] == "--check":
            _require(arguments[1:])
            return 0
        folder = Path(arguments[0])
        answer = _calculate(json_file.load(PerceptualRequest, folder / "request.json"))
        json_file.dump(answer, folder / "answer.json")
    except UserError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
