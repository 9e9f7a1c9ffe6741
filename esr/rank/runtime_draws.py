"""Runtimes as another run might have measured them: a hierarchical bootstrap.

Two levels: processes of a submission, and rounds within a process. To draw two or three processes
with replacement yields intervals that are too narrow: the variance comes out (N - 1) / N of what it
is, N + 1 values at most can be drawn of an extreme, and rounds drawn within count their noise twice
(Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). So:

1. What processes deviate by, in logarithms, is divided by its standard deviation, which submissions
   estimate together (`esr.rank.process_noise`). The deviations of all are one pool, since noise is
   a property of the machine; a process is a draw from it, smoothed with a normal kernel that keeps
   the variance (Silverman and Young, Biometrika 74, 1987).
2. It is scaled to the submission's variance between processes, less what its rounds account for.
3. Whole rounds are drawn within each process, as `esr.measure.bootstrap` does, and add their part.
4. Every draw has a variance of its own, by the chi-squared distribution of what is known of it, so
   that intervals are those of Student's t and not of the normal distribution.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esr.rank.process_noise import moderate
from esr.rank.runtimes import Matrix, Process, Runtime

DRAWS = 2000
_WITHIN = 100
"""Times that the rounds of a process are drawn anew; each draw takes one of them."""
_FARTHEST = math.log(1000)
"""No draw is farther off than a factor of a thousand. Of two processes alone the variance is known
so badly that some would be infinite, and the difference of two of them nothing."""


@dataclass(frozen=True)
class Noise:
    """What is known of a submission's runtime."""

    value_ms: float
    """Mean over the processes."""
    deviations: NDArray[np.float64]
    """Of each process from the mean, in logarithms."""
    within: NDArray[np.float64]
    """(processes, draws): what drawing its rounds anew changes, in logarithms."""

    @property
    def processes(self) -> int:
        """How many measured it."""
        return len(self.deviations)

    @property
    def variance(self) -> float:
        """Between its processes; 0 of a single one."""
        return float(self.deviations @ self.deviations) / max(1, self.processes - 1)

    @property
    def within_variance(self) -> float:
        """What of that its rounds account for."""
        return float(self.within.var(axis=1).mean())


def draw_runtimes(
    processes: Mapping[str, Sequence[Process]], runtime: Runtime, seed: int = 0, draws: int = DRAWS
) -> dict[str, NDArray[np.float64]]:
    """Draw the runtimes of everybody, `draws` times.

    Args:
        processes: what each process measured, by the submission's label.
        runtime: what is made of it.
        seed: of the draws; each label has a stream of its own, whoever else takes part.
        draws: how many.

    Returns:
        runtimes in ms by label; nothing if nobody was measured in several processes
    """
    if not any(len(measured) > 1 for measured in processes.values()):
        return {}
    streams = {label: _make_stream(label, seed) for label in processes}
    noises = {
        label: _read_noise(measured, runtime, streams[label])
        for label, measured in processes.items()
    }
    known = list(noises.values())
    variances, freedoms = moderate(
        [noise.variance for noise in known], [noise.processes - 1 for noise in known]
    )
    pool = _pool(known, variances)
    return {
        label: noise.value_ms
        * np.exp(_draw_deviation(noise, variance, freedom, pool, streams[label], draws))
        for (label, noise), variance, freedom in zip(
            noises.items(), variances, freedoms, strict=True
        )
    }


def _make_stream(label: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(label.encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng([seed, *digest])


def _read_noise(
    measured: Sequence[Process], runtime: Runtime, random: np.random.Generator
) -> Noise:
    figures = np.array([runtime.figure_ms(process) for process in measured])
    logs = np.log(figures)
    within = np.stack([_redraw_rounds(process, runtime, random) for process in measured])
    return Noise(float(figures.mean()), logs - logs.mean(), within)


def _redraw_rounds(
    process: Process, runtime: Runtime, random: np.random.Generator
) -> NDArray[np.float64]:
    """Draw whole rounds with replacement: what that changes in the figure, in logarithms."""
    drawn = np.mean([_redraw(samples, runtime, random) for samples in process], axis=0)
    change = np.log(drawn / runtime.figure_ms(process))
    return np.asarray(change - change.mean())


def _redraw(samples: Matrix, runtime: Runtime, random: np.random.Generator) -> NDArray[np.float64]:
    rounds = samples.shape[1]
    if rounds == 1:
        return np.full(_WITHIN, runtime.sum_up(samples[:, 0]))
    chosen = random.integers(rounds, size=(_WITHIN, rounds))
    return runtime.sum_up(np.median(samples[:, chosen], axis=2))


def _pool(noises: Sequence[Noise], variances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Collect everybody's deviations, of either sign, at a variance of 1; in no one's order."""
    parts = [
        noise.deviations / math.sqrt(variance)
        for noise, variance in zip(noises, variances, strict=True)
        if noise.processes > 1 and variance > 0
    ]
    scaled = np.sort(np.concatenate([*parts, *(-part for part in parts)])) if parts else np.zeros(0)
    size = math.sqrt(scaled @ scaled / len(scaled)) if len(scaled) else 0.0
    return scaled / size if size > 0 else np.zeros(0)


def _draw_deviation(
    noise: Noise,
    variance: float,
    freedom: float,
    pool: NDArray[np.float64],
    random: np.random.Generator,
    draws: int,
) -> NDArray[np.float64]:
    """Draw what the mean over as many processes deviates by, in logarithms."""
    shape = (draws, noise.processes)
    between = math.sqrt(max(0.0, variance - noise.within_variance))
    chosen = random.integers(_WITHIN, size=shape)
    within = noise.within[np.arange(noise.processes), chosen]
    deviation = (between * _draw_smoothly(pool, shape, random) + within).mean(axis=1)
    deviation = deviation * np.sqrt(freedom / random.chisquare(freedom, draws))
    return np.asarray(np.clip(deviation, -_FARTHEST, _FARTHEST))


def _draw_smoothly(
    pool: NDArray[np.float64], shape: tuple[int, int], random: np.random.Generator
) -> NDArray[np.float64]:
    smooth = random.standard_normal(shape)
    if not len(pool):
        return smooth
    # Silverman's rule for a variance of 1, and shrunk so that it stays 1.
    width = 1.06 * len(pool) ** -0.2
    chosen = pool[random.integers(len(pool), size=shape)]
    return np.asarray((chosen + width * smooth) / math.sqrt(1 + width**2))
