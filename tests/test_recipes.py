"""Every recipe: what the factsheets say, what a mistake costs, and every stage in seconds."""

from __future__ import annotations

import csv
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from harness import PATIENCE_S

from esr.base.errors import ExitCode, UserError
from esr.measure.loading import network as networks
from esr.tools.train.recipe import read_recipe
from esr.tools.train.training_network import import_forms
from esr.tools.train.training_set import smoke_recipe, synthetic

ROOT = Path(__file__).resolve().parents[1]
RECIPES = sorted((ROOT / "recipes").glob("*.toml"))
NAMES = [path.stem for path in RECIPES]

GOOD = """
model = "team00_RFDN"
[[stages]]
name = "only"
start = "scratch"
data = [{ folder = "DIV2K" }]
loss = "l1"
lr = 1e-3
iterations = 10
hr_patch_px = 96
batch_size = 4
[profiles.short]
common = { iterations = 5 }
"""


def test_every_model_has_a_recipe() -> None:
    assert sorted(path.stem for path in (ROOT / "models").glob("team*.py")) == NAMES
    assert [read_recipe(path).model for path in RECIPES] == NAMES


def stages(name: str) -> list[tuple]:
    recipe = read_recipe(ROOT / "recipes" / f"{name}.toml")
    return [(s.loss, s.lr, s.iterations, s.hr_patch_px, s.batch_size) for s in recipe.stages]


def test_mdrn_is_trained_as_in_its_factsheet() -> None:
    # Table of the three stages, factsheet of TelunXupt.
    assert stages("team09_MDRN") == [
        ("l1", 2e-3, 1_000_000, 384, 64),
        ("charbonnier", 5e-4, 1_000_000, 384, 64),
        ("l2", 2e-4, 650_000, 480, 64),
    ]
    recipe = read_recipe(ROOT / "recipes" / "team09_MDRN.toml")
    assert [s.milestones for s in recipe.stages] == [
        [100_000, 500_000, 800_000, 900_000, 950_000],
        [100_000, 500_000, 800_000, 900_000, 950_000],
        [100_000, 300_000, 600_000],
    ]
    assert [[source.first for source in s.data] for s in recipe.stages] == [
        [None],
        [None, 10_000],
        [None, 10_000],
    ]


def test_lkdn_is_trained_as_in_its_factsheet() -> None:
    assert stages("team16_LKDN") == [
        ("l1", 1e-3, 950_000, 256, 128),
        ("l2", 2e-5, 50_000, 480, 64),
    ]
    recipe = read_recipe(ROOT / "recipes" / "team16_LKDN.toml")
    assert [(s.betas, s.schedule) for s in recipe.stages] == [([0.9, 0.99], "constant")] * 2


def test_srnext_is_trained_as_in_its_factsheet() -> None:
    assert stages("team05_SRneXt") == [("l2", 5e-4, 1_000_000, 256, 128)]
    (stage,) = read_recipe(ROOT / "recipes" / "team05_SRneXt.toml").stages
    assert (stage.betas, stage.schedule) == ([0.9, 0.9999], "cosine")


def test_edrn_changes_rate_and_loss_at_the_epochs_of_its_factsheet() -> None:
    first, second = read_recipe(ROOT / "recipes" / "team01_EDRN.toml").stages
    epoch = (first.iterations + second.iterations) / 300
    assert first.iterations == 250 * epoch
    assert first.milestones == [200 * epoch]
    assert (first.loss, first.lr, first.lr * first.factor) == ("l1", 2e-4, pytest.approx(4e-5))
    assert (second.loss, second.lr) == ("l2", 4e-5)


def test_prfdn_goes_from_rfdn_through_branches_and_pruning() -> None:
    recipe = read_recipe(ROOT / "recipes" / "team13_PRFDN.toml")
    assert [s.start for s in recipe.stages] == ["team00_RFDN.pth", "merged", "pruned", "previous"]
    assert [s.lr for s in recipe.stages] == [1e-5, 1e-6, 1e-6, 1e-6]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("lr = 1e-3", "lrr = 1e-3"), "lrr"),
        (("lr = 1e-3", "lr = '1e-3'"), "lr"),
        (("lr = 1e-3", "lr = nan"), "lr"),
        (("lr = 1e-3", "lr = 2026-11-21"), "date"),
        (("batch_size = 4", "batch_size = 0"), "batch_size"),
        (('loss = "l1"', 'loss = "ssim"'), "l1"),
        (('"scratch"', '"previous"'), "nothing comes before"),
        (('"scratch"', '"scratch"\nkeep = 0.5'), "keep"),
        (('"scratch"', '"scratch"\nmilestones = [3]'), "milestones"),
        (("iterations = 5", "iteration = 5"), "iteration"),
        (("iterations = 5", "iterations = 0"), "iterations"),
        (("[profiles.short]", "[profiles.short]\nstages = [{}, {}]"), "2 stages"),
        (("model =", "modell ="), "model"),
        (("[[stages]]", "[[stages]"), "TOML"),
    ],
)
def test_a_mistake_costs_one_line_that_names_it(tmp_path, change, complaint) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(GOOD)
    read_recipe(path)
    path.write_text(GOOD.replace(*change))
    with pytest.raises(UserError) as caught:
        read_recipe(path)
    assert complaint in str(caught.value)
    assert "recipe.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_profile_replaces_what_it_names_and_nothing_else(tmp_path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(GOOD)
    (whole,), (short,) = read_recipe(path).stages, read_recipe(path, "short").stages
    assert (whole.iterations, short.iterations) == (10, 5)
    assert (whole.lr, whole.hr_patch_px, whole.data) == (short.lr, short.hr_patch_px, short.data)
    with pytest.raises(UserError, match="no profile 'long'; it has: short"):
        read_recipe(path, "long")


def train(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "train.py", *arguments, "--device", "cpu", "--threads", 1]
    return subprocess.run(
        [str(p) for p in command], capture_output=True, text=True, timeout=PATIENCE_S
    )


@pytest.fixture(scope="module", params=NAMES)
def smoked(request, tmp_path_factory):
    """A recipe, and the folder of its smoke run by the real command."""
    out = tmp_path_factory.mktemp("smoke")
    done = train(ROOT / "recipes" / f"{request.param}.toml", "--smoke", "--out", out)
    assert done.returncode == ExitCode.OK, done.stderr
    return request.param, out


def test_the_loss_of_every_stage_falls(smoked) -> None:
    name, out = smoked
    with (out / "log.csv").open(newline="") as file:
        legs = itertools.groupby(csv.DictReader(file), key=lambda row: row["stage"])
        losses = {stage: [float(row["loss"]) for row in rows] for stage, rows in legs}
    recipe = read_recipe(ROOT / "recipes" / f"{name}.toml")
    assert len(losses) == sum(min(stage.prune_steps, 2) for stage in recipe.stages)
    for stage, values in losses.items():
        assert np.mean(values[-5:]) < 0.85 * values[0], stage


def test_what_ships_is_what_was_trained(smoked) -> None:
    # The PSNR in the log is of the trained form, before branches were merged or forms changed.
    name, out = smoked
    models = import_forms(name, ROOT)
    network = models.build(None)
    networks.load(network, out / models.checkpoint, strict=True)
    sidecar = models.in_form(None)
    (pair,) = synthetic(
        smoke_recipe(read_recipe(ROOT / "recipes" / f"{name}.toml"), sidecar.scale), sidecar.scale
    ).held
    lr = torch.from_numpy(pair.lr).permute(2, 0, 1)[None].float()
    torch.set_num_threads(1)
    with torch.no_grad():
        sr = network.eval()(lr * sidecar.data_range / 255)[0] * 255 / sidecar.data_range
    border = sidecar.scale
    inside = (slice(border, -border), slice(border, -border))
    levels = sr.clamp(0, 255).round().permute(1, 2, 0).numpy()[inside]
    mse = np.mean((levels - pair.hr[inside].astype(float)) ** 2)
    report = json.loads((out / models.checkpoint).with_suffix(".json").read_text())
    assert report["held_out_psnr_db"] == pytest.approx(10 * np.log10(255**2 / mse), abs=0.01)


def test_the_report_names_the_very_file(smoked) -> None:
    name, out = smoked
    checkpoint = out / import_forms(name, ROOT).checkpoint
    report = json.loads(checkpoint.with_suffix(".json").read_text())
    digest = subprocess.run(["sha256sum", checkpoint], capture_output=True, text=True, check=True)
    assert report["sha256"] == digest.stdout.split()[0]
    assert report["size_bytes"] == checkpoint.stat().st_size
    assert report["profile"] == "smoke"
    assert [stage["iterations"] for stage in report["stages"]] == [30] * len(report["stages"])


def test_a_missing_data_folder_is_named_before_training(tmp_path) -> None:
    done = train(RECIPES[0], "--data_dir", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == ExitCode.UNUSABLE
    assert done.stderr.startswith("error: ")
    assert "DIV2K_train_HR" in done.stderr
    assert done.stderr.count("\n") == 1
