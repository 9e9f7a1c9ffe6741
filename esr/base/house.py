"""Where this house stands on the disk, and how a child finds it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[1]
"""The package `esr`."""

ROOT = PROGRAM.parent
"""The repository: holds `models/`, `model_zoo/`, `results/` and the official import path."""

OFFICIAL = ROOT / "utils"
"""The modules that submissions may import by their official names."""

CODE = (PROGRAM, OFFICIAL)
"""What a submission's process may read of this house."""


def import_path(environment: Mapping[str, str], root: Path = ROOT) -> str:
    """Put this house before the user's own `PYTHONPATH`."""
    return os.pathsep.join(filter(None, (str(root), environment.get("PYTHONPATH"))))


def run_module(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of this house in a process of its own, and keep what it prints."""
    return subprocess.run(
        # -P: the user may stand in a stranger's clone, whose `torch.py` is not to be imported.
        [sys.executable, "-P", "-m", module, *arguments],
        env={**os.environ, "PYTHONPATH": import_path(os.environ)},
        capture_output=True,
        text=True,
        check=False,
    )
