"""Hashes of data sets, against the coreutils and as a property of a set."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from utils.dataset import ImagePair
from utils.manifest import PairHash, pair_hash, set_sha256


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum on this machine")
def test_a_pair_has_the_hashes_that_sha256sum_prints(tmp_path: Path) -> None:
    (tmp_path / "hr.png").write_bytes(b"high")
    (tmp_path / "lr.png").write_bytes(b"low")
    found = pair_hash(ImagePair("hr.png", tmp_path / "lr.png", tmp_path / "hr.png"))
    printed = subprocess.run(
        ["sha256sum", "hr.png", "lr.png"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.split()
    assert (found.hr_sha256, found.lr_sha256) == (printed[0], printed[2])


def test_the_hash_of_a_set_is_of_its_files_whatever_their_order() -> None:
    a, b = PairHash("a.png", "1", "2"), PairHash("b.png", "3", "4")
    assert set_sha256([a, b]) == set_sha256([b, a])
    assert set_sha256([a, b]) == hashlib.sha256(b"1 2 a.png\n3 4 b.png\n").hexdigest()
    others = [[a], [a, PairHash("b.png", "3", "5")], [a, PairHash("c.png", "3", "4")], [a, a, b]]
    assert set_sha256([a, b]) not in {set_sha256(other) for other in others}
