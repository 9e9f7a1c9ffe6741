"""What the leaderboard of a competition gets of an upload: numbers that the server can store.

It stores decimal(20, 10), and a single value that does not fit leaves the upload without any score
while it counts as finished (`docs/codabench.md`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from esr.evaluate.upload.upload_format import Readme
from esr.images.metrics import METRICS

INFINITE_DB = 200.0
"""Stands for the infinite PSNR of equal images. Above every finite one: a single level wrong in an
image of 10^12 values has 168 dB."""
RUNTIME, ON_CPU, EXTRA_DATA = "runtime", "cpu", "extra_data"
"""Keys of what participants say of themselves."""
_BELOW = 1e10


def server_scores(means: Mapping[str, float], readme: Readme | None) -> dict[str, float]:
    """List the values by column key; what is unknown, or cannot be stored, is left out."""
    scores = {key: _finite(value, METRICS[key].unit) for key, value in means.items()}
    said = readme or Readme()
    stated = {RUNTIME: said.runtime_s, ON_CPU: said.on_cpu, EXTRA_DATA: said.extra_data}
    scores |= {key: float(value) for key, value in stated.items() if value is not None}
    return {key: value for key, value in scores.items() if abs(value) < _BELOW}


def _finite(value: float, unit: str) -> float:
    return INFINITE_DB if value == math.inf and unit == "dB" else value
