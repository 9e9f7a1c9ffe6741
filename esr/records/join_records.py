"""A submission that is measured again: what of its earlier record stays beside the new one.

The same submission on the same machine keeps the data sets that were not measured this time. If
anything else differs, figures of both in one row would be of nobody: the new record takes the row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from esr.challenge.protocol import protocols
from esr.records.bounds import FLAGS_AT_MOST
from esr.records.record import Record
from esr.records.split_result import EarlierRun, SplitResult
from esr.submissions.sidecar import Claims, Sidecar, Team

T = TypeVar("T")

VALIDATION = ("valid", "hybrid_test")
"""Roles of which a row has one; it fills the validation columns."""

_OFFICIAL = (*VALIDATION, "test")


@dataclass(frozen=True)
class Joined:
    """A record, and what the earlier one was that is no part of it."""

    record: Record
    lost: tuple[str, ...]
    """What differs, a few words each; nothing where all of it stays, or was measured again."""


def join_records(earlier: Record, latest: Record) -> Joined:
    """Add the data sets of an earlier record that the latest run has not measured.

    Args:
        earlier: of the same label.
        latest: has the last word on everything that is not of one data set.
    """
    lost = (*_name_other_files(earlier, latest), *_name_other_circumstances(earlier, latest))
    if lost:
        return Joined(latest, lost)
    now = {split.dataset: split for split in latest.splits}
    lost = tuple(
        f"other files of {split.dataset}"
        for split in earlier.splits
        if split.dataset in now and _is_of_other_files(split, now[split.dataset])
    )
    kept = [_as_earlier(split, earlier) for split in earlier.splits if split.dataset not in now]
    splits = _order(_give_roles(latest.splits, kept, latest.protocol))
    if not kept or len({split.role for split in splits}) < len(splits):
        return Joined(latest, (*lost, *(f"{split.dataset} in the same role" for split in kept)))
    return Joined(_add(latest, earlier, splits), lost)


def align_validation(records: Sequence[Record]) -> list[Record]:
    """Let the rows have the same validation set: that of the challenge, where somebody has it.

    Args:
        records: of all rows.

    Returns:
        the same, where that set, or else the one that most of them hold, fills the validation
        columns, and nothing does of who lacks it
    """
    official = {record.label: record for record in records if _has_official(record)}
    free = {record.label: record for record in records if record.label not in official}
    deciding = official or free
    current = Counter(
        s.dataset for record in deciding.values() for s in record.splits if s.role in VALIDATION
    )
    if not official and len(current) < 2:
        return [*records]
    holders = Counter(s.dataset for record in free.values() for s in record.splits)
    common = max(current, key=lambda dataset: (holders[dataset], current[dataset], dataset))
    return [_validate_on(common, record) if record.label in free else record for record in records]


def _has_official(record: Record) -> bool:
    official = _list_official(record.protocol)
    return any(s.role in VALIDATION and s.dataset in official for s in record.splits)


def _list_official(protocol: str) -> set[str]:
    """Name the validation sets of a challenge."""
    known = protocols().get(protocol)
    return {*known.valid, *known.hybrid_test} if known else set()


def _validate_on(dataset: str, record: Record) -> Record:
    # Who lacks it has no validation set: another one in its columns would be read as the same.
    splits = [
        replace(split, role="valid")
        if split.dataset == dataset and split.role != "test"
        else (_named(split) if split.role in VALIDATION else split)
        for split in record.splits
    ]
    return replace(record, splits=_order(splits))


def _name_other_files(earlier: Record, latest: Record) -> Iterator[str]:
    then, now = earlier.provenance, latest.provenance
    if (earlier.fork is None) != (latest.fork is None) or _model(earlier) != _model(latest):
        yield "another model file"
    if then.checkpoint_sha256 != now.checkpoint_sha256:
        yield f"checkpoint {now.checkpoint or 'of the clone'} instead of {then.checkpoint}"
    if earlier.form != latest.form:
        yield f"form {latest.form or 'none'} instead of {earlier.form or 'none'}"
    elif _measured(earlier.sidecar) != _measured(latest.sidecar):
        yield "another TOML file"


def _name_other_circumstances(earlier: Record, latest: Record) -> Iterator[str]:
    if earlier.provenance.environment != latest.provenance.environment:
        yield "other packages"
    if earlier.protocol != latest.protocol:
        yield f"{latest.protocol} instead of {earlier.protocol}"
    others = latest.machine.list_differences(earlier.machine)
    others.pop("device", None)  # Which of several equal ones is no other circumstance.
    if others:
        name, (now_is, was) = next(iter(others.items()))
        yield f"{name.removesuffix('_name')} {now_is} instead of {was}"
    requests = earlier.request, latest.request
    if all(requests) and len({request.threads for request in requests if request}) > 1:
        yield "other cores or threads"


def _model(record: Record) -> tuple[object, ...]:
    """What was run; checkpoints have words of their own."""
    provenance, fork = record.provenance, record.fork
    files = fork and [file for file in fork.files if file.path in fork.facts.modules]
    return provenance.model_file, provenance.model_sha256, files


def _measured(sidecar: Sidecar) -> Sidecar:
    """Leave out what no figure depends on."""
    return replace(sidecar, claims=Claims(), team=Team(), forms={})


def _is_of_other_files(then: SplitResult, now: SplitResult) -> bool:
    known = then.data_sha256 is not None and now.data_sha256 is not None
    return known and then.data_sha256 != now.data_sha256


def _as_earlier(split: SplitResult, record: Record) -> SplitResult:
    if split.earlier is not None:
        return split
    run = EarlierRun(record.provenance.date, record.provenance.command, record.request)
    return replace(split, earlier=run)


def _give_roles(
    latest: Sequence[SplitResult], kept: Sequence[SplitResult], protocol: str
) -> list[SplitResult]:
    """Let one set be the validation set: that of the challenge, or else the latest."""
    official = _list_official(protocol)
    taken = {split.role for split in latest}
    theirs = [split for split in kept if split.role in VALIDATION and split.dataset in official]
    ours = [split for split in latest if split.role in VALIDATION]
    if theirs and ours and ours[0].dataset not in official:
        taken -= set(VALIDATION)
        latest = [_named(split) if split in ours else split for split in latest]
    elif ours:
        taken |= set(VALIDATION)
    return [
        *latest,
        *(_named(one) if one.role in taken and one.role in _OFFICIAL else one for one in kept),
    ]


def _named(split: SplitResult) -> SplitResult:
    return replace(split, role=split.dataset)


def _order(splits: Sequence[SplitResult]) -> tuple[SplitResult, ...]:
    """Put the official roles first, in their order."""
    places = {role: place for place, role in enumerate(_OFFICIAL)}
    return tuple(sorted(splits, key=lambda split: places.get(split.role, len(places))))


def _add(latest: Record, earlier: Record, splits: tuple[SplitResult, ...]) -> Record:
    roles = {split.dataset: split.role for split in splits}
    renamed = {split.role: roles[split.dataset] for split in latest.splits}
    return replace(
        latest,
        splits=splits,
        # What looked wrong on the sets that stay still does.
        flags=_unite(latest.flags, earlier.flags)[:FLAGS_AT_MOST],
        left_out=_unite_texts(latest.left_out, earlier.left_out),
        note=latest.note or earlier.note,
        crops=tuple(replace(crop, role=renamed[crop.role]) for crop in latest.crops),
        layers=latest.layers or earlier.layers,
        deployments=latest.deployments or earlier.deployments,
        fixed_input=latest.fixed_input or earlier.fixed_input,
    )


def _unite_texts(latest: tuple[str, ...], earlier: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out what the latest says as well, with other numbers."""
    said = {re.sub(r"\d+", "", text) for text in latest}
    return (*latest, *(text for text in earlier if re.sub(r"\d+", "", text) not in said))


def _unite(latest: tuple[T, ...], earlier: tuple[T, ...]) -> tuple[T, ...]:
    return (*latest, *(one for one in earlier if one not in latest))
