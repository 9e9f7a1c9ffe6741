"""A copy of the harness in a temporary folder, with submissions and images of the test's own."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]

BY_TIME = ("outside_pytorch", "other_threads")
"""Flags that are shares of a pass's time: on a busy machine an honest network may have them."""

PATIENCE_S = 1800
"""What a program may take before a test gives it up for hung; no test is about time."""

TINY = """
import torch
from torch import nn


class Tiny(nn.Module):
    def __init__(self, upscale=4):
        super().__init__()
        self.body = nn.Conv2d(3, 3 * upscale**2, 3, padding=1)
        self.up = nn.PixelShuffle(upscale)

    def forward(self, x):
        return {returned}
"""


def tiny(returned: str = "self.up(self.body(x))", before: str = "") -> str:
    """Source of a network in the official style; `returned` is what its forward pass returns."""
    source = TINY.format(returned=returned)
    return (
        source.replace("        return ", f"        {before}\n        return ")
        if before
        else source
    )


def nearest_state(scale: int = 4) -> dict[str, torch.Tensor]:
    """Weights that make `Tiny` repeat every LR pixel scale x scale times."""
    weight = torch.zeros(3 * scale**2, 3, 3, 3)
    for channel in range(3):
        weight[channel * scale**2 : (channel + 1) * scale**2, channel, 1, 1] = 1.0
    return {"body.weight": weight, "body.bias": torch.zeros(3 * scale**2)}


def run_command(
    harness: Path, *arguments: str, cwd: Path, timeout: float = PATIENCE_S
) -> subprocess.CompletedProcess[str]:
    """Run `test_demo.py` of a harness as a user would, from another folder."""
    return subprocess.run(
        [sys.executable, str(harness / "test_demo.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
    )


def run_program(program: str) -> str:
    """Run a program in a Python of its own, which must end well, and take what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def zip_bytes(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """Pack an archive of files by their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class Harness:
    """The real command line over `models/`, `model_zoo/` and data that a test writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results = path / "results"
        for folder in ("models", "model_zoo"):
            (path / folder).mkdir(parents=True)
        shutil.copy(ROOT / "test_demo.py", path)
        # With the bytecode, which is valid for the copies: every process would compile it anew.
        half_written = shutil.ignore_patterns("*.pyc.*")
        for folder in ("esr", "utils"):
            shutil.copytree(ROOT / folder, path / folder, ignore=half_written)

    def add(
        self,
        stem: str,
        source: str | None = None,
        state: object | None = None,
        sidecar: str | None = None,
        checkpoint: str | None = None,
    ) -> None:
        """Add a submission: model file, checkpoint, and a sidecar where one is given."""
        (self.path / "models" / f"{stem}.py").write_text(source or tiny())
        if sidecar is not None:
            (self.path / "models" / f"{stem}.toml").write_text(sidecar)
        state = nearest_state() if state is None else state
        torch.save(state, self.path / "model_zoo" / (checkpoint or f"{stem}.pth"))

    def count_at(self, side: int) -> None:
        """Count on smaller images than the official 256 x 256, which takes most of the time.

        For runs in which nobody looks at what is counted.
        """
        protocol = self.path / "esr" / "challenge" / "protocol.py"
        source, official = protocol.read_text(), "COMPLEXITY_INPUT = (3, 256, 256)"
        assert source.count(official) == 1
        protocol.write_text(source.replace(official, f"COMPLEXITY_INPUT = (3, {side}, {side})"))

    def run(self, *arguments: str, timeout: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
        """Run `test_demo.py` as a user would, from another folder."""
        return run_command(self.path, *arguments, cwd=self.path.parent, timeout=timeout)

    def rows(self, save_dir: Path | None = None) -> dict[str, dict[str, str]]:
        """Read leaderboard.csv by model; a column that no row fills is left out, and reads empty."""
        with ((save_dir or self.results) / "leaderboard.csv").open(newline="") as file:
            return {row["Model"]: defaultdict(str, row) for row in csv.DictReader(file)}

    def record(self, label: str) -> dict:
        """Read a record as plain JSON."""
        return json.loads((self.results / "records" / f"{label}.json").read_text())


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an RGB, grey or RGBA array with OpenCV, not with the code under test."""
    path.parent.mkdir(parents=True, exist_ok=True)
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    if image.ndim == 3:
        image = cv2.cvtColor(image, order[image.shape[2]])
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def smooth_image(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A natural-looking uint8 RGB image of shape (height, width, 3)."""
    noise = np.random.default_rng(seed).normal(size=(height // 8 + 2, width // 8 + 2, 3))
    large = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 50 * large, 0, 255).astype(np.uint8)


def write_pairs(folder: Path, names: tuple[str, ...] = ("a", "b"), scale: int = 4) -> None:
    """Write HR/NAME.png and LR_bicubic/X{scale}/NAMEx{scale}.png; LR pixels are every scale-th of HR."""
    for seed, name in enumerate(names):
        hr = smooth_image(24 * scale, (20 + seed) * scale, seed)
        lr = hr[::scale, ::scale]
        write_image(folder / "HR" / f"{name}.png", hr)
        write_image(folder / "LR_bicubic" / f"X{scale}" / f"{name}x{scale}.png", lr)
