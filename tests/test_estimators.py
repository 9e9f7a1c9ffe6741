"""The raw samples of an H100: how much each estimator varies from process to process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.estimators import (
    AT_MOST_PERCENT,
    SHIPPED,
    mean_of_medians,
    tabulate,
    variation_percent,
)


def test_by_hand() -> None:
    # Medians 2 and 5, mean 3.5; 9 and 11 have a mean of 10 and a standard deviation of sqrt(2).
    assert mean_of_medians([[1, 5], [2, 4], [9, 6]]) == 3.5
    assert variation_percent([9, 11]) == pytest.approx(14.1421356)


def test_queued_passes_reproduce_and_single_ones_do_not(shared: Path) -> None:
    runs = json.loads((shared / "reference" / "gpu_h100" / "estimators.json").read_text())["runs"]
    table = tabulate(runs)
    assert len(table[SHIPPED]) == 4
    assert max(table[SHIPPED].values()) <= AT_MOST_PERCENT
    assert max(table["warm: 5 rounds"].values()) > 5 * AT_MOST_PERCENT
