"""LPIPS and DISTS: refused with a clear line, or calculated by whatever torchmetrics is installed.

torchvision is none of our dependencies, so a library of the test's own stands in for torchmetrics
where that is missing: what is tested is which pixels it is given and where its values go.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from harness import Harness

from esr.base.errors import UserError
from esr.images.metrics import METRICS
from esr.images.perceptual import NAMES, check, perceptual_scores

LIBRARY = """
class LearnedPerceptualImagePatchSimilarity:
    def __init__(self, net_type, normalize):
        assert (net_type, normalize) == ("alex", True)

    def __call__(self, sr, hr):
        assert sr.dtype.is_floating_point and sr.shape == hr.shape and sr.shape[:2] == (1, 3)
        return (sr - hr).abs().mean() + 100 * sr[0, 0].mean() + 10 * sr.shape[-1]
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A torchmetrics with a known LPIPS, a torchvision, and weights."""
    image = tmp_path / "lib" / "torchmetrics" / "image"
    image.mkdir(parents=True)
    (tmp_path / "lib" / "torchvision").mkdir()
    for folder in (image.parent, image, tmp_path / "lib" / "torchvision"):
        (folder / "__init__.py").touch()
    (image / "lpip.py").write_text(LIBRARY)
    weights = tmp_path / "torch" / "hub" / "checkpoints"
    weights.mkdir(parents=True)
    (weights / "alexnet-owt-7be5be79.pth").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return image


def _expected(sr: np.ndarray, hr: np.ndarray, border: int) -> float:
    inner = slice(border, -border or None)
    sr, hr = (image[inner, inner].astype(np.float64) / 255 for image in (sr, hr))
    return float(np.abs(sr - hr).mean() + 100 * sr[..., 0].mean() + 10 * sr.shape[1])


@pytest.mark.parametrize("border", [0, 4])
def test_the_library_is_given_rgb_in_0_to_1_without_the_border(
    border: int, library: Path, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    pairs, expected = [], []
    for number in range(2):
        images = random.integers(0, 256, (2, 70, 80 + number, 3), np.uint8)
        files = tmp_path / f"{number}-sr.npy", tmp_path / f"{number}-hr.npy"
        for file, image in zip(files, images, strict=True):
            np.save(file, image)
        pairs.append(files)
        expected.append(_expected(*images, border))
    scores = perceptual_scores(["lpips"], pairs, border)
    assert [score["lpips"] for score in scores] == pytest.approx(expected, rel=1e-5)
    sr, hr = (np.load(file) for file in pairs[0])
    assert METRICS["lpips"].function(sr, hr, border) == pytest.approx(expected[0], rel=1e-5)


def test_the_command_shows_a_column(library: Path, harness: Harness) -> None:
    done = harness.run("--metrics", "lpips", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    split = harness.record("00_Tiny")["splits"][0]
    values = [image["scores"]["lpips"] for image in split["images"]]
    assert float(harness.rows()["00_Tiny"]["Val LPIPS"]) == pytest.approx(sum(values) / 2)
    # 100 times the mean of a channel in [0, 1], and 10 a pixel of width, 8 of which are border.
    widths = (80 - 8, 84 - 8)
    assert all(10 * w < v < 10 * w + 101 for v, w in zip(values, widths, strict=True))


def test_what_is_missing_is_said_before_anything_is_measured(
    library: Path, harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"vgg16-397923af\.pth are missing.*put https://"):
        check(["psnr", "dists"])
    check(["psnr", "lpips"])
    (library.parents[1] / "torchvision" / "__init__.py").unlink()
    (library.parents[1] / "torchvision").rmdir()
    if importlib.util.find_spec("torchvision") is not None:
        pytest.skip("torchvision is installed here")
    done = harness.run("--metrics", "lpips")
    assert done.returncode == 2
    assert "torchvision not installed, which is optional; pip install" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(harness.results.rglob("*.json"))


def test_a_library_that_fails_is_one_line(library: Path, tmp_path: Path) -> None:
    (library / "lpip.py").write_text("raise RuntimeError('operator torchvision::nms\\nis missing')")
    image = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(UserError) as error:
        METRICS["lpips"].function(image, image, 0)
    assert "torchmetrics failed (RuntimeError: operator torchvision::nms is missing)" in str(
        error.value
    )


def test_without_perceptual_metrics_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", None)
    check(["psnr", "ssim"])
    assert perceptual_scores([], [(Path("a"), Path("b"))], 0) == [{}]


@pytest.mark.parametrize("name", NAMES)
def test_the_real_library_finds_equal_images_equal(name: str) -> None:
    try:
        check([name])
    except UserError as error:
        pytest.skip(str(error))
    random = np.random.default_rng(0)
    hr = random.integers(0, 256, (96, 96, 3), np.uint8)
    function = METRICS[name].function
    assert function(hr, hr, 0) == pytest.approx(0, abs=1e-6)
    assert function(255 - hr, hr, 0) > 0.01
