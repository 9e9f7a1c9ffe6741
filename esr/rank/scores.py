"""SCORES: how a track turns figures into a score. Lower is better, everywhere.

A formula works on arrays, an element a way the figures may be: as measured and at the ends of
their intervals (`score_of`), or as a bootstrap draws them (`esr.rank.drawn_field`).

Sources: report of 2022 (sums of ranks); READMEs of 2024 to 2026, Ranking Strategy (exponential);
the Real-Time challenge of 2023 (`esr.challenge.rtsr.real_time_score`); for sums of qualities, their
product with a speedup and the better of two ranks the READMEs and `eval.py` of
zhengchen1999/NTIRE2025_ImageSR_x4 and NTIRE2026_ImageSR_x4, Kai-Liu001/NTIRE2026_infraredSR and
jiatongli2024/NTIRE2026_Mobile_RealWorld_ImageSR.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esr.challenge.protocol import RankFigure, Track
from esr.challenge.rtsr.real_time_score import real_time_score
from esr.rank.figures import Quantity

Figures = Mapping[RankFigure, Quantity]
"""What is known of a submission that a track may rank by."""

Values = Mapping[RankFigure, NDArray[np.float64]]
"""The same as numbers alone, (ways,) each."""


@dataclass(frozen=True)
class Score:
    """What a submission reaches in one track."""

    value: float | None
    """As the challenge prints it; infinite if it exceeds a float, None if that needs a baseline."""
    order: Quantity
    """What ranks, in the same order as the score; its interval is the runtime's, carried over."""
    log: float | None = None
    """Natural logarithm of the score, where the score grows exponentially."""


def figure(
    track: Track, own: Values, others: Sequence[Values], base: Values | None
) -> NDArray[np.float64]:
    """Take the one figure itself."""
    del others, base
    (name,) = track.terms
    return own[name]


def rank_sum(
    track: Track, own: Values, others: Sequence[Values], base: Values | None
) -> NDArray[np.float64]:
    """Sum the ranks in each figure; equal figures share the better rank."""
    del base
    total = np.zeros(())
    for name, weight in track.terms.items():
        rank = 1.0 + sum((other[name] < own[name]).astype(np.float64) for other in others)
        total = total + weight * rank
    return np.broadcast_to(total, next(iter(own.values())).shape)


def exponential(
    track: Track, own: Values, others: Sequence[Values], base: Values | None
) -> NDArray[np.float64] | None:
    """Weigh exp(2 x / x_base) of every figure; the baseline itself gets exp(2), 7.3891.

    It is the logarithm that ranks, so that slow networks keep their order where the exponential
    overflows. Without a baseline a single figure still ranks, since the order is that figure's.
    """
    del others
    if base is None:
        return own[next(iter(track.terms))] if len(track.terms) == 1 else None
    # Overflow is infinite, and infinite less infinite is nothing, where the maximum says it all.
    with np.errstate(over="ignore", invalid="ignore"):
        logs = np.stack(
            [math.log(weight) + 2 * own[name] / base[name] for name, weight in track.terms.items()]
        )
        top = logs.max(axis=0)
        rest = np.log(np.exp(logs - top).sum(axis=0))
    return np.asarray(np.where(np.isinf(top), top, top + rest))


def real_time(
    track: Track, own: Values, others: Sequence[Values], base: Values | None
) -> NDArray[np.float64] | None:
    """Score by the Real-Time challenge, where more is better: its negative ranks.

    P0 is the track's where it has one, and else what was measured on the same images.
    """
    del others, base
    runtime_ms = own["fixed_time_ms"]
    if not (runtime_ms > 0).all():
        return None
    bicubic_db = track.bicubic_psnr_db
    bicubic = own["bicubic_psnr_db"] if bicubic_db is None else np.full_like(runtime_ms, bicubic_db)
    ways = zip(own["psnr_rgb_db"], runtime_ms, bicubic, strict=True)
    return np.array([-real_time_score(*map(float, way)) for way in ways])


GAINS: Mapping[RankFigure, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "lpips": lambda mean: 1 - mean,
    "dists": lambda mean: 1 - mean,
    "niqe": lambda mean: np.maximum(0, 10 - mean),
}
"""What of a figure counts where more is to be better; every other figure as it is."""


def weighted_sum(
    track: Track, own: Values, others: Sequence[Values], base: Values | None
) -> NDArray[np.float64]:
    """Sum what each figure gains, with its weight; more is better: the negative ranks.

    It is calculated of means over the data set, as the official scripts do.
    """
    del others, base
    return -_sum_gains(track, own, list(track.terms))


def _sum_gains(track: Track, own: Values, names: Sequence[RankFigure]) -> NDArray[np.float64]:
    gains = [track.terms[name] * GAINS.get(name, np.asarray)(own[name]) for name in names]
    return np.asarray(sum(gains))


def product(
    track: Track, own: Values, others: Sequence[Values], base: Values | None
) -> NDArray[np.float64] | None:
    """Double for each point of a weighted sum of qualities, times the speedup to its weight.

    The speedup is the baseline's runtime over the own one; more is better: the negative ranks.
    """
    del others
    if base is None or not (own["ave_time_ms"] > 0).all():
        return None
    qualities = [name for name in track.terms if name != "ave_time_ms"]
    speedup = base["ave_time_ms"] / own["ave_time_ms"]
    return -(2.0 ** _sum_gains(track, own, qualities) * speedup ** track.terms["ave_time_ms"])


def best_rank(
    track: Track, own: Values, others: Sequence[Values], base: Values | None
) -> NDArray[np.float64]:
    """Take the best of the ranks in each group of figures, and of equal ones the mean rank.

    The whole part is the best rank; behind the point stands the mean of the ranks, over one more
    than there are ranked, so that it never reaches the next whole number.
    """
    del base
    ranks = []
    for group in track.ranked_apart:
        gain = _sum_gains(track, own, group)
        better = ((_sum_gains(track, o, group) > gain).astype(np.float64) for o in others)
        ranks.append(1.0 + sum(better, np.zeros_like(gain)))
    of_groups = np.stack(ranks)
    return np.asarray(of_groups.min(axis=0) + of_groups.mean(axis=0) / (len(others) + 2))


Formula = Callable[[Track, Values, Sequence[Values], Values | None], "NDArray[np.float64] | None"]
"""(track, own figures, those of all others that are ranked, those of the baseline) -> what ranks,
(ways,), if anything does."""

SCORES: dict[str, Formula] = {
    "figure": figure,
    "rank_sum": rank_sum,
    "exponential": exponential,
    "real_time": real_time,
    "weighted_sum": weighted_sum,
    "product": product,
    "best_rank": best_rank,
}
"""By the name that protocols use; one entry adds a formula of `RankFigure`."""

ABSOLUTE = ("real_time", "weighted_sum", "product")
"""Formulas of which more is better, and which say something of a single submission."""

RELATIVE = ("rank_sum", "best_rank")
"""Formulas that look at the figures of others, which are prepared for no other formula."""

BY_BASELINE = ("exponential", "product")
"""Formulas that say nothing of several figures without those of a baseline."""

OF_QUALITY = (*ABSOLUTE, "best_rank")
"""Formulas that take figures of which more is better."""


def score_of(
    track: Track, own: Figures, rivals: Sequence[Figures], base: Figures | None
) -> Score | None:
    """Score a submission, with what the intervals of the figures leave possible.

    Args:
        track: its formula and terms.
        own: the submission's figures.
        rivals: those of everybody who is ranked, the submission itself included if it is.
        base: those of the baseline, whose intervals do not count.
    """
    relative = track.score in RELATIVE
    others = [_as_rival(rival) for rival in rivals if rival is not own] if relative else []
    exact = None if base is None else {name: np.full(3, cost.value) for name, cost in base.items()}
    ways = SCORES[track.score](track, _as_own(own), others, exact)
    if ways is None or (track.score == "exponential" and not math.isfinite(ways[2])):
        return None
    order = Quantity(*map(float, ways))
    if track.score != "exponential":
        return Score(-order.value if track.score in ABSOLUTE else order.value, order)
    return Score(None, order) if base is None else Score(_exp(order.value), order, order.value)


def _as_own(figures: Figures) -> Values:
    return {name: np.array([cost.value, cost.low, cost.high]) for name, cost in figures.items()}


def _as_rival(figures: Figures) -> Values:
    """The best that somebody may have reached is to be held against the others' worst."""
    return {name: np.array([cost.value, cost.high, cost.low]) for name, cost in figures.items()}


def _exp(log: float) -> float:
    try:
        return math.exp(log)
    except OverflowError:
        return math.inf
