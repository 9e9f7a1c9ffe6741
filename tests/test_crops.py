"""Details of the worst and the best image."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from harness import smooth_image
from skimage.metrics import peak_signal_noise_ratio

from esr.datasets.manifest import PairHash
from esr.datasets.staging import StagedImage, StagedSplit
from esr.evaluate.detail_crops import PICTURES, keep_crops, picture_file
from esr.images.metrics import METRICS
from esr.images.resample import imresize_uint8
from esr.records.split_result import ImageResult


def _staged(
    folder: Path, scale: int, sizes: list[tuple[int, int]]
) -> tuple[StagedSplit, list[Path]]:
    images, sr_files = [], []
    for index, (height, width) in enumerate(sizes):
        hr = smooth_image(height, width, index)
        rng = np.random.default_rng(index)
        noise = rng.integers(-5 * (index + 1), 5 * (index + 1) + 1, hr.shape)
        sr = np.clip(hr.astype(int) + noise, 0, 255).astype(np.uint8)
        np.save(folder / f"hr{index}.npy", hr)
        np.save(folder / f"sr{index}.npy", sr)
        lr = imresize_uint8(hr, 1 / scale)
        np.save(folder / f"lr{index}.npy", lr)
        images.append(
            StagedImage(
                f"{index}.png",
                folder / f"lr{index}.npy",
                folder / f"hr{index}.npy",
                PairHash(f"{index}.png", "", ""),
            )
        )
        sr_files.append(folder / f"sr{index}.npy")
    return StagedSplit("valid", "set", scale, tuple(images)), sr_files


def _results(split: StagedSplit, sr_files: list[Path]) -> list[ImageResult]:
    return [
        ImageResult(
            image.name, 1.0, {"psnr": METRICS["psnr"].function(np.load(sr), np.load(image.hr), 4)}
        )
        for image, sr in zip(split.images, sr_files, strict=True)
    ]


def _read(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_pictures_are_cut_from_the_whole_images(tmp_path: Path, scale: int) -> None:
    split, sr_files = _staged(tmp_path, scale, [(240, 312), (300, 204), (192, 192)])
    crops = keep_crops(split, _results(split, sr_files), sr_files, tmp_path, "01_A")
    assert [(crop.choice, crop.image) for crop in crops][:2] == [
        ("worst", "2.png"),
        ("best", "0.png"),
    ]
    assert [crop.choice for crop in crops][2:] == ["first", "second", "third"]
    assert sorted(crop.image for crop in crops[2:]) == ["0.png", "1.png", "2.png"]
    for crop in crops:
        index = int(crop.image[0])
        image = split.images[index]
        window = (
            slice(crop.top_px, crop.top_px + crop.size_px),
            slice(crop.left_px, crop.left_px + crop.size_px),
        )
        whole = {
            "bicubic": imresize_uint8(np.load(image.lr), scale),
            "sr": np.load(sr_files[index]),
            "hr": np.load(image.hr),
        }
        for picture in PICTURES:
            kept = _read(picture_file(tmp_path, "01_A", crop, picture))
            assert kept.shape == (crop.size_px, crop.size_px, 3)
            assert np.array_equal(kept, whole[picture][window])
        hr = whole["hr"][window]
        assert crop.detail_psnr_db == pytest.approx(
            peak_signal_noise_ratio(hr, whole["sr"][window]), rel=1e-12
        )
        assert crop.detail_bicubic_psnr_db == pytest.approx(
            peak_signal_noise_ratio(hr, whole["bicubic"][window]), rel=1e-12
        )


def test_the_busiest_place_is_shown_wherever_it_is(tmp_path: Path) -> None:
    split, sr_files = _staged(tmp_path, 4, [(400, 600)])
    hr = np.full((400, 600, 3), 128, np.uint8)
    hr[200:296, 480:576] = np.random.default_rng(0).integers(0, 256, (96, 96, 3))
    np.save(split.images[0].hr, hr)
    np.save(split.images[0].lr, imresize_uint8(hr, 1 / 4))
    worst, best, first = keep_crops(split, _results(split, sr_files), sr_files, tmp_path, "01_A")
    assert (worst.top_px, worst.left_px) == (best.top_px, best.left_px) == (200, 480)
    assert (first.top_px, first.left_px) == (200, 480)


def test_everybody_shows_the_same_details_whatever_their_scores(tmp_path: Path) -> None:
    split, sr_files = _staged(tmp_path, 4, [(192, 192)] * 5)
    fine = np.random.default_rng(3).integers(0, 256, (48, 48, 3), np.uint8)
    np.save(split.images[3].lr, fine)  # Noise has more detail than any smooth image.
    shown = []
    for worse in (0, 4):
        results = _results(split, sr_files)
        results[worse] = ImageResult(f"{worse}.png", 1.0, {"psnr": 1.0})
        crops = keep_crops(split, results, sr_files, tmp_path, f"0{worse}_A")
        assert crops[0].image == f"{worse}.png"
        shown.append([(crop.choice, crop.image, crop.top_px, crop.left_px) for crop in crops[2:]])
    assert shown[0] == shown[1]
    assert shown[0][0][:2] == ("first", "3.png")


def test_an_image_smaller_than_a_detail_is_shown_whole(tmp_path: Path) -> None:
    split, sr_files = _staged(tmp_path, 4, [(60, 84)])
    crop, *_ = keep_crops(split, _results(split, sr_files), sr_files, tmp_path, "01_A")
    assert (crop.size_px, crop.top_px) == (60, 0)
