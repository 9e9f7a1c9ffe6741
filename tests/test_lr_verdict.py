"""Every evaluation says what its LR is: by a few images of the set, as `data check` names it."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from harness import ROOT
from PIL import Image

from esr.challenge.protocol import protocols
from esr.datasets.checking import bicubic_quarter
from esr.datasets.checking.bicubic_quarter import quarter_psnr_db
from esr.datasets.checking.judge_lr import SAMPLE, judge_lr
from esr.datasets.manifest import PairHash
from esr.datasets.splits import DataRequest, find_splits
from esr.datasets.staging import StagedImage, StagedSplit, stage
from esr.images.official_image import calculate_psnr
from esr.images.resample import imresize_uint8

NAMES = ("astronaut", "chelsea", "coffee", "hopper")


def by_pillow(lr: Path, hr: Image.Image) -> None:
    hr.resize((hr.width // 4, hr.height // 4), Image.Resampling.BICUBIC).save(lr)


def by_jpeg(lr: Path, _: Image.Image) -> None:
    squeezed = io.BytesIO()
    Image.open(lr).convert("RGB").save(squeezed, "JPEG", quality=75)
    Image.open(squeezed).save(lr)


def as_it_is(lr: Path, _: Image.Image) -> None:
    return


def staged(folder: Path, change, which: tuple[str, ...] = NAMES) -> StagedSplit:
    """Four images of the demo set, LR of some of them made by somebody else."""
    for name in NAMES:
        hr = folder / "data" / "HR" / f"{name}.png"
        lr = folder / "data" / "LR_bicubic" / "X4" / f"{name}x4.png"
        for target in (hr, lr):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "data" / "demo" / target.relative_to(folder / "data"), target)
        if name in which:
            change(lr, Image.open(hr).convert("RGB"))
    (split,) = find_splits(DataRequest(folder / "data"), protocols()["ntire2026"], 4)
    return stage(split, folder / "staged", 1)


@pytest.mark.parametrize(
    ("change", "other", "what"),
    [(as_it_is, 0, ""), (by_pillow, 4, "another resampler"), (by_jpeg, 4, "JPEG")],
)
def test_the_verdict_is_that_of_data_check(tmp_path: Path, change, other: int, what: str) -> None:
    verdict = judge_lr(staged(tmp_path, change))
    assert (verdict.looked_at, verdict.other, verdict.is_defect) == (4, other, bool(other))
    assert what in verdict.what


def test_one_image_of_another_kind_is_enough(tmp_path: Path) -> None:
    verdict = judge_lr(staged(tmp_path, by_pillow, ("hopper",)))
    assert (verdict.other, verdict.is_defect) == (1, True)
    assert verdict.what.startswith("hopper.png: ")


def test_a_large_set_costs_no_more_than_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = staged(tmp_path, as_it_is)
    large = StagedSplit("valid", "many", 4, tuple(split.images[n % 4] for n in range(200)))
    made: list[int] = []

    def counted(hr: np.ndarray, scale: int) -> np.ndarray:
        made.append(scale)
        return original(hr, scale)

    original = bicubic_quarter.make_lr
    monkeypatch.setattr(bicubic_quarter, "make_lr", counted)
    assert judge_lr(large).looked_at == SAMPLE
    assert 0 < len(made) <= SAMPLE


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("size", [(7, 9), (24, 20), (65, 130)])
def test_the_quarter_is_that_of_the_whole(
    tmp_path: Path, scale: int, size: tuple[int, int]
) -> None:
    rng = np.random.default_rng(scale)
    hr = rng.integers(0, 256, (size[0] * scale, size[1] * scale, 3), np.uint8)
    bicubic = imresize_uint8(hr, 1 / scale)
    top, left = size[0] // 2, size[1] // 2
    for name, change in {"equal": 0, "corner": 9, "all": 3}.items():
        lr = bicubic.copy()
        lr[-1 if name == "corner" else slice(None), -1] ^= change
        image = StagedImage(
            name, tmp_path / f"{name}-lr.npy", tmp_path / f"{name}-hr.npy", PairHash(name, "", "")
        )
        np.save(image.lr, lr)
        np.save(image.hr, hr)
        expected = calculate_psnr(bicubic[top:, left:], lr[top:, left:])
        assert quarter_psnr_db(image, scale) == pytest.approx(expected, abs=1e-3)
        assert (name == "equal") == (expected == np.inf)
