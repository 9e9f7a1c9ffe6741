"""A run of the real command, killed and resumed; what it refuses."""

from __future__ import annotations

import csv
import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from harness import PATIENCE_S, smooth_image, write_image

from esr.base.errors import ExitCode
from train import main

RECIPE = """
model = "team00_RFDN"
held_out = 1
[[stages]]
name = "only"
start = "scratch"
data = [{ folder = "set" }]
loss = "l1"
lr = 1e-3
iterations = 3
hr_patch_px = 60
batch_size = 1
"""


FIXED = ("--device", "cpu", "--threads", 1, "--save_every", 0)


def command(root: Path, *arguments: object) -> list[str]:
    return [sys.executable, str(root / "train.py"), *map(str, (*arguments, *FIXED))]


def run(root: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(root, *arguments), capture_output=True, text=True, timeout=PATIENCE_S
    )


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run the command in this process, which has PyTorch already; return its complaint."""
    threads = torch.get_num_threads()
    try:
        status = main([*map(str, arguments), *map(str, FIXED)])
    finally:
        torch.set_num_threads(threads)
    assert status == ExitCode.UNUSABLE
    return capsys.readouterr().err


def lines(log: Path) -> list[dict[str, str]]:
    if not log.is_file():
        return []
    with log.open(newline="") as file:
        return list(csv.DictReader(file))


def kill_when(root: Path, stage: str, iteration: int, *arguments: object) -> None:
    """Start the command and end it with SIGKILL once its log has reached a step."""
    log = Path(arguments[arguments.index("--out") + 1]) / "log.csv"
    process = subprocess.Popen(command(root, *arguments), stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while process.poll() is None and time.monotonic() < deadline:
            if any(
                r["stage"] == stage and int(r["iteration"] or 0) >= iteration for r in lines(log)
            ):
                break
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -9, "it ended before it was killed"


def test_killed_twice_and_resumed_it_ends_in_the_same_bits(root, tmp_path) -> None:
    # PRFDN's recipe has every kind of stage: warm start, merging, pruning in steps.
    pytest.importorskip("torch_pruning")
    recipe = root / "recipes" / "team13_PRFDN.toml"
    broken = (recipe, "--smoke", "--out", tmp_path / "broken")
    kill_when(root, "merged", 8, *broken)
    kill_when(root, "pruned 2 of 2", 5, *broken, "--resume")
    last = run(root, *broken, "--resume")
    assert last.returncode == ExitCode.OK, last.stderr
    whole = run(root, recipe, "--smoke", "--out", tmp_path / "whole")
    assert whole.returncode == ExitCode.OK, whole.stderr
    states = [
        torch.load(tmp_path / name / "team13_PRFDN_x2.pth", weights_only=True)
        for name in ("broken", "whole")
    ]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    curves = [
        [
            {key: row[key] for key in row if key != "minutes"}
            for row in lines(tmp_path / name / "log.csv")
        ]
        for name in ("broken", "whole")
    ]
    assert curves[0] == curves[1]


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, ...]:
    """A recipe of three steps on three images."""
    for seed in range(3):
        write_image(tmp_path / "set" / f"{seed}.png", smooth_image(64, 68, seed))
    (tmp_path / "small.toml").write_text(RECIPE)
    return (tmp_path / "small.toml", "--data_dir", tmp_path, "--out", tmp_path / "out")


def test_a_run_is_neither_overwritten_nor_continued_as_another(root, small, tmp_path) -> None:
    nothing = run(root, *small, "--resume")
    assert nothing.returncode == ExitCode.UNUSABLE
    assert "nothing to resume" in nothing.stderr
    first = run(root, *small)
    assert first.returncode == ExitCode.OK, first.stderr
    assert "dB on the images held out" in first.stderr
    for arguments, complaint in [
        (small, "holds a run"),
        ((*small, "--resume", "--seed", 1), "another recipe"),
        ((*small, "--threads", 0), "not above 0"),
    ]:
        refused = run(root, *arguments)
        assert refused.returncode == ExitCode.UNUSABLE
        assert complaint in refused.stderr
    again = run(root, *small, "--resume")
    assert again.returncode == ExitCode.OK, again.stderr
    assert [row["iteration"] for row in lines(tmp_path / "out" / "log.csv")] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("team00_RFDN", "team99_None"), "no such model file"),
        (('"scratch"', '"absent.pth"'), "no such checkpoint"),
        (('"scratch"', '"scratch"\nform = "absent"'), "absent"),
        (("hr_patch_px = 60", "hr_patch_px = 600"), "16 px"),
        (("held_out = 1", "held_out = 3"), "too few"),
    ],
)
def test_what_cannot_be_run_costs_one_line(capsys, small, change, complaint) -> None:
    small[0].write_text(RECIPE.replace(*change))
    said = refused(capsys, *small)
    assert complaint in said
    assert said.startswith("error: ")
    assert said.count("\n") == 1


def test_a_file_where_its_folder_should_be_costs_one_line(capsys, small, tmp_path) -> None:
    (tmp_path / "out").write_text("")
    said = refused(capsys, *small)
    assert said == f"error: {tmp_path / 'out'}: {os.strerror(errno.EEXIST)}\n"
