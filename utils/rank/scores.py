"""SCORES: how a track turns figures into a score. Lower is better, everywhere.

Sources: report of 2022 (sums of ranks); READMEs of 2024 to 2026, Ranking Strategy (exponential).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from utils.protocol import Cost, Track
from utils.rank.row import Quantity

Costs = Mapping[Cost, Quantity]


@dataclass(frozen=True)
class Score:
    """What a submission reaches in one track."""

    value: float | None
    """As the challenge prints it; infinite if it exceeds a float, None if that needs a baseline."""
    order: Quantity
    """What ranks, in the same order as the score; its interval is the runtime's, carried over."""
    log: float | None = None
    """Natural logarithm of the score, where the score grows exponentially."""


def figure(track: Track, own: Costs, rivals: Sequence[Costs], base: Costs | None) -> Score:
    """Take the one figure itself."""
    del rivals, base
    (name,) = track.terms
    return Score(own[name].value, own[name])


def rank_sum(track: Track, own: Costs, rivals: Sequence[Costs], base: Costs | None) -> Score:
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
    track: Track, own: Costs, rivals: Sequence[Costs], base: Costs | None
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


def _log_score(track: Track, own: Mapping[Cost, float], base: Costs) -> float:
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


Formula = Callable[[Track, Costs, Sequence[Costs], Costs | None], Score | None]
"""(track, own figures, those of all that are ranked, those of the baseline) -> score, if any."""

SCORES: dict[str, Formula] = {"figure": figure, "rank_sum": rank_sum, "exponential": exponential}
"""By the name that protocols use; one entry adds a formula of costs (`utils.protocol.Cost`)."""
