"""Which LR name belongs to which HR name, where each may have several: solved for a whole folder.

`s.png` and `sx4.png` may both be HR images, with LR images of the same two names: `sx4.png` is then
not the LR image of `s.png`, because the other one would be left without. Names are given to each
other so that as many as possible have a partner (a maximum matching of a bipartite graph, found by
augmenting paths: Kuhn 1955); where that can be done in two ways, nobody can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Reading = Mapping[str, str]
"""LR name by HR name."""
Choices = Mapping[str, Sequence[str]]
"""LR names that are there, by HR name, likely ones first."""


@dataclass(frozen=True)
class NameMatching:
    """Who belongs to whom."""

    partners: Reading
    """Of those that are beyond doubt."""
    ambiguous: tuple[tuple[Choices, Reading, Reading], ...]
    """Groups of names that can be read in two ways, with both."""


def match_names(choices: Choices) -> NameMatching:
    """Give every HR name its LR name, each of them once."""
    partners: dict[str, str] = {}
    ambiguous = []
    for group in _groups(choices):
        reading = _assign(group)
        other = next(_other_readings(group, reading), None)
        if other is None:
            partners.update(reading)
        else:
            ambiguous.append((group, reading, other))
    return NameMatching(partners, tuple(ambiguous))


def _groups(choices: Choices) -> Iterator[Choices]:
    """Split into groups of names that have nothing to do with each other."""
    wanted_by: dict[str, list[str]] = {}
    for hr, lrs in choices.items():
        for lr in lrs:
            wanted_by.setdefault(lr, []).append(hr)
    seen: set[str] = set()
    for first in choices:
        group, ahead = [], [first]
        while ahead:
            hr = ahead.pop()
            if hr not in seen:
                seen.add(hr)
                group.append(hr)
                ahead += [other for lr in choices[hr] for other in wanted_by[lr]]
        if group:
            yield {hr: choices[hr] for hr in sorted(group)}


def _assign(choices: Choices) -> Reading:
    """Give as many as possible a partner."""
    owners: dict[str, str] = {}

    def find(hr: str, tried: set[str]) -> bool:
        for lr in choices[hr]:
            if lr not in tried:
                tried.add(lr)
                if lr not in owners or find(owners[lr], tried):
                    owners[lr] = hr
                    return True
        return False

    for hr in choices:
        find(hr, set())
    return {hr: lr for lr, hr in owners.items()}


def _other_readings(choices: Choices, reading: Reading) -> Iterator[Reading]:
    """List the assignments of as many that do without one of the pairs."""
    if len(choices) == 1 and len(next(iter(choices.values()))) < 2:
        return
    for hr, lr in reading.items():
        without = {other: [name for name in lrs if (other, name) != (hr, lr)]
                   for other, lrs in choices.items()}  # fmt: skip
        if len(other := _assign(without)) == len(reading):
            yield other
