"""How the submissions of a run follow one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from esr.evaluate.interleaved import evaluate_interleaved
from esr.evaluate.pipeline import evaluate_one_ahead
from esr.evaluate.setting import RunSetting
from esr.evaluate.submission_run import SubmissionRun
from esr.records.record import Outcome
from esr.submissions.submission import Entry


def evaluate_all(entries: Sequence[Entry], setting: RunSetting) -> Iterator[Outcome]:
    """Measure one submission after the other, each with the whole machine to itself.

    Yields:
        a `Record`, or the `Failure` of a submission that cannot be measured, whatever went wrong.

    Raises:
        UserError: the harness itself cannot go on, for want of disk space say.
    """
    baseline_id = setting.options.selection.interleave
    if baseline_id is None:
        yield from evaluate_one_ahead(SubmissionRun(entry, setting) for entry in entries)
    else:
        yield from evaluate_interleaved(
            lambda entry: _evaluate_alone(entry, setting), entries, baseline_id
        )


def _evaluate_alone(entry: Entry, setting: RunSetting) -> Outcome:
    (outcome,) = evaluate_one_ahead([SubmissionRun(entry, setting)])
    return outcome
