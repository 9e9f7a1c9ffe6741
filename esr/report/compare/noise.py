"""Whether two runs differ by more than the scatter within them.

What the test covers: the scatter from image to image. What it cannot: whatever moves a whole run at
once, such as clock rates, temperature, or another program on the machine; only repeated runs show
that. So two runs of one program may truly differ, and this says that they do, not why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

LEVEL = 0.05
"""Runs of the same distribution are told apart this often, at most."""

PAIRS_AT_LEAST = 6
"""With fewer, not even unanimous pairs reach the level: 2 / 2**5 is more than 5 %."""


def compute_signed_rank_p(a: Sequence[float], b: Sequence[float]) -> float:
    """Compute the two-sided p-value of Wilcoxon's signed-rank test of log(b / a).

    Exact for any number of pairs, ties at their mean ranks, pairs without a difference left out
    (Wilcoxon, Individual Comparisons by Ranking Methods, 1945). One outlier, such as the cold first
    image, has no more weight than its rank.

    Args:
        a: positive values.
        b: as many, each one the partner of that of `a` at its position.
    """
    pairs = zip(a, b, strict=True)
    logs = np.array([math.log(y / x) for x, y in pairs if x != y])
    doubled = _double_ranks(np.abs(logs))
    total = int(doubled.sum())
    statistic = int(doubled[logs > 0].sum())
    extreme = min(statistic, total - statistic)
    return min(1.0, 2 * float(_compute_chances(doubled)[: extreme + 1].sum()))


def _double_ranks(values: np.ndarray) -> np.ndarray:
    """Twice the mean ranks, which are whole numbers."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, side="left")
    up_to = np.searchsorted(ordered, values, side="right")
    doubled: np.ndarray = below + up_to + 1
    return doubled


def _compute_chances(doubled: np.ndarray) -> np.ndarray:
    """Probability of every sum of the ranks, each of which is in it with probability 1/2."""
    chances = np.zeros(int(doubled.sum()) + 1)
    chances[0] = 1.0
    for rank in doubled:
        chances[rank:] = (chances[rank:] + chances[:-rank]) / 2
        chances[:rank] /= 2
    return chances
