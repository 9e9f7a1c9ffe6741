"""Temporary folders: gone with their owner, or with the next run where the owner was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from esr.base.scratch import remove_orphans, scratch_folder, scratch_roots

OWNER = """
import sys
from esr.base.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "image.npy").write_bytes(b"x")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def _owner(root: Path, place: Path) -> tuple[subprocess.Popen[str], Path]:
    pipe, environment = subprocess.PIPE, {**os.environ, "TMPDIR": str(place)}
    command = [sys.executable, "-c", OWNER]
    owner = subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, text=True, env=environment)
    return owner, Path(owner.stdout.readline().strip())


def test_a_relative_place_is_named_in_full_for_a_child_that_works_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", ".")
    with scratch_folder() as folder:
        assert folder.is_absolute()
        assert folder.is_relative_to(tmp_path)
        assert tmp_path / folder.parent.name in scratch_roots()


def _fail_in_a_folder() -> None:
    with scratch_folder() as folder:
        (folder / "deep").mkdir()
        assert folder.stat().st_mode & 0o077 == 0
        remove_orphans()
        raise KeyError(folder.is_dir())


def test_a_folder_ends_with_its_block_whatever_happens_in_it(place: Path) -> None:
    with pytest.raises(KeyError, match="True"):
        _fail_in_a_folder()
    assert list(place.iterdir()) == []


def test_only_what_a_dead_owner_left_is_removed(root: Path, place: Path) -> None:
    (dead, left), (living, used) = _owner(root, place), _owner(root, place)
    with dead, living:
        dead.kill()
        dead.wait()
        assert (left / "image.npy").exists()
        remove_orphans()
        assert (left.exists(), (used / "image.npy").exists()) == (False, True)
        living.stdin.close()
    assert list(place.iterdir()) == []


def test_what_is_not_ours_stays(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A mark that is a link, a folder that is a link, and folders with other files are left alone."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / ".esr-scratch").write_bytes(b"")
    (elsewhere / "precious").write_text("x")
    (place / "link").symlink_to(elsewhere)
    (place / "marked").mkdir()
    (place / "marked" / ".esr-scratch").symlink_to(elsewhere / "precious")
    (place / "folder").mkdir()
    (place / "folder" / "x").write_text("x")
    (place / ".esr-scratch").write_bytes(b"")
    remove_orphans()
    assert sorted(path.name for path in place.iterdir()) == [
        ".esr-scratch",
        "folder",
        "link",
        "marked",
    ]
    assert (elsewhere / "precious").read_text() == "x"


def test_links_in_an_orphan_are_not_followed(
    root: Path, place: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    precious = tmp_path_factory.mktemp("precious")
    (precious / "file").write_text("x")
    owner, left = _owner(root, place)
    with owner:
        (left / "sr").symlink_to(precious)
        owner.kill()
    remove_orphans()
    assert not left.exists()
    assert (precious / "file").exists()
