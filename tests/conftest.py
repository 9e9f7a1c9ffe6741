"""Fixtures that more than one test module needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from harness import Harness, write_pairs

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """Give every parallel test one thread: pools that wait for each other's cores take ten times as long."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)


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
