"""Hashes of data sets, against the coreutils and as a property of a set."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import Harness, write_pairs

from esr.base.errors import UserError
from esr.base.sha256 import hash_file
from esr.datasets.image_pairs import ImagePair
from esr.datasets.manifest import (
    MANIFEST,
    PairHash,
    check_manifest,
    read_manifest,
    set_sha256,
    write_manifest,
)


def test_the_hash_of_a_set_is_of_its_files_whatever_their_order() -> None:
    a, b = PairHash("a.png", "1", "2"), PairHash("b.png", "3", "4")
    assert set_sha256([a, b]) == set_sha256([b, a])
    assert set_sha256([a, b]) == hashlib.sha256(b"1 2 a.png\n3 4 b.png\n").hexdigest()
    others = [[a], [a, PairHash("b.png", "3", "5")], [a, PairHash("c.png", "3", "4")], [a, a, b]]
    assert set_sha256([a, b]) not in {set_sha256(other) for other in others}


NAMES = ["a.png", "two words.png", "back\\slash.png", "Bild \u00fc.png", "*star.png"]


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum on this machine")
def test_a_manifest_is_what_sha256sum_reads_and_writes(tmp_path: Path) -> None:
    (tmp_path / "HR").mkdir()
    for name in NAMES:
        (tmp_path / "HR" / name).write_bytes(name.encode())
    hashes = {tmp_path / "HR" / name: hashlib.sha256(name.encode()).hexdigest() for name in NAMES}
    write_manifest(tmp_path, hashes)
    subprocess.run(["sha256sum", "--strict", "-c", MANIFEST], cwd=tmp_path, check=True)
    files = [f"HR/{name}" for name in NAMES]
    for flags in ([], ["--binary"]):
        done = subprocess.run(
            ["sha256sum", *flags, *files], cwd=tmp_path, capture_output=True, check=True
        )
        (tmp_path / MANIFEST).write_bytes(done.stdout)
        assert read_manifest(tmp_path / MANIFEST) == hashes


@pytest.mark.parametrize("text", ["no hash", "abc  a.png", "0" * 64 + " a.png", "{}"])
def test_what_is_no_manifest_is_refused_by_its_line(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text("0" * 64 + "  a.png\n\n" + text + "\n")
    with pytest.raises(UserError, match="line 3 is no hash"):
        read_manifest(tmp_path / MANIFEST)


def _pair(folder: Path, name: str) -> ImagePair:
    pair = ImagePair(f"{name}.png", folder / "LR" / f"{name}.png", folder / "HR" / f"{name}.png")
    for path in (pair.hr, pair.lr):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(path.relative_to(folder)))
    return pair


@pytest.fixture
def pairs(tmp_path: Path) -> list[ImagePair]:
    made = [_pair(tmp_path / "set", name) for name in ("a", "b")]
    files = [path for pair in made for path in (pair.hr, pair.lr)]
    write_manifest(
        tmp_path / "set", {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    )
    return made


def _check(pairs: list[ImagePair], data_dir: Path) -> tuple[Path, ...]:
    hashes = [PairHash(pair.name, hash_file(pair.hr), hash_file(pair.lr)) for pair in pairs]
    return check_manifest(pairs, hashes, data_dir)


def test_a_manifest_in_the_folder_of_the_set_or_above_is_found(
    pairs: list[ImagePair], tmp_path: Path
) -> None:
    assert _check(pairs, tmp_path) == (tmp_path / "set" / MANIFEST,)
    assert _check(pairs, tmp_path / "set") == (tmp_path / "set" / MANIFEST,)
    assert _check(pairs, tmp_path / "set" / "HR") == ()


def test_a_changed_file_is_named(pairs: list[ImagePair], tmp_path: Path) -> None:
    pairs[1].lr.write_text("other pixels")
    with pytest.raises(UserError, match=r"LR/b\.png: is not the file that the manifest names"):
        _check(pairs, tmp_path)


def test_a_missing_and_an_added_image_are_named(pairs: list[ImagePair], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"HR/b\.png: is missing.*\(1 more files"):
        _check(pairs[:1], tmp_path)
    with pytest.raises(UserError, match=r"HR/c\.png: is not in the manifest.*\(1 more files"):
        _check([*pairs, _pair(tmp_path / "set", "c")], tmp_path)


def test_a_folder_that_no_manifest_names_is_free(pairs: list[ImagePair], tmp_path: Path) -> None:
    other = _pair(tmp_path / "set" / "inner", "x")
    assert _check([other], tmp_path) == (tmp_path / "set" / MANIFEST,)


def test_an_evaluation_refuses_other_pixels_and_a_record_names_them(harness: Harness) -> None:
    demo = harness.path / "data" / "demo"
    files = [*(demo / "HR").iterdir(), *(demo / "LR_bicubic" / "X4").iterdir()]
    hashes = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    write_manifest(demo, hashes)
    done = harness.run()
    assert done.returncode == 0, done.stderr
    assert len(harness.record("00_Tiny")["splits"][0]["data_sha256"]) == 64
    write_pairs(demo, ("b", "a"))
    done = harness.run()
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is not the file that the manifest names" in done.stderr
    assert "(3 more files do not fit)" in done.stderr
