"""Perceptual metrics in a process of their own: `perceptual_helper FOLDER`.

PyTorch is not imported by whoever judges. torchmetrics has the weights of LPIPS and DISTS
themselves; those of the networks below them, AlexNet and VGG-16 trained on ImageNet, are
torchvision's and must lie in the cache of PyTorch: nothing is downloaded in a measurement.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from esr.base import json_file
from esr.base.errors import UserError

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


@dataclass(frozen=True)
class PerceptualAnswer:
    """A value for every pair."""

    values: dict[str, tuple[float, ...]]
    """By the name of the metric."""


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


def check(names: tuple[str, ...]) -> None:
    """Make sure that metrics can be calculated here.

    Raises:
        UserError: the library, torchvision or weights are missing.
    """
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


def calculate(request: PerceptualRequest) -> PerceptualAnswer:
    """Compare every pair by every metric.

    Raises:
        UserError: the library cannot be imported or fails.
    """
    check(request.names)
    try:
        return PerceptualAnswer({name: _values(name, request) for name in request.names})
    except UserError:
        raise
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
            check(tuple(name for name in arguments[1:] if name in NAMES))
            return 0
        folder = Path(arguments[0])
        answer = calculate(json_file.load(PerceptualRequest, folder / "request.json"))
        json_file.dump(answer, folder / "answer.json")
    except UserError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
