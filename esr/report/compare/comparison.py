"""Two runs of the same submissions side by side: what an organizer needs to reproduce one.

`esr.report.compare.noise` says what "beyond noise" covers and what it does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from esr.challenge.protocol import Protocol
from esr.rank.entrants import Choices
from esr.rank.ranking import Ranking, Standing, rank
from esr.records.results_folder import Row
from esr.report.compare.circumstances import conditions, identity
from esr.report.compare.comparable_facts import facts
from esr.report.compare.difference import Difference, measured, unequal


@dataclass(frozen=True)
class Pair:
    """One submission that is in both."""

    label: str
    differences: tuple[Difference, ...]

    @property
    def marked(self) -> bool:
        """Whether anything differs that a reproduction should not."""
        return any(difference.marked for difference in self.differences)


@dataclass(frozen=True)
class Comparison:
    """Everything that two sets of results differ in."""

    pairs: tuple[Pair, ...]
    """Sorted by label."""
    conditions: tuple[Difference, ...]
    """What differs alike in every pair, and is left out there."""
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    @property
    def differing(self) -> int:
        """Pairs with a mark."""
        return sum(pair.marked for pair in self.pairs)


def compare(
    a: Sequence[Row], b: Sequence[Row], protocol: Protocol, choices: Choices | None = None
) -> Comparison:
    """Compare submissions by label.

    Args:
        a: what is known of each submission in the first place.
        b: and in the second.
        protocol: the rules for ranks.
        choices: what they leave open.
    """
    first, second = (_by_label(rank(rows, protocol, choices)) for rows in (a, b))
    names = [track.name for track in protocol.tracks]
    pairs = [
        Pair(label, tuple(_differences(first[label], second[label], names)))
        for label in sorted(first.keys() & second.keys())
    ]
    shared = _shared(pairs)
    return Comparison(
        tuple(_without(pair, shared) for pair in pairs),
        shared,
        tuple(sorted(first.keys() - second.keys())),
        tuple(sorted(second.keys() - first.keys())),
    )


def _by_label(ranking: Ranking) -> dict[str, Standing]:
    return {standing.row.label: standing for standing in ranking.standings}


def _differences(a: Standing, b: Standing, tracks: Sequence[str]) -> Iterator[Difference]:
    yield from _status(a, b)
    if a.row.failure is None and b.row.failure is None:
        official = a.row.record is None or b.row.record is None
        yield from measured(facts(a.row, official=official), facts(b.row, official=official))
    for track, own, other in zip(tracks, a.placings, b.placings, strict=True):
        if own.rank != other.rank:
            yield Difference(f"rank {track}", own.rank, other.rank, "noted", relative=False)
    if a.row.record is not None and b.row.record is not None:
        yield from unequal(identity(a.row.record), identity(b.row.record), "differs")
        yield from unequal(conditions(a.row.record), conditions(b.row.record), "noted")


def _status(a: Standing, b: Standing) -> Iterator[Difference]:
    said = _said(a), _said(b)
    if said[0] != said[1]:
        # The reason for not being ranked may hold figures, which have lines of their own.
        same = a.section == b.section == "unranked"
        yield Difference("status", *said, "noted" if same else "differs")


def _said(standing: Standing) -> str:
    if standing.section == "failed":
        return f"failed: {standing.reason}"
    return f"not ranked: {standing.reason}" if standing.section == "unranked" else "measured"


def _shared(pairs: Sequence[Pair]) -> tuple[Difference, ...]:
    if len(pairs) < 2:
        return ()
    return tuple(
        one
        for one in pairs[0].differences
        if one.verdict == "noted"
        and not one.subject.startswith("rank ")
        and all(one in pair.differences for pair in pairs)
    )


def _without(pair: Pair, shared: Sequence[Difference]) -> Pair:
    return replace(pair, differences=tuple(d for d in pair.differences if d not in shared))
