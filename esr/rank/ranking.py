"""Rows and a protocol -> who stands where, in every track, and why somebody does not.

Pure functions; nothing here reads a file or needs PyTorch. Formulas are in `esr.rank.scores`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from esr.base.errors import UserError
from esr.challenge.protocol import QUALITY, Cost, Protocol, Track
from esr.rank.baseline import Base, counts_test, find_base, find_baseline, may_serve
from esr.rank.data_class import explain_other_data
from esr.rank.drawn_field import Drawn, Rival, add_interval, draw_field, place_rivals
from esr.rank.entrants import FIGURE_NAMES, Candidate, Choices, Section, assess_row, outside
from esr.rank.figures import Quantity
from esr.rank.machine_class import explain_other_class
from esr.rank.perceptual_class import explain_other_source, is_perceptual
from esr.rank.rank_intervals import RankPlaces
from esr.rank.scores import OF_QUALITY, SCORES, Figures, Score, score_of
from esr.records.results_folder import Row


@dataclass(frozen=True)
class Placing:
    """One submission in one track."""

    rank: int | None = None
    """None if it is not ranked here; equal scores share the better rank."""
    score: Score | None = None
    ties: tuple[int, ...] = ()
    """Numbers of the groups that it shares with those from whom it does not certainly differ; of
    one process, the group whose intervals overlap that of its best."""
    interval: tuple[int, int] | None = None
    """Places between which it stands with 95 % confidence; None if that cannot be known, or is
    certain, since no runtime counts."""
    frequencies: tuple[float, ...] = ()
    """Share of the bootstrap's draws in which it has each place; empty without an interval."""
    reason: str | None = None
    """Why it is not ranked here, if it is ranked elsewhere."""


@dataclass(frozen=True)
class Standing(Candidate):
    """One submission on the leaderboard."""

    placings: tuple[Placing, ...]
    """In the order of the protocol's tracks."""


@dataclass(frozen=True)
class Ranking:
    """A leaderboard, before anybody has rounded or formatted it."""

    protocol: Protocol
    choices: Choices
    baseline: str | None
    """Label of the baseline's row, `published`, or None if there is none."""
    baseline_problem: str | None
    """Why the baseline cannot serve, and scores are missing."""
    with_test: bool
    """Whether runtimes are means over validation and test set, as published."""
    standings: tuple[Standing, ...]
    """Ranked by the first track, the baseline among them; then the unranked, then the failed."""
    base_costs: Figures | None = None
    """What scores are relative to."""


def rank(rows: Sequence[Row], protocol: Protocol, choices: Choices | None = None) -> Ranking:
    """Rank submissions by a protocol.

    Args:
        rows: in any order; equal scores keep it.
        protocol: gate, tracks and baseline.
        choices: what the protocol leaves open.
    """
    choices = choices or Choices()
    _check(protocol)
    label = choices.baseline or find_baseline(rows, protocol)
    with_test = counts_test(rows, protocol, label)
    candidates = [assess_row(row, label, protocol, choices, with_test) for row in rows]
    baseline = next((row for row in rows if row.label == label and may_serve(row, protocol)), None)
    candidates = _set_apart(
        candidates, baseline, lambda able: explain_other_data(able, baseline, protocol, with_test)
    )
    if not choices.mixed_machines:
        candidates = _set_apart(
            candidates, baseline, lambda able: explain_other_class(able, baseline)
        )
    drawn = draw_field(candidates, baseline.label if baseline else None, choices, with_test)
    candidates = [add_interval(candidate, drawn) for candidate in candidates]
    base = find_base(candidates, protocol, label, with_test)
    tracks = [_placings(track, candidates, base, choices, drawn) for track in protocol.tracks]
    standings = [
        Standing(
            one.row,
            one.is_baseline,
            one.gate,
            one.costs,
            one.reason,
            one.runtime_name,
            one.no_runtime,
            placings,
        )
        for one, placings in zip(candidates, zip(*tracks, strict=True), strict=True)
    ]
    ordered = tuple(sorted(standings, key=_position))
    return Ranking(protocol, choices, label, base.problem, with_test, ordered, base.costs)


def _check(protocol: Protocol) -> None:
    for track in protocol.tracks:
        where = f"{protocol.name}.toml, track {track.name}"
        if track.score not in SCORES:
            remedy = f"choose one of {', '.join(SCORES)}"
            raise UserError(f"no formula is called '{track.score}'", where=where, remedy=remedy)
        if track.score == "figure" and len(track.terms) > 1:
            raise UserError("a figure is one term", where=where, remedy="leave one")
        if track.score not in OF_QUALITY and (more := set(track.terms) & set(QUALITY)):
            what = f"'{track.score}' takes figures of which less is better"
            raise UserError(what, where=where, remedy=f"leave out {', '.join(sorted(more))}")
        if track.score == "product" and "ave_time_ms" not in track.terms:
            raise UserError("a product takes ave_time_ms, for the speedup", where=where)
        if track.score == "best_rank" and not track.ranked_apart:
            what = "best_rank takes groups of terms"
            raise UserError(what, where=where, remedy="add ranked_apart")


def _placings(
    track: Track,
    candidates: Sequence[Candidate],
    base: Base,
    choices: Choices,
    drawn: Drawn,
) -> list[Placing]:
    entrants = [one for one in candidates if one.reason is None and not one.is_baseline]
    known = base.costs is not None and all(name in base.costs for name in track.terms)
    costs = base.costs if known else None
    rows = [one.row for one in entrants]
    unlike = explain_other_source(rows) if is_perceptual(track) else {}
    complaints = {
        id(candidate): outside(candidate.row, track)
        or _complaint(candidate, track, base, choices)
        or unlike.get(candidate.row.label)
        for candidate in entrants
    }
    rivals = [candidate for candidate in entrants if complaints[id(candidate)] is None]
    # Who is not ranked has a score all the same: it shows where they would have stood.
    scored = [candidate for candidate in candidates if candidate.row.is_believed]
    scores = {id(candidate): _score(track, candidate, rivals, costs) for candidate in scored}
    orders = {
        id(candidate): score.order
        for candidate in rivals
        if (score := scores[id(candidate)]) is not None
    }
    places = place_rivals(
        track,
        [
            Rival(one.row.label, one.costs, score)
            for one in rivals
            if (score := scores[id(one)]) is not None
        ],
        costs,
        base.label,
        drawn,
    )
    ties = {} if places else _ties(orders)
    return [
        _placing(
            Placing(
                rank=_rank_among(orders, id(candidate)),
                score=scores.get(id(candidate)),
                ties=ties.get(id(candidate), ()),
                reason=complaints.get(id(candidate)),
            ),
            places.get(candidate.row.label) if id(candidate) in orders else None,
        )
        for candidate in candidates
    ]


def _placing(placing: Placing, places: RankPlaces | None) -> Placing:
    if places is None:
        return placing
    interval = places.low, places.high
    return replace(placing, ties=places.ties, interval=interval, frequencies=places.frequencies)


def _set_apart(
    candidates: Sequence[Candidate],
    baseline: Row | None,
    explain: Callable[[Sequence[Row]], Mapping[str, str]],
) -> list[Candidate]:
    """Rank nobody with those who were measured otherwise than the baseline, or than most."""
    able = [one.row for one in candidates if one.reason is None or one.row is baseline]
    reasons = explain(able)
    return [replace(one, reason=one.reason or reasons.get(one.row.label)) for one in candidates]


def _score(
    track: Track, one: Candidate, rivals: Sequence[Candidate], base: Figures | None
) -> Score | None:
    if any(name not in one.costs for name in track.terms) or outside(one.row, track):
        return None
    return score_of(track, one.costs, [rival.costs for rival in rivals], base)


def _complaint(one: Candidate, track: Track, base: Base, choices: Choices) -> str | None:
    costs = one.costs
    if missing := one.explain_missing(track.terms):
        return missing
    if not choices.constraints or base.costs is None:
        return None
    worse = [
        FIGURE_NAMES[name]
        for name in track.not_worse_than_baseline
        if name in base.costs and (name not in costs or _worse(costs, base.costs, name, base))
    ]
    return f"worse than the baseline in {', '.join(worse)}" if worse else None


def _worse(costs: Figures, base_costs: Figures, name: Cost, base: Base) -> bool:
    value, limit = costs[name].value, base_costs[name].value
    # A figure that is known to three digits bounds others to three digits.
    return (round(value, base.decimals[name]) if name in base.decimals else value) > limit


def _rank_among(orders: Mapping[int, Quantity], key: int) -> int | None:
    if key not in orders:
        return None
    return 1 + sum(other.value < orders[key].value for other in orders.values())


def _ties(orders: Mapping[int, Quantity]) -> dict[int, tuple[int, ...]]:
    """Number the groups whose members' intervals overlap that of the group's best.

    Neighbour by neighbour, an even field would be one long tie from first to last.
    """
    groups: list[list[int]] = []
    for key in sorted(orders, key=lambda key: orders[key].value):
        if not groups or orders[key].low > orders[groups[-1][0]].high:
            groups.append([])
        groups[-1].append(key)
    shared = [group for group in groups if len(group) > 1]
    return {key: (number,) for number, group in enumerate(shared, 1) for key in group}


def _position(standing: Standing) -> tuple[int, float]:
    score = standing.placings[0].score
    order = score.order.value if score else float("inf")
    return get_args(Section).index(standing.section), order
