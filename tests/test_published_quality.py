"""The factsheets' quality rows, from the real command and the authors' checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from harness import run_command, write_image

from esr.images.image_file import imread_uint
from esr.images.official_image import modcrop
from esr.images.resample import imresize_np


def _measure(root: Path, shared: Path, save_dir: Path, *arguments: str) -> pd.Series:
    checkpoints = str(shared / "networks" / "checkpoints")
    done = run_command(
        root,
        *arguments,
        *("--checkpoint_dir", checkpoints, "--metrics", "ssim", "psnr_y", "ssim_y"),
        *("--protocol", "ntire2023", "--device", "cpu", "--save_dir", str(save_dir)),
        cwd=shared,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return pd.read_csv(save_dir / "leaderboard.csv").iloc[0]


def test_lkdn_on_set5_is_the_factsheets_row_in_y(root: Path, shared: Path, tmp_path: Path) -> None:
    data = ("--data_dir", str(shared / "data"), "--dataset", "Set5")
    row = _measure(root, shared, tmp_path, "--model_id", "16", *data)
    assert (round(row["Val PSNR_Y"], 2), round(row["Val SSIM_Y"], 4)) == (32.10, 0.8938)


def test_mdrn_on_set5_is_the_factsheets_psnr_in_rgb(
    root: Path, shared: Path, tmp_path: Path
) -> None:
    data = ("--data_dir", str(shared / "data"), "--dataset", "Set5")
    row = _measure(root, shared, tmp_path, "--model_id", "9", *data)
    assert round(row["Val PSNR"], 2) == 30.15
    assert row["Val SSIM"] == pytest.approx(0.8616336, abs=2e-5)


def test_mdrn_on_lr_made_in_floating_point_is_the_factsheets_row_to_every_digit(
    root: Path, shared: Path, tmp_path: Path
) -> None:
    # The authors' LR images were rounded once, not after each pass: that is the whole difference.
    for file in sorted((shared / "data" / "Set5" / "HR").glob("*.png")):
        hr = modcrop(imread_uint(file), 4)
        lr = (imresize_np(hr / 255.0, 1 / 4) * 255).round().clip(0, 255).astype(np.uint8)
        write_image(tmp_path / "Set5" / "HR" / file.name, hr)
        write_image(tmp_path / "Set5" / "LR_bicubic" / "X4" / f"{file.stem}x4.png", lr)
    data = ("--data_dir", str(tmp_path), "--dataset", "Set5")
    row = _measure(root, shared, tmp_path / "results", "--model_id", "9", *data)
    assert (round(row["Val PSNR"], 2), round(row["Val SSIM"], 4)) == (30.15, 0.8617)
    assert "Claims that differ" not in row  # A column that no row fills is left out.
