"""Two runs of the same submissions side by side: what an organizer needs to reproduce one.

`esr.report.compare.difference` says what "beyond noise" covers and what it does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from esr.base.visible_text import name
from esr.challenge.protocol import Protocol
from esr.rank.entrants import Choices
from esr.rank.ranking import Standing, rank
from esr.records.results_folder import Row
from esr.report.compare.comparable_facts import collect_facts, read_circumstances, read_identity
from esr.report.compare.difference import Difference, compare_facts, list_unequal


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
    rules: str = ""
    """Name of the protocol that both are ranked by."""
    rules_of_b: str | None = None
    """Name of the one that B was measured under, where it is another than that of A."""

    @property
    def is_equal(self) -> bool:
        """Whether nothing has a mark, and nobody is in one alone."""
        return not (self.differing or self.only_a or self.only_b)

    @property
    def differing(self) -> int:
        """Pairs with a mark."""
        return sum(pair.marked for pair in self.pairs)

    @property
    def blocks(self) -> list[tuple[str, str, tuple[Difference, ...]]]:
        """(label, title, what differs) in every submission, then in each where anything does."""
        blocks = [("in every submission", "In every submission", self.conditions)]
        blocks += [(pair.label, name(pair.label), pair.differences) for pair in self.pairs]
        return [block for block in blocks if block[2]]


def compare(
    a: Sequence[Row],
    b: Sequence[Row],
    protocol: Protocol,
    choices: Choices | None = None,
    rules_of_b: str | None = None,
) -> Comparison:
    """Compare submissions by label.

    Those that are in one alone are left out before anybody is ranked: they would move the others.

    Args:
        a: what is known of each submission in the first place.
        b: and in the second.
        protocol: the rules for ranks.
        choices: what they leave open.
        rules_of_b: name of those that B was measured under, where they are others.
    """
    labels_a, labels_b = ({row.label for row in rows} for rows in (a, b))
    both = labels_a & labels_b
    first, second = (_rank_these(both, rows, protocol, choices) for rows in (a, b))
    tracks = [track.name for track in protocol.tracks]
    pairs = [
        Pair(label, tuple(_list_differences(first[label], second[label], tracks)))
        for label in sorted(both)
    ]
    shared = _find_shared(pairs)
    return Comparison(
        tuple(_leave_out(pair, shared) for pair in pairs),
        shared,
        tuple(sorted(labels_a - both)),
        tuple(sorted(labels_b - both)),
        protocol.name,
        rules_of_b,
    )


def _rank_these(
    labels: Collection[str], rows: Sequence[Row], protocol: Protocol, choices: Choices | None
) -> dict[str, Standing]:
    ranking = rank([row for row in rows if row.label in labels], protocol, choices)
    return {standing.row.label: standing for standing in ranking.standings}


def _list_differences(a: Standing, b: Standing, tracks: Sequence[str]) -> Iterator[Difference]:
    yield from _compare_status(a, b)
    if a.row.failure is None and b.row.failure is None:
        official = a.row.record is None or b.row.record is None
        facts_a, facts_b = (collect_facts(side.row, official=official) for side in (a, b))
        yield from compare_facts(facts_a, facts_b)
    for track, placing_a, placing_b in zip(tracks, a.placings, b.placings, strict=True):
        if (rank_a := placing_a.rank) != (rank_b := placing_b.rank):
            yield Difference(f"rank {track}", rank_a, rank_b, "noted", relative=False)
    record_a, record_b = a.row.record, b.row.record
    if record_a is not None and record_b is not None:
        yield from list_unequal(read_identity(record_a), read_identity(record_b), "differs")
        conditions = read_circumstances(record_a), read_circumstances(record_b)
        yield from list_unequal(*conditions, "noted")


def _compare_status(a: Standing, b: Standing) -> Iterator[Difference]:
    status_a, status_b = _describe_status(a), _describe_status(b)
    if status_a != status_b:
        # The reason for not being ranked may hold figures, which have lines of their own.
        same = a.section == b.section == "unranked"
        yield Difference("status", status_a, status_b, "noted" if same else "differs")


def _describe_status(standing: Standing) -> str:
    if standing.section == "failed":
        return f"failed: {standing.reason}"
    return f"not ranked: {standing.reason}" if standing.section == "unranked" else "measured"


def _find_shared(pairs: Sequence[Pair]) -> tuple[Difference, ...]:
    if len(pairs) < 2:
        return ()
    return tuple(
        difference
        for difference in pairs[0].differences
        if difference.verdict == "noted"
        and not difference.subject.startswith("rank ")
        and all(difference in pair.differences for pair in pairs)
    )


def _leave_out(pair: Pair, shared: Sequence[Difference]) -> Pair:
    return replace(pair, differences=tuple(d for d in pair.differences if d not in shared))
