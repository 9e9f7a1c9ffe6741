"""What a newcomer gets from a fresh clone: the demo set, the shipped checkpoint, the plain command."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from utils.resample import imresize_uint8


@pytest.fixture(scope="module")
def newcomer(root: Path, tmp_path_factory: pytest.TempPathFactory):
    """The plain command, with results elsewhere so that the clone stays clean."""
    save_dir = tmp_path_factory.mktemp("shipped") / "results"
    command = [sys.executable, str(root / "test_demo.py"), "--save_dir", str(save_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=save_dir.parent)
    return done, save_dir


def test_the_plain_command_measures_the_baseline(newcomer) -> None:
    done, save_dir = newcomer
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "00_RFDN" in done.stdout
    for name in ("leaderboard.csv", "results.txt", "results.json", "records/00_RFDN.json"):
        assert (save_dir / name).is_file()


def test_the_table_fits_80_columns(newcomer) -> None:
    done, save_dir = newcomer
    lines = [line for line in done.stdout.splitlines() if str(save_dir) not in line]
    assert max(map(len, lines)) <= 80


def test_the_shipped_checkpoint_beats_bicubic_by_half_a_decibel(newcomer, root: Path) -> None:
    _, save_dir = newcomer
    with (save_dir / "leaderboard.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    demo = root / "data" / "demo"
    bicubic = [_bicubic_psnr(demo, hr) for hr in sorted((demo / "HR").glob("*.png"))]
    assert float(row["Val PSNR"]) >= float(np.mean(bicubic)) + 0.5


def _bicubic_psnr(demo: Path, hr_file: Path) -> float:
    hr = cv2.imread(str(hr_file))
    lr = cv2.imread(str(demo / "LR_bicubic" / "X4" / f"{hr_file.stem}x4.png"))
    sr = imresize_uint8(lr, 4)
    return float(cv2.PSNR(sr[4:-4, 4:-4], hr[4:-4, 4:-4]))
