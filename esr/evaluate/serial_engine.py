"""How the submissions of a run follow one another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from esr.base.scratch import remove_orphans, scratch_folder
from esr.base.threads import cores
from esr.evaluate.further_process import FurtherProcess
from esr.evaluate.options import Options
from esr.evaluate.pipeline import Phases, evaluate_one_ahead
from esr.evaluate.resume import Plan
from esr.evaluate.submission_run import RunSetting, SubmissionRun
from esr.records.conditions import Drift
from esr.records.record import Outcome, Record
from esr.sandbox.core_locks import reserved
from esr.sandbox.gpu_lock import gpu_lock
from esr.sandbox.isolated_process import check_device
from esr.submissions.submission import Entry


def evaluate_all(plan: Plan, setting: RunSetting) -> Iterator[Outcome]:
    """Measure one submission after the other, each with the whole machine to itself.

    Where several processes are asked for, all submissions have their second one when all have had
    their first: A B C A B C.

    Yields:
        a `Record`, or the `Failure` of a submission that cannot be measured, whatever went wrong;
        the same record again with each further process in it.

    Raises:
        UserError: the harness itself cannot go on, for want of disk space say.
    """
    latest = {record.label: record for record in plan.begun}
    for outcome in _evaluate_first(plan.entries, setting):
        if isinstance(outcome, Record):
            latest[outcome.label] = outcome
        yield outcome
    chosen = [entry for entry in plan.chosen if entry.label in latest]
    yield from add_processes(
        lambda entry, record: FurtherProcess(entry, setting, record),
        chosen,
        latest,
        setting.options.processes,
    )


def add_processes(
    start: Callable[[Entry, Record], Phases],
    entries: Sequence[Entry],
    records: Mapping[str, Record],
    processes: int,
) -> Iterator[Outcome]:
    """Measure submissions again, round after round, until each was in enough processes.

    Args:
        start: makes the next process of a submission whose record there is.
        entries: the submissions, in their order.
        records: of each by its label.
        processes: how many each shall have had.

    Yields:
        the record of each with one more process in it, or with why there is none; one whose process
        has failed gets no other one in this run.
    """
    latest = dict(records)
    for number in range(2, processes + 1):
        turns = [entry for entry in entries if latest[entry.label].process_count == number - 1]
        for outcome in evaluate_one_ahead(start(e, latest[e.label]) for e in turns):
            if isinstance(outcome, Record):
                latest[outcome.label] = outcome
            yield outcome


def _evaluate_first(entries: Sequence[Entry], setting: RunSetting) -> Iterator[Outcome]:
    baseline_id = setting.options.selection.interleave
    if baseline_id is None:
        yield from evaluate_one_ahead(SubmissionRun(entry, setting) for entry in entries)
    else:
        yield from evaluate_interleaved(
            lambda entry: evaluate_alone(entry, setting), entries, baseline_id
        )


def evaluate_alone(entry: Entry, setting: RunSetting, record: Record | None = None) -> Outcome:
    """Measure one submission.

    Args:
        entry: the submission.
        setting: of the run.
        record: of it, to which a further process is added; None to begin.

    Raises:
        UserError: the harness itself cannot go on.
    """
    run = (
        SubmissionRun(entry, setting) if record is None else FurtherProcess(entry, setting, record)
    )
    (outcome,) = evaluate_one_ahead([run])
    return outcome


def evaluate_interleaved(
    measure: Callable[[Entry], Outcome], entries: Sequence[Entry], baseline_id: int
) -> Iterator[Outcome]:
    """Measure the baseline first, and again after each of the other submissions.

    Args:
        measure: measures one submission in a fresh process.
        entries: what is to be measured, the baseline among it.
        baseline_id: its id.

    Yields:
        the baseline's first outcome; then each of the others, with the drift around it.
    """
    baseline = next(entry for entry in entries if entry.model_id == baseline_id)
    before = measure(baseline)
    yield before
    for entry in entries:
        if entry is baseline:
            continue
        outcome = measure(entry)
        if not isinstance(outcome, Record):
            yield outcome
            continue
        try:
            after = measure(baseline)
        except BaseException:  # Interrupted: what is measured already is kept all the same.
            yield outcome
            raise
        yield replace(outcome, drift=compare_baselines(before, after, baseline.label))
        before = after


def compare_baselines(before: Outcome, after: Outcome, baseline: str) -> Drift:
    """Compare two measurements of the baseline on its first data set.

    Args:
        before: a record, or the failure of a baseline that could not be measured; also `after`.
        after: the same, later.
        baseline: its label.
    """
    robust = all(
        isinstance(outcome, Record) and outcome.splits[0].robust is not None
        for outcome in (before, after)
    )
    return Drift(
        baseline,
        "robust" if robust else "official",
        _runtime_ms(before, robust),
        _runtime_ms(after, robust),
    )


def _runtime_ms(outcome: Outcome, robust: bool) -> float | None:
    if not isinstance(outcome, Record):
        return None
    split = outcome.splits[0]
    return split.robust.mean_ms if robust and split.robust else split.runtime_ms


@contextmanager
def open_workplace(options: Options) -> Iterator[tuple[Path, Path]]:
    """Make sure that submissions can be run, and keep other runs off the GPU meanwhile.

    Yields:
        (folder for HR, folder for jobs), of unrelated names: a job must not lead to HR.

    Raises:
        UserError: there is no such device.
    """
    confinement, shard = options.confinement, options.engine.shard
    check_device(confinement.device)
    remove_orphans()
    with (
        gpu_lock(confinement.device),
        # Who measures beside others on purpose waits for them; else it is the user's own affair.
        reserved(cores()) if shard else nullcontext(),
        scratch_folder() as hr_dir,
        scratch_folder() as job_dir,
    ):
        yield hr_dir, job_dir
