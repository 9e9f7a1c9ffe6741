"""How much processes of one submission differ, from two or three of each of many submissions.

Of three processes alone a variance is known to a factor of six, so submissions lend each other
strength: their variances are taken for draws from a scaled inverse chi-squared distribution, whose
scale and degrees of freedom are fitted to all of them, and each is moved towards it. Where they
differ no more than chance makes them, one variance serves all; where they do, each keeps its own.

Source: Smyth, Linear Models and Empirical Bayes Methods for Assessing Differential Expression in
Microarray Experiments, SAGMB 3(1), 2004, sections 4 and 6.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_FLOOR = 1e-5
"""Of the median variance: less is a clock that does not resolve, not a submission without noise."""


def moderate(
    variances: Sequence[float], freedoms: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Move variances towards what they have in common.

    Args:
        variances: of each submission; what counts nothing if its degrees of freedom are 0.
        freedoms: degrees of freedom of each, at least one of them not 0.

    Returns:
        (variances, degrees of freedom), those of 0 degrees of freedom filled in
    """
    own, own_freedoms = np.asarray(variances, np.float64), np.asarray(freedoms, np.float64)
    known = own_freedoms > 0
    total = own_freedoms.sum()
    pooled = (own[known] * own_freedoms[known]).sum() / total
    own = np.where(known, np.maximum(own, _FLOOR * np.median(own[known])), pooled)
    common, common_freedom = _fit(own[known], own_freedoms[known], float(pooled))
    if math.isinf(common_freedom):
        return np.full_like(own, common), np.full_like(own, total)
    moderated = (common_freedom * common + own_freedoms * own) / (common_freedom + own_freedoms)
    # Nobody knows more than all know together, and who knows nothing has a distribution at least.
    return moderated, np.clip(common_freedom + own_freedoms, 1, total)


def _fit(
    variances: NDArray[np.float64], freedoms: NDArray[np.float64], pooled: float
) -> tuple[float, float]:
    """Fit scale and degrees of freedom of the distribution of variances, by their logarithms."""
    if len(variances) < 2 or pooled == 0:
        return pooled, math.inf
    offsets = np.array([digamma(freedom / 2) - math.log(freedom / 2) for freedom in freedoms])
    logs = np.log(variances) - offsets
    excess = logs.var(ddof=1) - np.mean([trigamma(freedom / 2) for freedom in freedoms])
    if not excess > 0:
        return pooled, math.inf
    half = _invert_trigamma(float(excess))
    return math.exp(logs.mean() + digamma(half) - math.log(half)), 2 * half


def digamma(x: float) -> float:
    """Derivative of ln gamma for x > 0 (Abramowitz and Stegun 6.3.5, 6.3.18)."""
    shift = 0.0
    while x < 10:
        shift -= 1 / x
        x += 1
    square = 1 / x**2
    series = square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square / 240)))
    return shift + math.log(x) - 0.5 / x - series


def trigamma(x: float) -> float:
    """Second derivative of ln gamma for x > 0 (Abramowitz and Stegun 6.4.6, 6.4.12)."""
    shift = 0.0
    while x < 10:
        shift += 1 / x**2
        x += 1
    square = 1 / x**2
    series = square * (1 / 6 - square * (1 / 30 - square * (1 / 42 - square / 30)))
    return shift + (1 + 0.5 / x + series) / x


def _invert_trigamma(value: float) -> float:
    """Bisect, on a logarithmic scale: trigamma falls from infinity to 0."""
    low, high = 1e-4, 1e8
    for _ in range(80):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if trigamma(middle) > value else (low, middle)
    return math.sqrt(low * high)
