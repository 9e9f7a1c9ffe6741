"""Which rows were measured on the same images, so that a rank among them means something.

What counts is the set of the validation columns, and the test set where runtimes are means over
both, by their names and by the decoded files where records of one scale hold their hash. What a
record does not say excludes nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from esr.base.visible_text import name
from esr.challenge.protocol import Protocol
from esr.records.join_records import VALIDATION
from esr.records.results_folder import Row
from esr.records.split_result import SplitResult


def explain_other_data(
    rows: Sequence[Row], baseline: Row | None, protocol: Protocol, with_test: bool
) -> dict[str, str]:
    """Say who cannot be ranked with the others since it restored other images, and why.

    Args:
        rows: everybody who might be.
        baseline: whose sets count; without a record of it those of the challenge, where somebody
            has them, and else those of most.
        protocol: whose tracks may each have a set of their own; then this is not asked.
        with_test: whether the test set counts, too.

    Returns:
        reasons by label
    """
    if any(track.dataset is not None for track in protocol.tracks):
        return {}
    reasons = _explain_other_set(rows, baseline, ("test",), protocol.test) if with_test else {}
    return reasons | _explain_other_set(rows, baseline, VALIDATION, protocol.valid)


def _explain_other_set(
    rows: Sequence[Row], baseline: Row | None, roles: Sequence[str], official: Sequence[str]
) -> dict[str, str]:
    sets = {row.label: split for row in rows if (split := _find_split(row, roles)) is not None}
    chosen = sets.get(baseline.label) if baseline is not None else None
    common = chosen.dataset if chosen else _find_common(sets, official)
    whose = "most rows on"
    if chosen:
        whose = "the baseline on"
    elif common in official:
        whose = "the challenge is about"
    reasons = {
        label: f"measured on {name(split.dataset)}, {whose} {name(common)}"
        for label, split in sets.items()
        if split.dataset != common
    }
    return reasons | _explain_other_files(rows, sets, common, chosen)


def _find_split(row: Row, roles: Sequence[str]) -> SplitResult | None:
    splits = row.record.splits if row.record else ()
    return next((split for split in splits if split.role in roles), None)


def _find_common(sets: Mapping[str, SplitResult], official: Sequence[str]) -> str:
    counts = Counter(sets[label].dataset for label in sorted(sets))
    of_challenge = [dataset for dataset in counts if dataset in official]
    return max(of_challenge or counts, key=lambda dataset: counts[dataset], default="")


def _explain_other_files(
    rows: Sequence[Row],
    sets: Mapping[str, SplitResult],
    common: str,
    chosen: SplitResult | None,
) -> dict[str, str]:
    """Compare the files of those who have the common set, scale by scale."""
    hashes: dict[int, dict[str, str]] = {}
    for row in rows:
        split = sets.get(row.label)
        if row.record and split and split.dataset == common and split.data_sha256:
            hashes.setdefault(row.record.sidecar.scale, {})[row.label] = split.data_sha256
    reasons = {}
    for of_scale in hashes.values():
        usual, _ = Counter(of_scale[label] for label in sorted(of_scale)).most_common(1)[0]
        if (theirs := chosen and chosen.data_sha256) in of_scale.values():
            usual = str(theirs)
        for label, sha256 in of_scale.items():
            if sha256 != usual:
                reasons[label] = f"measured on other files of {name(common)} than the others"
    return reasons
