"""Fixtures that more than one test module needs."""

from __future__ import annotations

import compileall
import os
from pathlib import Path

import pytest
import torch
from harness import Harness, write_pairs

ROOT = Path(__file__).resolve().parents[1]

LONGEST_FIRST = (
    "test_model_zoo.py",
    "test_hostile_zoo.py",
    "test_deploy.py",
    "test_environments_of_runs.py",
    "test_ray_engine.py",
    "test_parents_clock.py",
    "test_end_to_end.py",
    "test_training_run.py",
    "test_audit.py",
    "test_kills.py",
    "test_processes.py",
    "test_bad_models.py",
    "test_bad_data.py",
    "test_rtsr_run.py",
    "test_recipes.py",
    "test_browser.py",
    "test_team09_mdrn.py",
    "test_interleave.py",
    "test_published_quality.py",
    "test_fork.py",
)
"""Files that take longest, each the work of one process: what begins last must be short."""


def pytest_configure() -> None:
    """Give PyTorch one thread, here and in what is started.

    Pools that wait for each other's cores take ten times as long, and how a sum is shared between
    threads is how it is rounded.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    if "PYTEST_XDIST_WORKER" not in os.environ:
        # Once, for every copy of the harness: what runs in a sandbox cannot write its bytecode.
        for folder in ("esr", "utils"):
            compileall.compile_dir(ROOT / folder, quiet=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, since a file is not shared between processes."""
    rank = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


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
