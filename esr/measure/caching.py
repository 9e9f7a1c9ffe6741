"""Whether a network is faster on an image it has seen than on another one that costs the same.

Source: MLPerf Inference, compliance test TEST04, which repeats one sample. Here an image of the
data set, copies with noise of one grey level and random images take turns in random order. A
verdict needs two things in two independent series: medians far enough apart, and a rank sum (Mann
and Whitney 1947) that a network to which all inputs are alike gives once in 10 000 series. A first,
short series only decides whether the others are worth their passes.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from esr.images import Image

Cost = Callable[[Image], float]
"""Restores an image and says what it cost, in any unit."""

FIRST_ROUNDS = 2
ROUNDS = 12
SERIES = 2
_ARMS = 3
"""Kinds of input in a round."""
NOISY_SHARE = 0.8
"""A copy with noise costs any honest network the same."""
RANDOM_SHARE = 0.5
"""A random image may cost more where a network spares itself work on smooth parts."""
_Z = 3.72
"""Standard deviations that a normal variable exceeds on one side once in 10 000 times."""


@dataclass
class Series:
    """Costs of restoring one image, noisy copies of it, and random images of its shape."""

    same: list[float] = field(default_factory=list)
    noisy: list[float] = field(default_factory=list)
    random: list[float] = field(default_factory=list)

    @property
    def noisy_ratio(self) -> float:
        """Median cost of the image by that of its noisy copies."""
        return _ratio(self.same, self.noisy)

    @property
    def random_ratio(self) -> float:
        """Median cost of the image by that of random images."""
        return _ratio(self.same, self.random)


def noisy(image: Image, rng: np.random.Generator) -> Image:
    """Move every value by at most one grey level: another input that costs a network the same."""
    moved = image.astype(np.int16) + rng.integers(-1, 2, image.shape, np.int16)
    clipped: Image = moved.clip(0, 255).astype(np.uint8)
    return clipped


def take(image: Image, cost: Cost, rounds: int, rng: np.random.Generator) -> Series:
    """Restore the three kinds of input in turn, in random order, each of the others new."""
    series = Series()
    arms: tuple[tuple[list[float], Callable[[], Image]], ...] = (
        (series.same, image.copy),
        (series.noisy, lambda: noisy(image, rng)),
        (series.random, lambda: rng.integers(0, 256, image.shape, np.uint8)),
    )
    for _ in range(rounds):
        for arm in rng.permutation(len(arms)):
            costs, make = arms[arm]
            costs.append(cost(make()))
    return series


def verdict(
    image: Image,
    cost: Cost,
    rng: np.random.Generator,
    affords: Callable[[str, int], bool] = lambda _what, _passes: True,
) -> tuple[str, Series] | None:
    """Find out whether a network favours an image it has seen.

    Args:
        image: that it has seen.
        cost: what a pass costs.
        rng: of the noise and the order.
        affords: whether there is time for something, given its name and its number of passes.

    Returns:
        (`cached_output` or `input_dependent_runtime`, a series that shows it); None if it does not.
    """
    if not affords("costs compared", _ARMS * FIRST_ROUNDS):
        return None
    first = take(image, cost, FIRST_ROUNDS, rng)
    # Interruptions only ever add, so the smallest of a few is the least disturbed.
    least = min(first.same)
    if least >= NOISY_SHARE * min(first.noisy) and least >= RANDOM_SHARE * min(first.random):
        return None
    suspicion = f"a suspicion confirmed ({first.noisy_ratio:.2f} of the costs of noisy copies)"
    if not affords(suspicion, _ARMS * ROUNDS * SERIES):
        return None
    confirmed = [take(image, cost, ROUNDS, rng) for _ in range(SERIES)]
    if all(_faster(series.same, series.noisy, NOISY_SHARE) for series in confirmed):
        return "cached_output", confirmed[0]
    if all(_faster(series.same, series.random, RANDOM_SHARE) for series in confirmed):
        return "input_dependent_runtime", confirmed[0]
    return None


def _faster(same: Sequence[float], other: Sequence[float], share: float) -> bool:
    return _ratio(same, other) < share and rank_sum_z(same, other) < -_Z


def _ratio(same: Sequence[float], other: Sequence[float]) -> float:
    return statistics.median(same) / max(statistics.median(other), 1e-12)


def rank_sum_z(same: Sequence[float], other: Sequence[float]) -> float:
    """Mann and Whitney's U in standard deviations from its mean; negative if `same` is smaller."""
    below = np.less.outer(np.asarray(other), np.asarray(same)).sum()
    equal = np.equal.outer(np.asarray(other), np.asarray(same)).sum()
    pairs = len(same) * len(other)
    deviation = math.sqrt(pairs * (len(same) + len(other) + 1) / 12)
    return float((below + equal / 2 - pairs / 2) / deviation)
