"""Published PSNR-Y of bicubic x4, from the real command and a submission as a stranger writes it.

Measured on the files in ../shared/data, border 4: Set5 28.429, Set14 26.088, B100 25.961, and 24.450
on the 13 of 100 images of Urban100 that are there. Published: 28.42, 26.00, 25.96, 23.14 (the row
"Bicubic" in the tables of VDSR, LapSRN, EDSR and their successors). What differs has three causes:
- MATLAB's rgb2ycbcr rounds Y of a uint8 image; with that, Set5 has 28.416 and B100 25.956.
- Set14's `bridge` has one channel. MATLAB scripts take it as it is; as RGB, its Y spans 219 of 255
  levels, which is worth 1.32 dB, or 0.094 dB of the mean. With both, Set14 has 25.990.
- No mean of 13 images is one of 100.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from harness import Harness
from PIL import Image
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio

SETS = {"Set5": 5, "Set14": 14, "B100": 100, "Urban100": 13}

BICUBIC = '''
import numpy as np
import torch
from torch import nn


def kernel(distance):
    x = np.abs(distance)
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((2.5 - 0.5 * x) * x - 4) * x + 2
    return np.select([x < 1, x < 2], [near, far], 0.0)


def interpolation(length, factor):
    """Matrix (factor * length, length): a line of pixels to one that is `factor` times as long."""
    outputs = np.arange(factor * length)
    centres = (outputs + 0.5) / factor - 0.5
    rows = np.zeros((factor * length, length))
    for step in range(-1, 3):
        inputs = np.floor(centres).astype(int) + step
        mirrored = np.where(inputs < 0, -inputs - 1, np.minimum(inputs, 2 * length - 1 - inputs))
        np.add.at(rows, (outputs, mirrored), kernel(centres - inputs))
    return torch.from_numpy(rows)


def to_levels(x):
    return (x.clamp(0, 255) + 0.5).floor()


class Bicubic(nn.Module):
    """MATLAB's imresize of a uint8 image: rounded after each of the two passes."""

    def __init__(self, upscale=4):
        super().__init__()
        self.upscale = upscale
        self.register_buffer("version", torch.zeros(1))

    def forward(self, x):
        height, width = x.shape[-2:]
        tall = to_levels(interpolation(height, self.upscale) @ x.double())
        return to_levels(tall @ interpolation(width, self.upscale).T).float()
'''


@pytest.fixture(scope="module")
def harness(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """The bicubic submission, measured on all four sets."""
    harness = Harness(tmp_path_factory.mktemp("bicubic") / "harness")
    harness.add("team90_Bicubic", BICUBIC, {"version": torch.zeros(1)}, "data_range = 255.0\n")
    done = harness.run(
        *("--model_id", "90", "--data_dir", str(shared / "data"), "--dataset", *SETS),
        *("--metrics", "psnr_y", "--device", "cpu", "--make_zip"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (harness.path / "printed").write_text(done.stdout)
    return harness


def _scores(harness: Harness, metric: str) -> dict[str, dict[str, float]]:
    return {
        split["dataset"]: {
            Path(image["name"]).stem: image["scores"][metric] for image in split["images"]
        }
        for split in harness.record("90_Bicubic")["splits"]
    }


def _mean(scores: dict[str, float]) -> float:
    return float(np.mean(list(scores.values())))


def _hr(shared: Path, name: str) -> dict[str, Image.Image]:
    files = sorted((shared / "data" / name / "HR").glob("*.png"))
    return {file.stem: Image.open(file) for file in files}


def test_all_images_are_measured(harness: Harness) -> None:
    assert {name: len(of) for name, of in _scores(harness, "psnr_y").items()} == SETS


@pytest.mark.parametrize(("name", "published"), [("Set5", 28.42), ("B100", 25.96)])
def test_psnr_y_is_the_published_one(harness: Harness, name: str, published: float) -> None:
    assert abs(_mean(_scores(harness, "psnr_y")[name]) - published) < 0.01


def test_psnr_y_of_set14_is_the_published_one_with_its_grey_image_left_grey(
    harness: Harness, shared: Path
) -> None:
    grey = [stem for stem, hr in _hr(shared, "Set14").items() if hr.mode == "L"]
    assert grey == ["bridge"]
    scores = _scores(harness, "psnr_y")["Set14"]
    assert abs(_mean(scores) - 26.00) == pytest.approx(0.088, abs=0.001)
    # Three equal channels have the PSNR of one.
    as_it_is = scores | {stem: _scores(harness, "psnr")["Set14"][stem] for stem in grey}
    assert abs(_mean(as_it_is) - 26.00) < 0.01


@pytest.mark.parametrize("name", SETS)
def test_psnr_y_is_that_of_pillows_bicubic_by_scikit_image(
    harness: Harness, shared: Path, name: str
) -> None:
    # The only check there is of Urban100, of which 13 images of 100 are here. Pillow's border is
    # another one and reaches beyond the four pixels that are left out.
    measured = _scores(harness, "psnr_y")[name]
    expected = {}
    for stem, whole in _hr(shared, name).items():
        lr = Image.open(shared / "data" / name / "LR_bicubic" / "X4" / f"{stem}x4.png")
        size = lr.width * 4, lr.height * 4
        sr = lr.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        hr_y, sr_y = (
            rgb2ycbcr(np.asarray(image))[4:-4, 4:-4, 0]
            for image in (whole.convert("RGB").crop((0, 0, *size)), sr)
        )
        expected[stem] = peak_signal_noise_ratio(hr_y, sr_y, data_range=255)
    assert measured.keys() == expected.keys()
    assert max(abs(measured[stem] - expected[stem]) for stem in measured) < 0.05
    assert abs(_mean(measured) - _mean(expected)) < 0.005


def test_psnr_in_rgb_is_what_the_collectors_of_the_files_found(harness: Harness) -> None:
    # The figures of ../shared/data/README.md, by other code.
    scores = _scores(harness, "psnr")
    found = {name: round(_mean(of), 3) for name, of in scores.items()}
    assert found == {"Set5": 26.692, "Set14": 24.462, "B100": 24.635, "Urban100": 22.957}


def _rounded_psnr_y(harness: Harness, hr: dict[str, Image.Image], archive: str) -> dict[str, float]:
    """PSNR of Y rounded to 8 bits, grey images as they are, of the SR images in an archive."""
    found = {}
    with zipfile.ZipFile(harness.results / "90_Bicubic" / archive) as members:
        for stem, whole in hr.items():
            sr = Image.open(members.open(f"{stem}.png"))
            truth = whole.crop((0, 0, *sr.size))
            if whole.mode == "L":
                planes = [np.asarray(image.convert("L")) for image in (truth, sr)]
            else:
                planes = [rgb2ycbcr(np.asarray(image))[..., 0].round() for image in (truth, sr)]
            inner = [plane[4:-4, 4:-4] for plane in planes]
            found[stem] = peak_signal_noise_ratio(*inner, data_range=255)
    return found


@pytest.mark.parametrize(
    ("name", "archive", "expected"),
    [("Set5", "valid", 28.416), ("Set14", "Set14", 25.990), ("B100", "B100", 25.956)],
)
def test_luma_as_matlab_rounds_it_is_what_is_left_of_the_difference(
    harness: Harness, shared: Path, name: str, archive: str, expected: float
) -> None:
    rounded = _rounded_psnr_y(harness, _hr(shared, name), f"{archive}.zip")
    assert _mean(rounded) == pytest.approx(expected, abs=0.001)


def test_a_chosen_metric_is_a_column_of_every_table(harness: Harness) -> None:
    means = {name: _mean(scores) for name, scores in _scores(harness, "psnr_y").items()}
    titles = {name: f"{'Val' if name == 'Set5' else name} PSNR_Y" for name in SETS}
    row = harness.rows()["90_Bicubic"]
    columns = {name: float(row[title]) for name, title in titles.items()}
    assert columns == pytest.approx(means, abs=1e-9)
    shown = [f"{mean:.2f}" for mean in means.values()]
    for suffix in ("md", "tex"):
        line = (harness.results / f"leaderboard.{suffix}").read_text().split("Bicubic")[1]
        assert [cell for cell in re.findall(r"[\d.]+", line) if cell in shown] == shown
    page = (harness.results / "report.html").read_text()
    assert all(title in page for title in titles.values())


def test_every_chosen_metric_is_printed_however_narrow_the_terminal(harness: Harness) -> None:
    printed = (harness.path / "printed").read_text().splitlines()[0]
    for name in SETS:
        psnr, psnr_y = (_mean(_scores(harness, metric)[name]) for metric in ("psnr", "psnr_y"))
        assert f"{name} {psnr:.2f} dB, PSNR_Y {psnr_y:.2f} dB, " in printed
