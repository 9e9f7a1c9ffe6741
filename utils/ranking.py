"""Rows and a protocol -> who stands where, in every track, and why somebody does not.

Pure functions; nothing here reads a file or needs PyTorch. Formulas are in `utils.scores`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from utils.gate import Verdict, judge_gate
from utils.protocol import Cost, Protocol, Track
from utils.row import (
    Quantity,
    Row,
    has_test,
    official_figure,
    official_runtime,
    robust_runtime,
)
from utils.scores import SCORES, Costs, Score

PUBLISHED = "published"
"""Instead of a row's label: take the baseline's published figures."""

_KEYS: dict[Cost, str] = {
    "params_m": "num_parameters",
    "flops_g": "flops",
    "activations_m": "activations",
    "memory_mib": "valid_memory",
    "num_conv": "num_conv",
}

_NAMES: dict[Cost, str] = {
    "ave_time_ms": "runtime",
    "params_m": "parameters",
    "flops_g": "FLOPs",
    "activations_m": "activations",
    "memory_mib": "memory",
    "num_conv": "convolutions",
}


@dataclass(frozen=True)
class Choices:
    """What the published rules leave open."""

    runtime: Literal["official", "robust"] = "official"
    baseline: str | None = None
    """A row's label, or `published`; None looks for the protocol's own among the rows."""
    constraints: bool = False
    """Whether a track leaves out who is worse than the baseline in what its announcement names."""


@dataclass(frozen=True)
class Placing:
    """One submission in one track."""

    rank: int | None = None
    """None if it is not ranked here; equal scores share the better rank."""
    score: Score | None = None
    tie: int | None = None
    """Number of the group of neighbours whose intervals overlap; None outside such a group."""
    reason: str | None = None
    """Why it is not ranked here, if it is ranked elsewhere."""


Section = Literal["ranked", "unranked", "failed"]


@dataclass(frozen=True)
class Standing:
    """One submission on the leaderboard."""

    row: Row
    section: Section
    is_baseline: bool
    gate: Verdict
    runtime: Quantity | None
    """What was ranked by, in ms."""
    placings: tuple[Placing, ...]
    """In the order of the protocol's tracks."""
    reason: str | None = None
    """Why it is not ranked."""


@dataclass(frozen=True)
class Ranking:
    """A leaderboard, before anybody has rounded or formatted it."""

    protocol: Protocol
    choices: Choices
    baseline: str | None
    """Label of the baseline's row, `published`, or None if there is none."""
    standings: tuple[Standing, ...]
    """Ranked by the first track, the baseline among them; then the unranked, then the failed."""


@dataclass(frozen=True)
class _Candidate:
    row: Row
    is_baseline: bool
    gate: Verdict
    costs: Costs
    reason: str | None


def rank(rows: Sequence[Row], protocol: Protocol, choices: Choices | None = None) -> Ranking:
    """Rank submissions by a protocol.

    Args:
        rows: in any order; equal scores keep it.
        protocol: gate, tracks and baseline.
        choices: what the protocol leaves open.
    """
    choices = choices or Choices()
    own = choices.baseline or next((row.label for row in rows if _is_baseline(row, protocol)), None)
    with_test = any(has_test(row) for row in rows)
    candidates = [_candidate(row, row.label == own, protocol, choices, with_test) for row in rows]
    field = [one for one in candidates if one.reason is None and not one.is_baseline]
    base = _base(candidates, protocol, own, with_test)
    tracks = [_placings(track, candidates, field, base, choices) for track in protocol.tracks]
    standings = [
        _standing(one, tuple(places[index] for places in tracks))
        for index, one in enumerate(candidates)
    ]
    return Ranking(protocol, choices, own, tuple(sorted(standings, key=_position)))


def _is_baseline(row: Row, protocol: Protocol) -> bool:
    found = re.match(r"\s*(-?\d+)_(.*)", row.label)
    if found is None or int(found[1]) != protocol.baseline.model_id:
        return False
    return found[2].lower().startswith(protocol.baseline.name.lower())


def _candidate(
    row: Row, is_baseline: bool, protocol: Protocol, choices: Choices, with_test: bool
) -> _Candidate:
    costs = _costs(row, choices)
    gate = judge_gate(row, protocol)
    reason = _why_not(row, gate, costs, protocol)
    if reason is None and with_test and not has_test(row):
        reason = "not measured on the test set, as others were"
    return _Candidate(row, is_baseline, gate, costs, reason)


def _costs(row: Row, choices: Choices) -> Costs:
    runtime = official_runtime(row) if choices.runtime == "official" else robust_runtime(row)
    costs: dict[Cost, Quantity] = {} if runtime is None else {"ave_time_ms": runtime}
    for name, key in _KEYS.items():
        if (value := official_figure(row, key)) is not None:
            costs[name] = Quantity.exact(value)
    return costs


def _why_not(row: Row, gate: Verdict, costs: Costs, protocol: Protocol) -> str | None:
    if row.failure is not None:
        return f"{row.failure.stage}: {row.failure.reason}"
    if row.record and row.record.sidecar.scale != protocol.scale:
        return f"x{row.record.sidecar.scale}, the challenge is x{protocol.scale}"
    if gate.passed is False:
        return gate.reason
    needed = protocol.tracks[0].terms
    missing = [_NAMES[name] for name in needed if name not in costs]
    return f"{', '.join(missing)} not measured" if missing else None


def _base(
    candidates: Sequence[_Candidate], protocol: Protocol, own: str | None, with_test: bool
) -> Costs | None:
    if own == PUBLISHED:
        published = protocol.baseline.published
        return {name: Quantity.exact(published[name]) for name in _NAMES if name in published}
    # An earlier record of a baseline that failed this time is of another session.
    usable = (
        one
        for one in candidates
        if one.is_baseline and one.row.failure is None and has_test(one.row) == with_test
    )
    return next((one.costs for one in usable), None)


def _placings(
    track: Track,
    candidates: Sequence[_Candidate],
    field: Sequence[_Candidate],
    base: Costs | None,
    choices: Choices,
) -> list[Placing]:
    if base is not None and any(name not in base for name in track.terms):
        base = None
    complaints = {id(one): _complaint(one.costs, track, base, choices) for one in field}
    rivals = [one for one in field if complaints[id(one)] is None]
    # Who is not ranked has a score all the same: it shows where they would have stood.
    scored = [one for one in candidates if one.row.failure is None and not _lone(one, base)]
    scores = {id(one): _score(track, one, rivals, base) for one in scored}
    ranked = [one for one in rivals if scores[id(one)] is not None]
    orders = {id(one): score.order for one in ranked if (score := scores[id(one)]) is not None}
    ties = _ties(orders)
    return [
        Placing(
            rank=_rank_among(orders, id(one)),
            score=scores.get(id(one)),
            tie=ties.get(id(one)),
            reason=complaints.get(id(one)),
        )
        for one in candidates
    ]


def _lone(one: _Candidate, base: Costs | None) -> bool:
    """Whether it is a baseline that cannot serve as one."""
    return one.is_baseline and base is None


def _score(
    track: Track, one: _Candidate, rivals: Sequence[_Candidate], base: Costs | None
) -> Score | None:
    if any(name not in one.costs for name in track.terms):
        return None
    return SCORES[track.score](track, one.costs, [rival.costs for rival in rivals], base)


def _complaint(costs: Costs, track: Track, base: Costs | None, choices: Choices) -> str | None:
    missing = [_NAMES[name] for name in track.terms if name not in costs]
    if missing:
        return f"{', '.join(missing)} not measured"
    if not choices.constraints or base is None:
        return None
    worse = [
        _NAMES[name]
        for name in track.not_worse_than_baseline
        if name in base and (name not in costs or costs[name].value > base[name].value)
    ]
    return f"worse than the baseline in {', '.join(worse)}" if worse else None


def _rank_among(orders: Mapping[int, Quantity], key: int) -> int | None:
    if key not in orders:
        return None
    return 1 + sum(other.value < orders[key].value for other in orders.values())


def _ties(orders: Mapping[int, Quantity]) -> dict[int, int]:
    """Number the groups of neighbours whose intervals overlap."""
    groups: list[list[int]] = []
    reach = float("-inf")
    for key in sorted(orders, key=lambda key: orders[key].value):
        if not groups or orders[key].low > reach:
            groups.append([])
        groups[-1].append(key)
        reach = max(reach, orders[key].high)
    shared = [group for group in groups if len(group) > 1]
    return {key: number for number, group in enumerate(shared, 1) for key in group}


def _standing(one: _Candidate, placings: tuple[Placing, ...]) -> Standing:
    section: Section = "ranked"
    if one.row.failure is not None:
        section = "failed"
    elif one.reason is not None and not one.is_baseline:
        section = "unranked"
    runtime = one.costs.get("ave_time_ms")
    return Standing(one.row, section, one.is_baseline, one.gate, runtime, placings, one.reason)


def _position(standing: Standing) -> tuple[int, float]:
    sections: tuple[Section, ...] = ("ranked", "unranked", "failed")
    score = standing.placings[0].score
    order = score.order.value if score else float("inf")
    return sections.index(standing.section), order
