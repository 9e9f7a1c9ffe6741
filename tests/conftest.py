"""Fixtures that more than one test module needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Harness, write_pairs

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared reference data beside the repository; tests that need it skip without it."""
    path = ROOT.parent / "shared"
    if not path.is_dir():
        pytest.skip(f"the reference data is absent: {path}")
    return path


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    """The harness, with one good submission and two tiny image pairs as its demo set."""
    harness = Harness(tmp_path / "harness")
    harness.add("team00_Tiny")
    write_pairs(harness.path / "data" / "demo")
    return harness
