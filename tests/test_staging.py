"""Decoding: what is staged is right, and the parent holds no pixels of it."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from harness import smooth_image, write_image

from esr.datasets.image_pairs import ImagePair
from esr.datasets.splits import Split
from esr.datasets.staging import StagedSplit, stage
from esr.evaluate.score_images import score_images
from esr.images import image_file

SIDE, SCALE = 240, 4


def _split(folder: Path, count: int, height: int = SIDE) -> Split:
    pairs = []
    for number in range(count):
        hr = smooth_image(height, SIDE, number)
        pair = ImagePair(f"{number}.png", folder / f"{number}x4.png", folder / f"{number}.png")
        write_image(pair.hr, hr)
        write_image(pair.lr, hr[: height // SCALE * SCALE : SCALE, ::SCALE])
        pairs.append(pair)
    return Split("valid", "set", SCALE, tuple(pairs))


def _sr_files(staged: StagedSplit, folder: Path) -> list[Path]:
    files = [folder / f"sr{number}.npy" for number in range(len(staged.images))]
    for file, image in zip(files, staged.images, strict=True):
        np.save(file, np.load(image.hr) // 2)
    return files


@pytest.mark.parametrize("height", [SIDE, SIDE + 3])
def test_files_hold_the_pixels_cropped_to_the_scale(tmp_path: Path, height: int) -> None:
    split = _split(tmp_path, 3, height)
    staged = stage(split, tmp_path / "private", 11)
    assert [image.name for image in staged.images] == ["0.png", "1.png", "2.png"]
    for pair, image in zip(split.pairs, staged.images, strict=True):
        hr = cv2.cvtColor(cv2.imread(str(pair.hr)), cv2.COLOR_BGR2RGB)
        lr = cv2.cvtColor(cv2.imread(str(pair.lr)), cv2.COLOR_BGR2RGB)
        assert np.array_equal(np.load(image.hr), hr[:SIDE])
        assert np.array_equal(np.load(image.lr), lr)
        assert image.hr.parent == image.lr.parent == tmp_path / "private"


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum on this machine")
def test_the_hashes_are_those_that_sha256sum_prints_of_what_was_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = _split(tmp_path, 1)
    command = ["sha256sum", "0.png", "0x4.png"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    decode = image_file.decode_plain_png

    def decode_while_somebody_writes(data: bytes) -> np.ndarray | None:
        for file in (split.pairs[0].hr, split.pairs[0].lr):
            if file.read_bytes() == data:
                file.write_bytes(b"another file by now")
        return decode(data)

    monkeypatch.setattr(image_file, "decode_plain_png", decode_while_somebody_writes)
    (image,) = stage(split, tmp_path / "private", 11).images
    hr_sha256, _, lr_sha256, _ = printed.stdout.split()
    assert (image.hashes.hr_sha256, image.hashes.lr_sha256) == (hr_sha256, lr_sha256)


def test_a_staged_image_holds_no_pixels(tmp_path: Path) -> None:
    (image,) = stage(_split(tmp_path, 1), tmp_path / "private", 11).images
    assert len(pickle.dumps(image)) < SIDE * SIDE


def test_memory_does_not_grow_with_the_number_of_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NumPy reports its arrays to tracemalloc, OpenCV what it returns."""
    monkeypatch.setattr("esr.base.threads.cores", lambda: 2)
    one_image = SIDE * SIDE * 3
    peaks, kept = [], []
    for count in (6, 48):
        split = _split(tmp_path / str(count), count)
        tracemalloc.start()
        staged = stage(split, tmp_path / f"private{count}", 11)
        kept.append(tracemalloc.get_traced_memory()[0])
        sr_files = _sr_files(staged, tmp_path / str(count))
        tracemalloc.reset_peak()
        score_images(staged.images, sr_files, SCALE, ("psnr", "ssim"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert kept[1] < one_image
    # How the two threads meet decides about an array or two of float64.
    assert peaks[1] - peaks[0] < (48 - 6) * one_image / 2


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_no_file_stays_mapped(tmp_path: Path) -> None:
    staged = stage(_split(tmp_path, 4), tmp_path / "private", 11)
    score_images(staged.images, _sr_files(staged, tmp_path), SCALE, ("psnr", "ssim"))
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()
