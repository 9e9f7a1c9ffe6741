"""The robust runtime and its uncertainty, from the samples of a warm network."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from esr.records.conditions import Conditions
from esr.records.split_result import RobustTiming, SteadyTiming
from esr.records.timing_samples import SteadySamples

RESAMPLES = 2000
LEVEL = 0.95
_SEED = 20240
_ELEMENTS_AT_MOST = 2**22
"""Of one block of resampled runtimes, so that memory does not grow with the number of images."""


def robust_timing(samples_ms: ArrayLike, conditions: Conditions | None) -> RobustTiming:
    """Summarise repeated runtimes.

    Args:
        samples_ms: (images, repeats) in milliseconds.
        conditions: how they were taken.
    """
    samples = np.asarray(samples_ms, np.float64)
    low, high = interval(samples)
    return RobustTiming(
        samples_ms=tuple(tuple(map(float, row)) for row in samples),
        mean_ms=mean_of_medians(samples),
        low_ms=low,
        high_ms=high,
        p90_ms=_percentile(samples.ravel(), 90),
        conditions=conditions,
    )


def steady_timing(steady: SteadySamples) -> SteadyTiming:
    """Summarise the times of blocks of images."""
    samples = np.asarray(steady.samples_ms, np.float64)
    # Blocks may differ in size: their sum counts, by the number of all images.
    of_one = len(steady.blocks) / sum(map(len, steady.blocks))
    low, high = interval(samples)
    return SteadyTiming(
        **vars(steady),
        mean_ms=of_one * mean_of_medians(samples),
        low_ms=of_one * low,
        high_ms=of_one * high,
    )


def half_width_percent(samples_ms: ArrayLike) -> float:
    """Half the width of the interval, in percent of the figure.

    Args:
        samples_ms: (images or blocks, rounds).
    """
    samples = np.asarray(samples_ms, np.float64)
    low, high = interval(samples)
    return 50 * (high - low) / max(mean_of_medians(samples), 1e-9)


def mean_of_medians(samples: NDArray[np.float64]) -> float:
    """Per image the median of its repeats, then the mean over images.

    Args:
        samples: (images, repeats).
    """
    return float(np.median(samples, axis=1).mean())


def interval(samples: NDArray[np.float64]) -> tuple[float, float]:
    """Percentile bootstrap of `mean_of_medians` (Efron 1979), the images held fixed.

    Whole rounds are drawn, with replacement: samples of one round share the state of the machine,
    and to draw them image by image would average that uncertainty away.

    Args:
        samples: (images, repeats); column r was taken in round r.

    Returns:
        the ends of the interval that holds `LEVEL` of the resampled means
    """
    images, rounds = samples.shape
    drawn = np.random.default_rng(_SEED).integers(rounds, size=(RESAMPLES, rounds))
    block = max(1, _ELEMENTS_AT_MOST // (images * rounds))
    means = [
        np.median(samples[:, drawn[start : start + block]], axis=2).mean(axis=0)
        for start in range(0, RESAMPLES, block)
    ]
    tail = 50 * (1 - LEVEL)
    resampled = np.concatenate(means)
    return _percentile(resampled, tail), _percentile(resampled, 100 - tail)


def _percentile(values: NDArray[np.float64], percent: float) -> float:
    """The usual percentile; between two infinite values it is infinite, where NumPy's is NaN."""
    below, above = (np.percentile(values, percent, method=way) for way in ("lower", "higher"))
    return float(below if below == above else np.percentile(values, percent))
