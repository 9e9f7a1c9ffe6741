"""What a newcomer gets from a fresh clone: the demo set, the shipped checkpoint, the plain command."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from harness import PATIENCE_S
from rich.console import Console

from esr.challenge.protocol import protocols
from esr.images.resample import imresize_uint8
from esr.records.results_folder import Store
from esr.report.board import build_board
from esr.report.terminal_table import lay_out_leaderboard


@pytest.fixture(scope="module")
def newcomer(root: Path, tmp_path_factory: pytest.TempPathFactory):
    """The plain command, with results elsewhere so that the clone stays clean."""
    save_dir = tmp_path_factory.mktemp("shipped") / "results"
    command = [sys.executable, str(root / "test_demo.py"), "--save_dir", str(save_dir)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_S, cwd=save_dir.parent
    )
    return done, save_dir


def test_the_plain_command_measures_the_baseline(newcomer) -> None:
    done, save_dir = newcomer
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "00_RFDN" in done.stdout
    for name in ("leaderboard.csv", "results.txt", "results.json", "records/00_RFDN.json"):
        assert (save_dir / name).is_file()


@pytest.mark.parametrize("columns", [40, 80, 160])
def test_the_table_keeps_numbers_and_units_whole_at_any_width(newcomer, columns: int) -> None:
    _, save_dir = newcomer
    console = Console(width=columns, file=io.StringIO())
    protocol = protocols()["ntire2026"]
    rows = Store(save_dir, protocol).rows()
    console.print(lay_out_leaderboard(build_board([*rows, *rows], protocol), console.width))
    printed = console.file.getvalue()
    with (save_dir / "leaderboard.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert max(map(len, printed.splitlines())) <= columns
    assert "00_RFDN" in printed
    for title, decimals in (("Val PSNR", 2), ("Val Time [ms]", 2), ("Params [M]", 3)):
        assert title.rsplit(" ", 1)[-1] in printed
        assert f"{float(row[title]):.{decimals}f}" in printed


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
