"""From scores as they may have come out to places: intervals, frequencies, ties.

A place is no smooth function of a runtime: to take percentiles of drawn places fails where scores
lie close together, since the draws scatter about an order that noise has made (Hall and Miller,
Annals of Statistics 37, 2009). So an interval counts who is certainly better and who is certainly
worse, certain meaning that all comparisons of one submission hold together in 95 % of the cases
(Mogstad, Romano, Shaikh and Wilhelm, Inference for Ranks, Review of Economic Studies 91, 2024).
Percentiles of the drawn places are within it, too. A tie is about one pair alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95


@dataclass(frozen=True)
class RankPlaces:
    """Where a submission may stand in a track."""

    low: int
    """The better end of the 95 % interval."""
    high: int
    frequencies: tuple[float, ...]
    """Share of the draws at each place, from the first to the last."""
    ties: tuple[int, ...]
    """Numbers of the groups that it shares with those from whom it does not certainly differ."""


def place(scores: NDArray[np.float64], drawn: NDArray[np.float64]) -> list[RankPlaces]:
    """Say where everybody may stand.

    Args:
        scores: (submissions,), less is better.
        drawn: (draws, submissions), the same as they may have come out.
    """
    count = len(scores)
    ties = group([[_is_open(scores, drawn, a, b) for b in range(count)] for a in range(count)],
                 np.argsort(scores, kind="stable").tolist())  # fmt: skip
    return [_place_one(scores, drawn, own, ties[own]) for own in range(count)]


def _place_one(
    scores: NDArray[np.float64], drawn: NDArray[np.float64], own: int, ties: tuple[int, ...]
) -> RankPlaces:
    places = 1 + (drawn < drawn[:, [own]]).sum(axis=1)
    frequencies = np.bincount(places, minlength=len(scores) + 1)[1:] / len(drawn)
    tail = (1 - LEVEL) / 2
    ends = np.quantile(places, [tail, 1 - tail], method="nearest")
    behind = scores - scores[own]
    certain = _compare_all(behind, drawn - drawn[:, [own]], own)
    better, worse = int((certain & (behind < 0)).sum()), int((certain & (behind > 0)).sum())
    return RankPlaces(
        min(1 + better, int(ends[0])),
        max(len(scores) - worse, int(ends[1])),
        tuple(map(float, frequencies)),
        ties,
    )


def _compare_all(
    behind: NDArray[np.float64], drawn: NDArray[np.float64], own: int
) -> NDArray[np.bool_]:
    """Tell from whom somebody differs, all at once: by the largest of the studentised errors."""
    errors = drawn - behind
    # Exponential scores of two wild processes leave the range of floats: nothing is certain then.
    with np.errstate(over="ignore", invalid="ignore"):
        return _exceed_noise(behind, errors, own)


def _exceed_noise(
    behind: NDArray[np.float64], errors: NDArray[np.float64], own: int
) -> NDArray[np.bool_]:
    spread = errors.std(axis=0)
    noisy = spread > 1e-12 * np.abs(behind)
    noisy[own] = False
    certain = ~noisy & (behind != 0)
    if noisy.any():
        largest = (np.abs(errors[:, noisy]) / spread[noisy]).max(axis=1)
        limit = np.quantile(largest, LEVEL)
        certain[noisy] = np.abs(behind[noisy]) > limit * spread[noisy]
    return np.asarray(certain)


def _is_open(scores: NDArray[np.float64], drawn: NDArray[np.float64], a: int, b: int) -> bool:
    """Tell whether the order of two might be the other: fewer than 97.5 % of draws agree."""
    if a == b or scores[a] == scores[b]:
        return True
    first, second = (a, b) if scores[a] < scores[b] else (b, a)
    return bool((drawn[:, first] < drawn[:, second]).mean() < (1 + LEVEL) / 2)


def group(is_open: Sequence[Sequence[bool]], order: Sequence[int]) -> list[tuple[int, ...]]:
    """Number groups so that two share one if and only if their order is open.

    A compact letter display (Piepho, Journal of Computational and Graphical Statistics 13, 2004):
    neighbour by neighbour, an even field would be one long tie from first to last.

    Args:
        is_open: for each pair whether its order is; symmetric.
        order: the submissions, the best first.
    """
    groups: list[list[int]] = []
    for position, own in enumerate(order):
        for other in order[position + 1 :]:
            if is_open[own][other] and not any({own, other} <= set(one) for one in groups):
                members = [own, other]
                members += [
                    third
                    for third in order
                    if third not in members and all(is_open[third][member] for member in members)
                ]
                groups.append(members)
    return [
        tuple(number for number, members in enumerate(groups, 1) if own in members)
        for own in range(len(order))
    ]
