"""LPIPS, DISTS, NIQE, MUSIQ, MANIQA and CLIP-IQA, through pyiqa where somebody has installed it.

Definition: `eval.py` of zhengchen1999/NTIRE2025_ImageSR_x4 and NTIRE2026_ImageSR_x4. Each metric is
`pyiqa.create_metric(name)` with its defaults, given RGB in [0, 1], the whole image, no border left
out. Official is whatever version was installed; which one it was here, and which weights it read,
stands in the record.

They are calculated in a process of its own, `python -m esr.images.perceptual FOLDER`: PyTorch is
not imported by whoever judges. That process reaches no network: nothing is downloaded in a
measurement, and a metric whose weights are not there is missing. Every image begins with the same
seed, since some metrics look at random crops.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import math
import os
import random
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from esr.base import json_file
from esr.base.errors import UserError, printable_line
from esr.base.house import run_module
from esr.base.scratch import scratch_folder
from esr.base.sha256 import hash_file
from esr.images import Image
from esr.images.perceptual_names import NAMES, OF_PAIRS

SEED = 123
"""Of every image: what pyiqa itself takes where it seeds."""
_LIBRARY = "pyiqa"
_WEIGHTS = (".pth", ".pt", ".mat", ".bin", ".ckpt", ".safetensors", ".npz")
_HOW = "pip install pyiqa with the torchvision that belongs to this torch, and let it fetch weights"


@dataclass(frozen=True)
class WeightFile:
    """A file of weights that the library has read."""

    name: str
    sha256: str


@dataclass(frozen=True)
class PerceptualSource:
    """What perceptual metrics were calculated with."""

    library: str
    """Name and version; empty where it is not installed."""
    device: str
    seed: int = SEED
    weights: tuple[WeightFile, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)
    """Metrics that could not be calculated, and why."""


@dataclass(frozen=True)
class PerceptualRequest:
    """Images to look at."""

    names: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    """(SR, HR) as .npy files, uint8 RGB (H, W, 3)."""
    device: str
    """`cpu`, `cuda`, `cuda:0`, or `auto` for a GPU where there is one."""


@dataclass(frozen=True)
class PerceptualAnswer:
    """What was found."""

    values: dict[str, tuple[float | None, ...]]
    """By the name of the metric, one for every pair; None where it has no value."""
    source: PerceptualSource

    def of_image(self, index: int) -> dict[str, float]:
        """Take the values of one image; what has none is left out."""
        values = {name: of_images[index] for name, of_images in self.values.items()}
        return {name: value for name, value in values.items() if value is not None}


def perceptual_scores(
    names: Sequence[str], pairs: Sequence[tuple[Path, Path]], device: str = "cpu"
) -> PerceptualAnswer:
    """Calculate metrics of all images of a data set, in one process of their own.

    Args:
        names: of `NAMES`; a metric that cannot be had is missing in the answer, and it says why.
        pairs: (SR, HR) as .npy files, checked before.
        device: where the library calculates.

    Raises:
        UserError: the process itself failed.
    """
    files = tuple((str(sr), str(hr)) for sr, hr in pairs)
    with scratch_folder() as folder:
        request = PerceptualRequest(tuple(names), files, device)
        json_file.dump(request, folder / "request.json")
        done = run_module("esr.images.perceptual", str(folder))
        if done.returncode != 0:
            lines = (done.stdout or done.stderr).strip().splitlines()
            what = printable_line(lines[-1]) if lines else "left no answer"
            raise UserError(f"the process of the perceptual metrics failed: {what}")
        return json_file.load(PerceptualAnswer, folder / "answer.json")


def probe(names: Sequence[str], device: str) -> dict[str, str]:
    """Say, before anything is measured, which of these perceptual metrics cannot be had, and why.

    Raises:
        UserError: the process itself failed.
    """
    wanted = [name for name in names if name in NAMES]
    return perceptual_scores(wanted, [], device).source.missing if wanted else {}


def perceptual_score(name: str, sr: Image, hr: Image, border: int) -> float:
    """Calculate one metric of one image; for many, `perceptual_scores` starts one process.

    Raises:
        UserError: it cannot be had, or has no value for this image.
    """
    del border
    with scratch_folder() as folder:
        pair = folder / "sr.npy", folder / "hr.npy"
        for image, file in zip((sr, hr), pair, strict=True):
            np.save(file, image)
        answer = perceptual_scores([name], [pair])
    if (value := answer.of_image(0).get(name)) is None:
        reason = answer.source.missing.get(name, "has no value for this image")
        raise UserError(reason, where=f"--metrics {name}")
    return value


class _Library:
    """pyiqa with the metrics that can be had, in the process of its own."""

    def __init__(self, names: Sequence[str], device: str) -> None:
        self._read: dict[str, None] = {}
        self._metrics: dict[str, Any] = {}
        self._missing: dict[str, str] = {}
        self.device, self.version = device, ""
        if importlib.util.find_spec(_LIBRARY) is None:
            self._missing = dict.fromkeys(names, f"{_LIBRARY} is not installed: {_HOW}")
            return
        with suppress(importlib.metadata.PackageNotFoundError):
            self.version = importlib.metadata.version(_LIBRARY)
        sys.addaudithook(self._note_opened)
        _refuse_network()
        for name in names:
            try:
                self._metrics[name] = self._create(name)
            except Exception as error:  # A library of somebody's own choice may raise anything.
                self._missing[name] = f"{_LIBRARY} cannot make it: {_describe(error)}"

    def _create(self, name: str) -> Any:  # noqa: ANN401
        import torch

        if self.device == "auto":
            self.device = "cuda" if torch.cuda.is_available() else "cpu"
        library = importlib.import_module(_LIBRARY)
        return library.create_metric(name, device=torch.device(self.device))

    def _note_opened(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and str(arguments[0]).endswith(_WEIGHTS):
            self._read[str(arguments[0])] = None

    def score(self, request: PerceptualRequest) -> dict[str, tuple[float | None, ...]]:
        """Calculate every metric that can be had for every pair."""
        scores: dict[str, list[float | None]] = {name: [] for name in self._metrics}
        for sr, hr in request.pairs:
            images = [_load(Path(file), self.device) for file in (sr, hr)]
            for name, metric in self._metrics.items():
                scores[name].append(self._value(metric, images[: 1 + (name in OF_PAIRS)]))
        return {name: tuple(values) for name, values in scores.items()}

    def _value(self, metric: Any, images: Sequence[Any]) -> float | None:  # noqa: ANN401
        import torch

        random.seed(SEED)
        np.random.seed(SEED)
        torch.manual_seed(SEED)
        try:
            with torch.no_grad():
                value = float(metric(*images))
        except Exception as error:  # Too small an image, say: it costs this value.
            sys.stderr.write(f"{_describe(error)}\n")
            return None
        return value if math.isfinite(value) else None

    def describe(self) -> PerceptualSource:
        """Say what was calculated with, and what was not to be had."""
        files = sorted({Path(name).resolve() for name in self._read if Path(name).is_file()})
        weights = tuple(WeightFile(file.name, hash_file(file)) for file in files)
        library = f"{_LIBRARY} {self.version}".strip() if self._metrics else ""
        return PerceptualSource(library, self.device, SEED, weights, self._missing)


def _load(file: Path, device: str) -> Any:  # noqa: ANN401
    import torch

    pixels = np.ascontiguousarray(np.load(file, allow_pickle=False).transpose(2, 0, 1))
    # uint8 to [0, 1], one image in a batch.
    return (torch.from_numpy(pixels)[None].float() / 255).to(device)


def _refuse_network() -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"  # It would try again and again.

    def refuse(*_: object) -> NoReturn:
        raise OSError("its weights are not here, and nothing is downloaded in a measurement")

    for owner, name in ((socket.socket, "connect"), (socket.socket, "connect_ex")):
        setattr(owner, name, refuse)
    vars(socket)["getaddrinfo"] = refuse


def _describe(error: BaseException) -> str:
    """Say in one line what went wrong: what was first, which libraries wrap often."""
    first = error
    while (cause := first.__cause__ or first.__context__) is not None:
        first = cause
    return printable_line(f"{type(first).__name__}: {first}")


def describe_missing(missing: Mapping[str, str]) -> list[str]:
    """Say why metrics are missing, one line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in missing.items():
        by_reason.setdefault(reason, []).append(name)
    return [f"{', '.join(names)} not calculated: {reason}" for reason, names in by_reason.items()]


def main(arguments: list[str]) -> int:
    """Answer the request in a folder."""
    folder = Path(arguments[0])
    request = json_file.load(PerceptualRequest, folder / "request.json")
    library = _Library(request.names, request.device)
    answer = PerceptualAnswer(library.score(request), library.describe())
    json_file.dump(answer, folder / "answer.json")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
