"""Clones whose files are no files: rings of links, pipes, names that are no text, depth."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from clones import write_clone
from harness import Harness, write_pairs

from esr.base.errors import UserError
from esr.base.remove_tree import remove_tree
from esr.submissions.clone.clone_files import copy_clone
from esr.submissions.clone.discover_clone import discover_clone


def _ring(clone: Path) -> None:
    for name, other in (("a.py", "b.py"), ("b.py", "a.py"), ("own.pth", "own.pth")):
        (clone / "models" / name).symlink_to(other)
    (clone / "round").symlink_to(clone / "round")


def _odd(clone: Path) -> None:
    os.mkfifo(clone / "models" / "pipe.py")
    (clone / "models" / "endless.pth").symlink_to("/dev/zero")
    Path(os.fsdecode(os.fsencode(clone) + b"/models/\xff\xfe.py")).write_text("")
    (clone / "line\nbreak.py").write_text("")


def _deep(clone: Path) -> None:
    here = Path.cwd()
    os.chdir(clone)
    try:
        for _ in range(1500):
            Path("d").mkdir()
            os.chdir("d")
    finally:
        os.chdir(here)


def _make_holes(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


@pytest.mark.parametrize(
    "spoil",
    [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), _make_holes],
)
def test_a_script_that_is_no_script_is_one_line(tmp_path: Path, spoil) -> None:
    clone = write_clone(tmp_path / "clone")
    (clone / "test_demo.py").unlink()
    spoil(clone / "test_demo.py")
    with pytest.raises(UserError, match=r"test_demo\.py: is no ordinary file"):
        discover_clone(clone)


def test_a_file_of_holes_is_not_copied_until_the_disk_is_full(tmp_path: Path) -> None:
    clone = write_clone(tmp_path / "clone")
    _make_holes(clone / "holes.bin")
    with pytest.raises(UserError, match=r"holes\.bin: has 1024 GiB"):
        copy_clone(clone, tmp_path / "copy")


@pytest.mark.parametrize("flag", ["--no_sandbox", "--sandbox"])
def test_a_clone_is_measured_without_what_is_no_file(tmp_path: Path, flag: str) -> None:
    harness = Harness(tmp_path / "harness")
    harness.count_at(32)
    write_pairs(harness.path / "data" / "demo")
    clone = write_clone(tmp_path / "clone")
    for spoil in (_ring, _odd, _deep):
        spoil(clone)
    try:
        done = harness.run("--submission", str(clone), "--model_id", "0", flag)
    finally:
        remove_tree(clone)  # pytest's own removal descends by recursion.
    if "bwrap is not" in done.stderr:
        pytest.skip(done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_clones_own_counters_are_its_own_and_not_ours(tmp_path: Path) -> None:
    """A module of a clone that is called like a counter serves the clone, and counts nothing."""
    harness = Harness(tmp_path / "harness")
    harness.count_at(32)
    write_pairs(harness.path / "data" / "demo")
    clone = write_clone(tmp_path / "clone")
    (clone / "thop.py").write_text("OWN = True\ndef profile(*_, **__):\n    return 1, 1\n")
    (clone / "fvcore").mkdir()
    (clone / "fvcore" / "__init__.py").write_text("raise RuntimeError('of the clone')\n")
    model = clone / "models" / "team00_tiny.py"
    model.write_text(f"import thop\nassert thop.OWN\n{model.read_text()}")
    done = harness.run("--submission", str(clone), "--model_id", "0", "--no_sandbox")
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = harness.rows().values()
    counts = harness.record(row["Model"])["counts"]
    # 48 filters of 3x3x3 over 32x32.
    assert (counts["flops_thop"], counts["flops_fvcore"]) == (1327104, 1327104)
    assert counts["notes"] == []
