"""Where this house stands on the disk."""

from __future__ import annotations

from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[1]
"""The package `esr`."""

ROOT = PROGRAM.parent
"""The repository: holds `models/`, `model_zoo/`, `results/` and the official import path."""

OFFICIAL = ROOT / "utils"
"""The modules that submissions may import by their official names."""

CODE = (PROGRAM, OFFICIAL)
"""What a submission's process may read of this house."""
