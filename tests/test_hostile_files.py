"""Files in models/ that would stop a run: each is one broken row, named, and the others stand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from harness import Harness, tiny, write_pairs

DEEP = 20_000


def _write(harness: Harness) -> None:
    models = harness.path / "models"
    sidecars = {
        "team11_Digits": "scale = " + "9" * 5000,
        "team12_Brackets": "kwargs.x = " + "[" * DEEP + "]" * DEEP,
        "team13_Dots": "kwargs" + ".a" * DEEP + " = 1",
        "team14_Huge": "data_range = 1e999",
        "team15_Bytes": "\udcff\udcfe",
        "team16_Tables": "".join(f"[{'.'.join(['kwargs'] + ['a'] * n)}]\n" for n in range(1, 80)),
    }
    for stem, text in sidecars.items():
        harness.add(stem, tiny())
        (models / f"{stem}.toml").write_text(text, errors="surrogateescape")
    for stem in ("team21_Pipe", "team22_Zero", "team23_Folder", "team24_Nowhere"):
        harness.add(stem, tiny())
    os.mkfifo(models / "team21_Pipe.toml")
    (models / "team22_Zero.toml").symlink_to("/dev/zero")
    (models / "team23_Folder.toml").mkdir()
    (models / "team24_Nowhere.toml").symlink_to("nowhere.toml")
    (models / f"team31_{'x' * 235}.py").write_text(tiny())
    (models / "team32_New\nLine.py").write_text(tiny())
    Path(os.fsdecode(os.fsencode(models) + b"/team33_\xff\xfe.py")).write_text(tiny())
    (models / "team34_\x1b[31m.py").write_text(tiny())
    (models / "team35_\u202e.py").write_text(tiny())
    (models / f"team{'9' * 60}_Id.py").write_text(tiny())
    zoo = harness.path / "model_zoo"
    for number, name in ((41, b"team41_\xff.pth"), (42, b"team42_\x1b[2J.pth")):
        harness.add(f"team{number}_Weights", tiny(), checkpoint="kept.pth")
        (zoo / "kept.pth").rename(zoo / os.fsdecode(name))
    for number in (43, 44):
        harness.add(f"team{number}_Ring", tiny(), checkpoint="kept.pth")
        (zoo / "kept.pth").unlink()
    (zoo / "team43_a.pth").symlink_to("team43_b.pth")
    (zoo / "team43_b.pth").symlink_to("team43_a.pth")
    (models / "team44_Ring.toml").symlink_to("team44_Ring.toml")
    harness.add("team99_Last", tiny())


BROKEN = {
    "11_Digits": "TOML",
    "12_Brackets": "nests deeper",
    "13_Dots": "nests deeper",
    "14_Huge": "data_range",
    "15_Bytes": "TOML",
    "16_Tables": "nests deeper",
    "21_Pipe": "no ordinary file",
    "22_Zero": "no ordinary file",
    "23_Folder": "no ordinary file",
    "24_Nowhere": "no ordinary file",
    "team31_": "more than 120 bytes",
    "team32_": "cannot be printed",
    "team33_": "no UTF-8",
    "team34_": "cannot be printed",
    "team35_": "cannot be printed",
    "team999": "the name must be",
    "41_Weights": "no UTF-8",
    "42_Weights": "cannot be printed",
    "43_Ring": "no checkpoint",
    "44_Ring": "no ordinary file",
}
WITHOUT = ("41_Weights", "42_Weights", "43_Ring")
"""Checkpoints that are none."""


@pytest.fixture(scope="module", params=["--no_sandbox", "--sandbox"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    harness = Harness(tmp_path_factory.mktemp("files") / "harness")
    write_pairs(harness.path / "data" / "demo")
    _write(harness)
    done = harness.run("--model_id", "all", request.param)
    if "bwrap is not" in done.stderr:
        pytest.skip(done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode == 1, done.stdout + done.stderr
    return harness


@pytest.mark.parametrize("label", BROKEN)
def test_each_is_one_row_that_says_why(run: Harness, label: str) -> None:
    (row,) = (row for name, row in run.rows().items() if name.startswith(label))
    assert (row["Status"], row["Failed stage"]) == ("failed", "discover")
    assert BROKEN[label] in row["Reason"]


def test_the_others_are_measured_and_no_row_is_lost(run: Harness) -> None:
    rows = run.rows()
    assert rows["99_Last"]["Status"] == "ok"
    assert len(rows) == len(BROKEN) + 1


def test_list_names_all_of_them(run: Harness) -> None:
    done = run.run("--list")
    assert done.returncode == 0, done.stderr
    for label in BROKEN:
        # A sound model without its checkpoint has a column for its id and one for its name.
        shown = label.partition("_")[2] if label in WITHOUT else label.removeprefix("team")
        assert shown in done.stdout
    assert not set(done.stdout) & {"\x1b", "\u202e"}


@pytest.mark.parametrize("flag", ["--checkpoint", "--submission", "--data_dir", "--save_dir"])
def test_a_path_that_no_record_could_name_is_refused(run: Harness, flag: str) -> None:
    done = run.run("--model_id", "99", flag, os.fsdecode(b"\xff\xfe"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no UTF-8" in done.stderr
