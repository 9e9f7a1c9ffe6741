"""Perceptual metrics through whatever pyiqa is installed.

It is none of our dependencies, so a library of the test's own stands in for it: what is tested is
which pixels it is given, where its values go, and what is said of what is missing.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from harness import Harness
from synthetic import synthetic_record, synthetic_split

from esr.base.errors import UserError
from esr.challenge.protocol import protocols
from esr.images.metrics import METRICS
from esr.images.perceptual import (
    NAMES,
    PerceptualSource,
    WeightFile,
    describe_missing,
    perceptual_scores,
    probe,
)
from esr.rank.ranking import rank
from esr.records.results_folder import Row

LIBRARY = """
import random, socket, urllib.request
from pathlib import Path

import numpy as np
import torch


def create_metric(name, device=None):
    if name == "musiq":  # As a library that fetches what is not there.
        try:
            urllib.request.urlopen("https://example.com/musiq.pth")
        except OSError as error:
            raise RuntimeError("cannot load") from error
    if name == "clipiqa":
        raise RuntimeError("operator torchvision::nms\\nis missing")
    (Path(__file__).parent / f"{name}.pth").open("rb").read()
    return lambda *images: measure(name, *images)


def measure(name, sr, hr=None):
    assert sr.dtype == torch.float32 and sr.shape[:2] == (1, 3) and 0 <= sr.min() <= sr.max() <= 1
    assert (hr is not None) == (name in ("lpips", "dists"))
    if name == "niqe":
        return torch.tensor(float("nan")) if sr.shape[-1] > 80 else sr.mean()
    if name == "maniqa":
        return torch.rand(()) + np.random.rand() + random.random()
    return (sr - hr).abs().mean() + 100 * sr[0, 0].mean() + 10 * sr.shape[-1]
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pyiqa with known metrics and weights."""
    folder = tmp_path / "lib" / "pyiqa"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(LIBRARY)
    for name in NAMES:
        (folder / f"{name}.pth").write_text(name)
    about = tmp_path / "lib" / "pyiqa-9.8.7.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: pyiqa\nVersion: 9.8.7\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    return folder


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    random = np.random.default_rng(0)
    pairs = []
    for number in range(2):
        images = random.integers(0, 256, (2, 70, 80 + number, 3), np.uint8)
        files = folder / f"{number}-sr.npy", folder / f"{number}-hr.npy"
        for file, image in zip(files, images, strict=True):
            np.save(file, image)
        pairs.append(files)
    return pairs


def _expected(pair: tuple[Path, Path]) -> float:
    sr, hr = (np.load(file).astype(np.float64) / 255 for file in pair)
    return float(np.abs(sr - hr).mean() + 100 * sr[..., 0].mean() + 10 * sr.shape[1])


def test_the_library_is_given_whole_images_as_rgb_in_0_to_1(library: Path, tmp_path: Path) -> None:
    pairs = _pairs(tmp_path)
    answer = perceptual_scores(NAMES, pairs)
    expected = [_expected(pair) for pair in pairs]
    assert answer.values["lpips"] == answer.values["dists"] == pytest.approx(expected, rel=1e-5)
    # What chance decides is decided alike for every image; what is no number is no value.
    first, second = answer.values["maniqa"]
    assert first == second
    sr = np.load(pairs[0][0]) / 255
    assert answer.values["niqe"] == (pytest.approx(sr.mean(), rel=1e-5), None)
    assert set(answer.of_image(1)) == {"lpips", "dists", "maniqa"}


def test_version_and_weights_are_told_and_what_is_missing_with_its_reason(library: Path) -> None:
    source = perceptual_scores(NAMES, []).source
    assert (source.library, source.device, source.seed) == ("pyiqa 9.8.7", "cpu", 123)
    there = ("dists", "lpips", "maniqa", "niqe")
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in there]
    assert source.weights == tuple(
        WeightFile(f"{name}.pth", digest) for name, digest in zip(there, digests, strict=True)
    )
    assert set(source.missing) == {"musiq", "clipiqa"}
    assert "nothing is downloaded in a measurement" in source.missing["musiq"]
    assert source.missing["clipiqa"].endswith("operator torchvision::nms is missing")
    assert METRICS["clipiqa"].higher_is_better
    image = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(UserError, match="nms is missing"):
        METRICS["clipiqa"].function(image, image, 0)


def test_the_command_warns_goes_on_and_leaves_cells_empty(library: Path, harness: Harness) -> None:
    harness.count_at(32)
    done = harness.run("--metrics", "lpips", "musiq", "niqe", "--device", "cpu", "--repeats", "0")
    assert done.returncode == 0, done.stderr
    assert "warning: musiq not calculated: pyiqa cannot make it: " in done.stderr
    record = harness.record("00_Tiny")
    images = record["splits"][0]["images"]
    # 100 times the mean of a channel in [0, 1], and 10 a pixel of width: 80 and 84, no border off.
    widths = (80, 84)
    values = [image["scores"]["lpips"] for image in images]
    assert all(10 * w < v < 10 * w + 101 for v, w in zip(values, widths, strict=True))
    row = harness.rows()["00_Tiny"]
    assert float(row["Val LPIPS"]) == pytest.approx(sum(values) / 2)
    assert "musiq" not in images[0]["scores"]
    # One image has no value, so that there is no mean.
    assert "niqe" not in images[1]["scores"]
    assert row.get("Val NIQE", "") == row.get("Val MUSIQ", "") == ""
    assert record["perceptual"]["library"] == "pyiqa 9.8.7"
    assert [*record["perceptual"]["missing"]] == ["musiq"]


def test_without_the_library_every_metric_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    missing = probe(["psnr", *NAMES], "cpu")
    if "niqe" not in missing:
        pytest.skip("pyiqa is installed here")
    (line,) = describe_missing(missing)
    assert line.startswith("lpips, dists, niqe, musiq, maniqa, clipiqa not calculated: pyiqa is")
    assert "pip install pyiqa" in line


def test_without_perceptual_metrics_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", None)
    assert probe(["psnr", "ssim"], "cpu") == {}


def _row(number: int, source: PerceptualSource) -> Row:
    split = synthetic_split("valid", 2, 10.0)
    scores = dict.fromkeys(NAMES, 0.1 * number) | {"psnr": 30.0, "psnr_y_x4": 30.0}
    images = tuple(replace(image, scores=scores) for image in split.images)
    record = synthetic_record(number, "A", (replace(split, images=images),))
    return Row(record.label, record=replace(record, perceptual=source), official=None)


USUAL = PerceptualSource("pyiqa 0.1.16", "cuda:0", weights=(WeightFile("a.pth", "1"),))


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (replace(USUAL, device="cuda:1"), None),
        (replace(USUAL, device="cpu"), "by pyiqa 0.1.16 on cpu, those of most by pyiqa 0.1.16 on"),
        (replace(USUAL, library="pyiqa 0.1.9"), "by pyiqa 0.1.9 on cuda"),
        (replace(USUAL, weights=(WeightFile("a.pth", "2"),)), "another a.pth than most"),
        (replace(USUAL, weights=(*USUAL.weights, WeightFile("b.pth", "2"))), None),
    ],
)
def test_a_table_has_one_library_one_device_and_the_same_weights(
    other: PerceptualSource, reason: str | None
) -> None:
    rows = [_row(1, USUAL), _row(2, other), _row(3, USUAL)]
    standings = rank(rows, protocols()["ntire2026_sr_x4"]).standings
    by_label = {s.row.label: s.placings for s in standings}
    restoration, perceptual, overall = by_label["02_A"]
    assert restoration.rank == 1
    if reason is None:
        assert perceptual.rank is not None
        assert perceptual.reason is overall.reason is None
        return
    assert perceptual.rank is overall.rank is None
    assert reason in (perceptual.reason or "")
    assert by_label["01_A"][1].rank is not None


@pytest.mark.parametrize("name", NAMES)
def test_the_real_library_prefers_the_image_itself(name: str) -> None:
    if (reason := probe([name], "cpu").get(name)) is not None:
        pytest.skip(reason)
    rows, columns = np.mgrid[0:256, 0:256]
    waves = 128 + 90 * np.sin(rows / 9) * np.cos(columns / 7)
    hr = np.stack([waves] * 3, axis=-1).astype(np.uint8)
    noisy = np.clip(hr + np.random.default_rng(0).normal(0, 40, hr.shape), 0, 255).astype(np.uint8)
    function, up = METRICS[name].function, METRICS[name].higher_is_better
    assert (function(hr, hr, 0) > function(noisy, hr, 0)) == up
