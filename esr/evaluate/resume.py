"""What need not be measured again: records that this run would only repeat."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from esr.base import json_file
from esr.base.errors import UserError
from esr.base.house import run_module
from esr.base.scratch import scratch_folder
from esr.base.sha256 import hash_file
from esr.evaluate import provenance
from esr.evaluate.submission_environment import lock_file
from esr.evaluate.submission_run import RunSetting
from esr.records.measurement import Machine
from esr.records.record import Record
from esr.records.results_folder import Row
from esr.records.split_result import SplitResult
from esr.submissions.clone.clone_files import hashes
from esr.submissions.environments.environment_lock import read_lock
from esr.submissions.submission import Broken, CloneSubmission, Entry, Measurable


@dataclass(frozen=True)
class Plan:
    """What a run keeps and what it does."""

    kept: tuple[Record, ...]
    entries: tuple[Entry, ...]
    """To be measured."""
    chosen: tuple[Entry, ...]
    """All that were asked for, in their order."""
    begun: tuple[Record, ...] = ()
    """Kept, but in fewer processes than are asked for."""


def plan_run(entries: Sequence[Entry], setting: RunSetting, rows: Sequence[Row]) -> Plan:
    """Keep what an equal run has measured on this machine, if the user lets us.

    Args:
        entries: the submissions that were asked for.
        setting: the data they would be measured on, and how.
        rows: what is in the results folder. A failure that is newer than a record voids it.
    """
    options = setting.options
    if not options.resume:
        return Plan((), tuple(entries), tuple(entries))
    records = {row.label: row.record for row in rows if row.record and not row.failure}
    kept = {
        entry.label: record
        for entry in entries
        if entry.label in records
        and (record := _repeat(records[entry.label], entry, setting)) is not None
    }
    if kept and options.engine.is_here:
        here = _machine(options.confinement.device)
        kept = {label: record for label, record in kept.items() if _same(record.machine, here)}
    unfinished = [entry for entry in entries if entry.label not in kept]
    baseline_id = options.selection.interleave
    if unfinished and baseline_id is not None:
        # Drift is between two measurements of one run, so the baseline is part of what is left.
        unfinished = [
            entry for entry in entries if entry in unfinished or entry.model_id == baseline_id
        ]
    measured = {entry.label for entry in unfinished}
    left = [record for label, record in kept.items() if label not in measured]
    begun = [record for record in left if record.process_count < options.processes]
    return Plan(
        tuple(record for record in left if record not in begun),
        tuple(unfinished),
        tuple(entries),
        tuple(begun),
    )


def _repeat(record: Record, entry: Entry, setting: RunSetting) -> Record | None:
    """Take of a record what this run would only repeat; None if there is more to measure."""
    if isinstance(entry, Broken) or not _is_of(record, entry):
        return None
    measured = {
        (split.dataset, split.data_sha256): split
        for split in record.splits
        if _is_asked_again(split, record, setting)
    }
    wanted = setting.staged.splits.get(entry.sidecar.scale, [])
    if not wanted or any((split.dataset, split.sha256) not in measured for split in wanted):
        return None
    # A set has another role once there are others beside it.
    splits = tuple(replace(measured[s.dataset, s.sha256], role=s.role) for s in wanted)
    return replace(record, splits=splits) if _has_environment(record, entry, setting) else None


def _is_asked_again(split: SplitResult, record: Record, setting: RunSetting) -> bool:
    """Whether the same was asked for; the default sandbox repeats nothing, a stated one does."""
    then = split.earlier.request if split.earlier else record.request
    now = setting.request
    if then is not None and not setting.options.confinement.is_sandbox_stated:
        now = replace(now, sandbox=then.sandbox)
    return then == now


def _has_environment(record: Record, entry: Measurable, setting: RunSetting) -> bool:
    """Whether it was measured with the packages that it would get now."""
    with suppress(UserError):
        lock = read_lock(lock_file(setting.options.output.save_dir, entry.label))
        return record.provenance.environment == (lock.packages if lock else ())
    return False


def _is_of(record: Record, entry: Measurable) -> bool:
    if isinstance(entry, CloneSubmission):
        return _is_of_clone(record, entry)
    if entry.checkpoint is None or (record.form, record.sidecar) != (entry.form, entry.sidecar):
        return False
    try:
        now = (entry.model_file.name, *provenance.file_hashes(entry))
    except OSError:
        return False
    then = record.provenance
    return (then.model_file, then.model_sha256, then.checkpoint_sha256) == now


def _is_of_clone(record: Record, entry: CloneSubmission) -> bool:
    """Whether the clone's script and every file that was used of it are what they were."""
    fork = record.fork
    if fork is None or fork.path != str(entry.clone):
        return False
    try:
        script = hash_file(entry.model_file)
        used = hashes(entry.clone, [file.path for file in fork.files])
    except (OSError, UserError):
        return False
    return (record.provenance.model_sha256, fork.files) == (script, used)


def _machine(device: str) -> Machine | None:
    """Ask a child, since PyTorch is not imported here."""
    with scratch_folder() as folder:
        file = folder / "machine.json"
        run_module("esr.measure.device", device, str(file))
        try:
            return json_file.load(Machine, file)
        except UserError:
            return None


def _same(then: Machine, now: Machine | None) -> bool:
    return now is not None and not then.list_differences(now)
