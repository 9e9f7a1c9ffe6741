"""The robust runtime and its interval, against scipy's bootstrap and a case known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from esr.measure.bootstrap import interval, mean_of_medians, robust_timing


def test_median_of_each_image_then_mean_over_images() -> None:
    samples = np.array([[1.0, 2.0, 30.0], [10.0, 11.0, 12.0]])
    assert mean_of_medians(samples) == (2 + 11) / 2


def test_one_slow_repeat_moves_the_ninetieth_percentile_and_not_the_mean() -> None:
    timing = robust_timing([[5.0, 5.0, 5.0, 50.0, 5.0]], None)
    assert timing.mean_ms == 5.0
    assert 5.0 < timing.p90_ms < 50.0
    assert timing.samples == 5


def test_the_interval_holds_what_all_resamples_of_two_rounds_can_give() -> None:
    # Of two rounds only three different means can be drawn: 1, 1.5 and 2, of which the
    # extremes have a probability of a quarter each.
    samples = np.array([[1.0, 2.0], [1.0, 2.0]])
    assert interval(samples) == (1.0, 2.0)


def test_the_interval_is_that_of_scipy() -> None:
    bootstrap = pytest.importorskip("scipy.stats").bootstrap
    samples = np.random.default_rng(3).gamma(5, 2, (7, 15))

    def statistic(*images: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.mean([np.median(image, axis=axis) for image in images], axis=0)

    # `paired` draws the same rounds for every image.
    other = bootstrap(
        tuple(samples), statistic, paired=True, vectorized=True, n_resamples=20000,
        method="percentile", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    width = other.high - other.low
    assert interval(samples) == pytest.approx((other.low, other.high), abs=0.06 * width)


def test_nineteen_of_twenty_intervals_hold_the_true_median() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        low, high = interval(10 + rng.normal(size=(1, 25)))
        hits += low <= 10 <= high
    assert 180 <= hits <= 199


def test_many_images_give_the_same_as_few_and_it_is_repeatable() -> None:
    row = np.random.default_rng(1).normal(10, 1, 9)
    assert interval(np.tile(row, (4000, 1))) == pytest.approx(interval(row[None]))
    assert interval(row[None]) == interval(row[None])
