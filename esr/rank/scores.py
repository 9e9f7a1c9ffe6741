"""SCORES: how a track turns figures into a score. Lower is better, everywhere.

Sources: report of 2022 (sums of ranks); READMEs of 2024 to 2026, Ranking Strategy (exponential);
the Real-Time challenge of 2023 (`esr.challenge.rtsr.real_time_score`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from esr.challenge.protocol import RankFigure, Track
from esr.challenge.rtsr.real_time_score import real_time_score
from esr.rank.figures import Quantity

Figures = Mapping[RankFigure, Quantity]
"""What is known of a submission that a track may rank by."""


@dataclass(frozen=True)
class Score:
    """What a submission reaches in one track."""

    value: float | None
    """As the challenge prints it; infinite if it exceeds a float, None if that needs a baseline."""
    order: Quantity
    """What ranks, in the same order as the score; its interval is the runtime's, carried over."""
    log: float | None = None
    """Natural logarithm of the score, where the score grows exponentially."""


def figure(track: Track, own: Figures, rivals: Sequence[Figures], base: Figures | None) -> Score:
    """Take the one figure itself."""
    del rivals, base
    (name,) = track.terms
    return Score(own[name].value, own[name])


def rank_sum(track: Track, own: Figures, rivals: Sequence[Figures], base: Figures | None) -> Score:
    """Sum the ranks in each figure; equal figures share the better rank."""
    del base
    others = [rival for rival in rivals if rival is not own]
    ranks = {name: _rank(own[name], [other[name] for other in others]) for name in track.terms}
    total = Quantity(
        sum(weight * ranks[name].value for name, weight in track.terms.items()),
        sum(weight * ranks[name].low for name, weight in track.terms.items()),
        sum(weight * ranks[name].high for name, weight in track.terms.items()),
    )
    return Score(total.value, total)


def _rank(own: Quantity, others: Sequence[Quantity]) -> Quantity:
    """The rank, and the best and the worst one that the intervals leave possible."""
    return Quantity(
        1 + sum(other.value < own.value for other in others),
        1 + sum(other.high < own.low for other in others),
        1 + sum(other.low < own.high for other in others),
    )


def exponential(
    track: Track, own: Figures, rivals: Sequence[Figures], base: Figures | None
) -> Score | None:
    """Weigh exp(2 x / x_base) of every figure; the baseline itself gets exp(2), 7.3891.

    Without a baseline a single figure still ranks, since the order is that of the figure.
    """
    if base is None:
        return Score(None, own[next(iter(track.terms))]) if len(track.terms) == 1 else None
    del rivals
    order = Quantity(
        _log_score(track, {name: cost.value for name, cost in own.items()}, base),
        _log_score(track, {name: cost.low for name, cost in own.items()}, base),
        _log_score(track, {name: cost.high for name, cost in own.items()}, base),
    )
    return Score(_exp(order.value), order, order.value) if math.isfinite(order.high) else None


def _log_score(track: Track, own: Mapping[RankFigure, float], base: Figures) -> float:
    # As a logarithm, so that slow networks keep their order where the exponential overflows.
    logs = [
        math.log(weight) + 2 * own[name] / base[name].value for name, weight in track.terms.items()
    ]
    top = max(logs)
    if math.isinf(top):
        return top
    return top + math.log(sum(math.exp(log - top) for log in logs))


def _exp(log: float) -> float:
    try:
        return math.exp(log)
    except OverflowError:
        return math.inf


def real_time(
    track: Track, own: Figures, rivals: Sequence[Figures], base: Figures | None
) -> Score | None:
    """Score by the Real-Time challenge, where more is better: its negative ranks.

    P0 is the track's where it has one, and else what was measured on the same images.
    """
    del rivals, base
    runtime, psnr_db = own["fixed_time_ms"], own["psnr_rgb_db"].value
    if not runtime.value > 0:
        return None
    bicubic_db = track.bicubic_psnr_db
    if bicubic_db is None:
        bicubic_db = own["bicubic_psnr_db"].value
    value = real_time_score(psnr_db, runtime.value, bicubic_db)
    return Score(value, Quantity.exact(-value))


Formula = Callable[[Track, Figures, Sequence[Figures], Figures | None], Score | None]
"""(track, own figures, those of all that are ranked, those of the baseline) -> score, if any."""

SCORES: dict[str, Formula] = {
    "figure": figure,
    "rank_sum": rank_sum,
    "exponential": exponential,
    "real_time": real_time,
}
"""By the name that protocols use; one entry adds a formula of `RankFigure`."""

ABSOLUTE = ("real_time",)
"""Formulas whose score says something of a single submission."""
