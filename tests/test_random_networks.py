"""Networks that draw random numbers while they restore, measured by the real command."""

from __future__ import annotations

import math
import re

import cv2
import numpy as np
import pytest
import torch
from harness import Harness, smooth_image, tiny, write_pairs

from esr.audit.random_output import PsnrSpread, random_output

DRAWS = tiny("self.up(self.body(x)) + 0.1 * torch.rand(())")
SEEDED = DRAWS.replace("PixelShuffle(upscale)", "PixelShuffle(upscale); torch.manual_seed(7)")
_FIGURES = re.compile(
    r"(\S+) has (\S+) dB as scored, and from (\S+) to (\S+) dB with (\d+) more pass(?:es)?,"
    r" a spread of (\S+) dB"
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """One network that draws, one that seeds its generator itself, both measured twice."""
    harness = Harness(tmp_path_factory.mktemp("random") / "harness")
    write_pairs(harness.path / "data" / "demo")
    harness.count_at(32)
    harness.add("team01_Draws", DRAWS)
    harness.add("team02_Seeded", SEEDED)
    run = ("--model_id", "1", "2", "--device", "cpu")
    for save_dir, more in (("once", ()), ("repeated", ("--repeats", "3"))):
        harness.results = harness.path / save_dir
        done = harness.run(*run, "--save_dir", str(harness.results), *more)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "01_Draws: random_output: " in done.stdout
    return harness


def _read(harness: Harness, save_dir: str, label: str) -> tuple[dict[str, float], dict[str, str]]:
    harness.results = harness.path / save_dir
    record = harness.record(label)
    images = record["splits"][0]["images"]
    psnr = {image["name"]: image["scores"]["psnr"] for image in images}
    return psnr, {flag["name"]: flag["detail"] for flag in record["flags"]}


@pytest.mark.parametrize("label", ["01_Draws", "02_Seeded"])
def test_the_official_figures_are_the_same_in_every_run(runs: Harness, label: str) -> None:
    assert _read(runs, "once", label)[0] == _read(runs, "repeated", label)[0]


def test_a_seed_of_its_own_holds(runs: Harness) -> None:
    psnr, _ = _read(runs, "once", "02_Seeded")
    torch.manual_seed(7)
    hr, brighter = smooth_image(96, 80, 0), 0.1 * float(torch.rand(()))
    sr = cv2.resize(hr[::4, ::4], (80, 96), interpolation=cv2.INTER_NEAREST) / 255 + brighter
    error = np.round(np.clip(sr, 0, 1) * 255) - hr
    mse = float(np.mean(error[4:-4, 4:-4] ** 2))
    assert psnr["a.png"] == pytest.approx(10 * math.log10(255**2 / mse), abs=1e-6)


@pytest.mark.parametrize(("save_dir", "passes"), [("once", 1), ("repeated", 3)])
def test_how_far_the_psnr_moves_is_said(runs: Harness, save_dir: str, passes: int) -> None:
    psnr, flags = _read(runs, save_dir, "01_Draws")
    name, *figures = _FIGURES.match(flags["random_output"]).groups()
    scored, least, most, count, spread = map(float, figures)
    assert scored == pytest.approx(psnr[name], abs=1e-4)
    assert least <= scored <= most
    assert spread == pytest.approx(most - least, abs=2e-4)
    assert spread > 0
    assert 1 <= count <= passes


def test_the_image_that_moves_furthest_is_named() -> None:
    few, far = PsnrSpread("a", 30.0, (29.9, 30.05)), PsnrSpread("b", 31.0, (31.5,))
    (flag,) = random_output([few, far])
    assert _FIGURES.match(flag.detail).groups() == (
        "b",
        *["31.0000", "31.0000", "31.5000", "1", "0.5000"],
    )
    assert few.spread_db == pytest.approx(0.15)
    assert PsnrSpread("c", math.inf, (math.inf,)).spread_db == 0
    assert list(random_output([])) == []
