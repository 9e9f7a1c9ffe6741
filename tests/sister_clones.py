"""Clones of the sister challenges' repositories, for tests beside the official code itself.

None is committed or downloaded here. `SISTER_CLONES` names a folder that holds them under the names
of their repositories; `../shared/clones` is looked into without it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "clones"


def find_clone(name: str) -> Path:
    """Find a clone by the name of its repository; the test is skipped without it."""
    clone = Path(os.environ.get("SISTER_CLONES", _BESIDE)) / name
    if not clone.is_dir():
        pytest.skip(f"no clone of {name} in {clone.parent} (SISTER_CLONES)")
    return clone.resolve()


@contextmanager
def official_module(clone: Path) -> Iterator[ModuleType]:
    """Import `utils/utils_image.py` of a clone, whose unused import of torchvision may fail."""
    stand_ins = {}
    for name in ("torchvision", "torchvision.utils", "matplotlib", "matplotlib.pyplot"):
        if name not in sys.modules and importlib.util.find_spec(name.partition(".")[0]) is None:
            stand_ins[name] = ModuleType(name)
            vars(stand_ins[name])["make_grid"] = None
    sys.modules.update(stand_ins)
    try:
        path = clone / "utils" / "utils_image.py"
        spec = importlib.util.spec_from_file_location(f"official_{clone.name}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        for name in stand_ins:
            del sys.modules[name]


def image_pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Make (SR, HR), uint8 RGB of odd sides, smooth enough that SSIM says something."""
    random = np.random.default_rng(seed)
    height, width = 61 + seed % 5, 74 + seed % 3
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [128 + 90 * np.sin(rows / (4 + c) + seed) * np.cos(columns / (7 - c)) for c in range(3)]
    hr = np.stack(waves, axis=-1).round().astype(np.uint8)
    noise = random.integers(-9, 10, hr.shape)
    return np.clip(hr + noise, 0, 255).astype(np.uint8), hr
