"""The denoising challenges: the noise, and a clone of theirs measured at scale 1."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from harness import PATIENCE_S, Harness, write_image
from sister_clones import find_clone, image_pair

from esr.base.errors import UserError
from esr.challenge.protocol import protocols
from esr.datasets.data_command import main
from esr.datasets.noise import add_noise, image_seed, make_noisy
from esr.datasets.splits import DataRequest, find_splits
from esr.measure.loading.network import import_model

SCRIPT = """
import os
import torch
from utils import utils_image as util

def select_model(args, device):
    model_id = args.model_id
    if model_id == 0:
        from models.team00_Half import Half
        name, data_range = f"{model_id:02}_RFDN_baseline", 1.0
        model = Half()
        state_dict = torch.load(os.path.join('model_zoo', 'team00_half.ckpt'))["state_dict"]
        model.load_state_dict(state_dict, strict=True)
    else:
        raise NotImplementedError(f"Model {model_id} is not implemented.")
    model.eval()
    return model.to(device), name, data_range, None

def forward(img_lq, model, tile=None, tile_overlap=32, scale=1):
    return model(img_lq)

def run(model, model_name, data_range, tile, logger, device, args, mode="test"):
    for img_noisy, img_hr in select_dataset(args.data_dir, mode):
        img_dn = forward(img_noisy, model, tile)
"""
HALF = """
import torch
from torch import nn

class Half(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        assert x.shape[-1] % 8 == x.shape[-2] % 8 == 0
        return self.body(x)
"""


def _pixels(file: Path) -> np.ndarray:
    return cv2.imread(str(file), cv2.IMREAD_COLOR)[..., ::-1]


def test_the_noise_is_gaussian_of_50_levels_and_clipped() -> None:
    clean = np.full((200, 300, 3), 128, np.uint8)
    noise = add_noise(clean, 50, 7).astype(float) - 128
    # 128 levels are 2.56 standard deviations: what is clipped takes little.
    assert abs(noise.mean()) < 0.5
    assert 48.5 < noise.std() < 50.5
    dark = add_noise(np.zeros_like(clean), 50, 7)
    # Half of it is below black, and stays black; so does what rounds to it.
    assert 0.49 < (dark == 0).mean() < 0.52


def test_the_levels_are_those_of_the_official_functions() -> None:
    """SHA-256 of `add_noise(hr, 50)` of NTIRE2023_Dn50 (2524e74) after `np.random.seed(123)`,
    clipped, rounded and cast as its `save_image` does, of `image_pair(0)` by its `crop_image`."""
    _, hr = image_pair(0)
    noisy = add_noise(hr[:56, :72], 50, 123)
    digest = hashlib.sha256(noisy.tobytes()).hexdigest()
    assert digest == "ed3ac879e1f4fd6c9d543675fcd8278b3174eb2788aa8ca4d796450b0ec164b2"


def test_every_image_has_noise_of_its_own_and_the_same_again() -> None:
    _, hr = image_pair(1)
    first, again, other = (make_noisy(hr, stem, 50, 50) for stem in ("0801", "0801", "0802"))
    assert first.shape == (56, 72, 3)
    assert np.array_equal(first, again)
    # Two normal variables of deviation 50 differ by one of deviation 71.
    assert np.abs(first.astype(int) - other).mean() > 40
    assert image_seed("0801", 50) == image_seed("0801", 49) + 1


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three HR images of the validation set, with their noisy ones made by the command."""
    for number in range(3):
        _, hr = image_pair(number)
        write_image(tmp_path / "data" / "DIV2K_valid_HR" / f"{801 + number:04}.png", hr)
    assert main(["prepare", str(tmp_path / "data"), "--protocol", "ntire2023_dn50"]) == 0
    return tmp_path / "data"


def test_the_command_makes_the_official_folder(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = sorted((data / "DIV2K_valid_noise50").iterdir())
    assert [file.name for file in made] == ["0801.png", "0802.png", "0803.png"]
    noise = protocols()["ntire2023_dn50"].noise
    assert noise is not None
    for number, file in enumerate(made):
        expected = make_noisy(image_pair(number)[1], file.stem, 50, noise.seed)
        assert np.array_equal(_pixels(file), expected)
    capsys.readouterr()
    made[1].unlink()
    assert main(["prepare", str(data), "--protocol", "ntire2023_dn50"]) == 0
    assert "DIV2K_valid x1: 1 LR images made, 2 were there" in capsys.readouterr().out


@pytest.fixture
def hybrid(tmp_path: Path) -> Path:
    """Two HR images of the hybrid test set."""
    for number in (1, 2):
        write_image(tmp_path / "LSDIR_DIV2K_test_HR" / f"{number:04}.png", image_pair(number)[1])
    return tmp_path


def _read_hybrid(data: Path) -> list[str]:
    """Which files an evaluation reads."""
    request = DataRequest(data, hybrid_test=True)
    (split,) = find_splits(request, protocols()["ntire2025_dn50"], 1)
    return [pair.lr.relative_to(data).as_posix() for pair in split.pairs]


def test_the_hybrid_set_is_made_where_the_official_scripts_read_it(hybrid: Path) -> None:
    """`select_dataset` of all three years: LSDIR_DIV2K_test_LR/ + HR's name + noise50.png."""
    official = [f"LSDIR_DIV2K_test_LR/{number:04}noise50.png" for number in (1, 2)]
    assert main(["prepare", str(hybrid), "--protocol", "ntire2025_dn50"]) == 0
    made = [path.relative_to(hybrid).as_posix() for path in sorted(hybrid.glob("*/*noise50*"))]
    assert made == official == _read_hybrid(hybrid)
    # The seed is that of the name of HR, wherever its noisy image lies.
    expected = make_noisy(image_pair(2)[1], "0002", 50, 50)
    assert np.array_equal(_pixels(hybrid / official[1]), expected)
    # What an earlier version has left beside it is not what counts.
    _write_as_before(hybrid, 1, 2)
    assert _read_hybrid(hybrid) == official


def _write_as_before(data: Path, *numbers: int) -> None:
    for number in numbers:
        noisy = make_noisy(image_pair(number)[1], f"{number:04}", 50, 50)
        write_image(data / "LSDIR_DIV2K_test_noise50" / f"{number:04}.png", noisy)


def test_a_hybrid_set_that_was_made_before_is_read_and_completed(
    hybrid: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write_as_before(hybrid, 1, 2)
    before = _read_hybrid(hybrid)
    assert before == [f"LSDIR_DIV2K_test_noise50/{number:04}.png" for number in (1, 2)]
    (hybrid / before[1]).unlink()
    assert main(["prepare", str(hybrid), "--protocol", "ntire2025_dn50"]) == 0
    assert "1 LR images made, 1 were there" in capsys.readouterr().out
    assert len(_read_hybrid(hybrid)) == 2
    assert not (hybrid / "LSDIR_DIV2K_test_LR").exists()


def test_without_the_hybrid_set_its_official_place_is_named(hybrid: Path) -> None:
    with pytest.raises(UserError, match=r"LSDIR_DIV2K_test_LR: no LR images.*prepare"):
        _read_hybrid(hybrid)


def test_what_is_no_noisy_image_of_hr_is_not_taken_for_one(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(data / "DIV2K_valid_noise50" / "0802.png", image_pair(1)[1])  # Not cropped.
    assert main(["prepare", str(data), "--protocol", "ntire2023_dn50"]) == 2
    assert "0802.png: is there already, but is not x1 of 0802.png" in capsys.readouterr().err


def test_a_clone_is_measured_at_scale_1_on_cropped_images(data: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    for folder in ("models", "model_zoo"):
        (clone / folder).mkdir(parents=True)
    (clone / "test_demo.py").write_text(SCRIPT)
    (clone / "models" / "team00_Half.py").write_text(HALF)
    weight = torch.eye(3).reshape(3, 3, 1, 1) / 2
    state = {"body.weight": weight, "body.bias": torch.full((3,), 0.25)}
    torch.save({"state_dict": state}, clone / "model_zoo" / "team00_half.ckpt")
    harness = Harness(tmp_path / "harness")
    harness.count_at(32)
    given = ("--submission", str(clone), "--protocol", "ntire2023_dn50", "--device", "cpu")
    listed = harness.run(*given, "--list")
    assert "00_RFDN_baseline" in listed.stdout
    assert " x1 " in listed.stdout
    done = harness.run(
        *given, "--model_id", "0", "--data_dir", str(data), "--repeats", "0", "--ssim"
    )
    assert done.returncode == 0, done.stderr
    record = harness.record("00_RFDN_baseline")
    for number, image in enumerate(record["splits"][0]["images"]):
        noisy = _pixels(data / "DIV2K_valid_noise50" / image["name"])
        # Rounded half to even, as float32 has 0.5 x + 0.25 in [0, 1].
        restored = np.round((noisy.astype(np.float32) / 255 / 2 + 0.25) * 255)
        hr = image_pair(number)[1][: noisy.shape[0], : noisy.shape[1]]
        inner = (slice(4, -4), slice(4, -4))
        error = np.mean((restored[inner].astype(float) - hr[inner]) ** 2)
        psnr = 20 * math.log10(255 / math.sqrt(error))
        # A level in a hundred may be rounded the other way.
        assert image["scores"]["psnr"] == pytest.approx(psnr, abs=0.01)
    row = harness.rows()["00_RFDN_baseline"]
    assert row["Rank PSNR"] == "1"


@pytest.mark.parametrize("year", ["NTIRE2023_Dn50", "NTIRE2025_Dn50_challenge"])
def test_the_official_loop_finds_the_same_psnr(year: str, tmp_path: Path) -> None:
    """Both measure the same files in one run: hybrid test, which takes as many as there are."""
    clone = tmp_path / "clone"
    shutil.copytree(find_clone(year), clone)
    _write_sgn(clone)
    for number in range(3):
        noisy, hr = image_pair(number)
        name = f"{number:04}"
        write_image(tmp_path / "LSDIR_DIV2K_test_HR" / f"{name}.png", hr)
        noisy = make_noisy(hr, name, 50, 50)
        write_image(tmp_path / "LSDIR_DIV2K_test_LR" / f"{name}noise50.png", noisy)
    before = _hash_sources(clone)
    script = Path(__file__).with_name("official_denoising.py")
    arguments = ("--data_dir", str(tmp_path), "--hybrid_test", "--ssim")
    subprocess.run(
        [sys.executable, str(script), str(clone), *arguments, "--save_dir", str(tmp_path / "off")],
        check=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    official = json.loads((clone / "results.json").read_text())["00_RFDN_baseline"]
    harness = Harness(tmp_path / "harness")
    protocol = "ntire2023_dn50" if "2023" in year else "ntire2025_dn50"
    done = harness.run(
        *("--submission", str(clone), "--model_id", "0", "--protocol", protocol),
        *(*arguments, "--device", "cpu", "--repeats", "0"),
    )
    assert done.returncode == 0, done.stderr
    images = harness.record("00_RFDN_baseline")["splits"][0]["images"]
    for metric, digits in (("psnr", 1e-4), ("ssim", 1e-6)):
        ours = [image["scores"][metric] for image in images]
        assert ours == pytest.approx(official[f"hybrid_test_{metric}"], rel=0, abs=digits)
    assert _hash_sources(clone) == before


def _write_sgn(clone: Path) -> None:
    """Write a checkpoint of the official network, from its own initialisation."""
    module = import_model(clone / "models" / "team00_SGN.py")
    torch.manual_seed(0)
    counters = ("current_val_metric", "best_val_metric", "best_iter")
    state = dict.fromkeys(counters, torch.zeros(()))
    state |= {f"model.{key}": value for key, value in module.SGNDN3().state_dict().items()}
    (clone / "model_zoo").mkdir(exist_ok=True)
    torch.save({"state_dict": state}, clone / "model_zoo" / "team00_sgn.ckpt")


def _hash_sources(clone: Path) -> dict[str, str]:
    return {
        str(file.relative_to(clone)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(clone.rglob("*.py"))
    }
