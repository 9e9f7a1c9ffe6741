"""A whole field of submissions as other runs might have measured it: draws -> places.

Every score is recomputed on every draw by the year's own formula, that of the baseline included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from esr.challenge.protocol import Track
from esr.rank.entrants import Candidate, Choices
from esr.rank.figures import Quantity
from esr.rank.rank_intervals import LEVEL, RankPlaces, place
from esr.rank.runtime_draws import DRAWS, draw_runtimes
from esr.rank.runtimes import RUNTIMES, read_processes
from esr.rank.scores import SCORES, Figures, Score, Values

Drawn = Mapping[str, NDArray[np.float64]]
"""Runtimes in ms by label, (draws,) each; empty if nobody was measured in several processes."""


@dataclass(frozen=True)
class Rival:
    """One who is ranked in a track."""

    label: str
    costs: Figures
    score: Score


def draw_field(
    candidates: Sequence[Candidate], baseline: str | None, choices: Choices, with_test: bool
) -> Drawn:
    """Draw the runtimes of all who are ranked, and of the baseline."""
    runtime = RUNTIMES[choices.runtime]
    counted = [one for one in candidates if one.reason is None or one.row.label == baseline]
    processes = {
        one.row.label: read
        for one in counted
        if one.runtime and (read := read_processes(one.row, runtime, with_test))
    }
    return draw_runtimes(processes, runtime, choices.seed)


def add_interval(candidate: Candidate, drawn: Drawn) -> Candidate:
    """Give a runtime the interval that holds 95 % of its draws."""
    if candidate.runtime is None or candidate.row.label not in drawn:
        return candidate
    runtime = interval_of(drawn[candidate.row.label], candidate.runtime.value)
    return replace(candidate, costs={**candidate.costs, "ave_time_ms": runtime})


def interval_of(drawn: NDArray[np.float64], value: float) -> Quantity:
    """Take the interval that holds 95 % of the draws of a runtime."""
    tail = (1 - LEVEL) / 2
    low, high = map(float, np.quantile(drawn, [tail, 1 - tail]))
    return Quantity(value, low, high)


def place_rivals(
    track: Track,
    rivals: Sequence[Rival],
    base: Figures | None,
    baseline: str | None,
    drawn: Drawn,
) -> dict[str, RankPlaces]:
    """Say where everybody may stand in a track, by label; nothing where no draw counts."""
    if "ave_time_ms" not in track.terms or not any(rival.label in drawn for rival in rivals):
        return {}
    observed = np.array([rival.score.order.value for rival in rivals])
    places = place(observed, order_draws(track, rivals, base, baseline, drawn))
    return {rival.label: found for rival, found in zip(rivals, places, strict=True)}


def order_draws(
    track: Track,
    rivals: Sequence[Rival],
    base: Figures | None,
    baseline: str | None,
    drawn: Drawn,
) -> NDArray[np.float64]:
    """Score everybody in a track on every draw.

    Returns:
        what ranks, (draws, rivals)
    """
    values = [_draw_values(rival.label, rival.costs, drawn) for rival in rivals]
    base_values = None if base is None else _draw_values(baseline, base, drawn)
    orders = []
    for own in values:
        others = [other for other in values if other is not own]
        order = SCORES[track.score](track, own, others, base_values)
        orders.append(np.full(DRAWS, np.inf) if order is None else order)
    return np.stack(orders, axis=1)


def _draw_values(label: str | None, costs: Figures, drawn: Drawn) -> Values:
    values = {name: np.full(DRAWS, cost.value) for name, cost in costs.items()}
    return values if label not in drawn else {**values, "ave_time_ms": drawn[label or ""]}
