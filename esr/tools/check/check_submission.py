"""Submissions tried by every rule; nothing is written into the results folder."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from esr.base import json_file
from esr.base.errors import ExitCode, UserError
from esr.base.house import ROOT
from esr.base.scratch import scratch_folder
from esr.datasets.splits import find_splits
from esr.datasets.staging import StagedSplit, stage
from esr.evaluate import data_range_verdict
from esr.evaluate.data_range_verdict import DataRangeVerdict
from esr.evaluate.options import Options
from esr.evaluate.worker_result import crashed
from esr.images.metrics import METRICS
from esr.measure.job import Job, JobFailure, JobFolder, JobSplit, SubmissionFailed, stage_reached
from esr.records.measurement import Stage
from esr.sandbox import isolated_process
from esr.sandbox.policy import Policy
from esr.submissions.submission import Broken, Entry, ForkSubmission, Own, Submission
from esr.tools.check.check_answer import CheckAnswer, answer_file
from esr.tools.check.figure_rules import FIGURES, START, Attempt
from esr.tools.check.finding_list import print_end, print_findings
from esr.tools.check.network_rules import NETWORK
from esr.tools.check.rule import Finding, finding, skipped, tried
from esr.tools.check.rules import RULES
from esr.tools.check.source_rules import SOURCE, SourceFiles

_PHOTOGRAPHS = 3
_REACHED: dict[str, Stage] = {
    "build": "build",
    "load": "load",
    "restore": "count",
    "count": "count",
}
"""Where a child broke off that was trying no rule; between two rules it is as good as counting."""


def check(entries: Sequence[Entry], options: Options) -> ExitCode:
    """Try submissions by every rule and print what was found.

    Returns:
        OK if none breaks a rule that is required.

    Raises:
        UserError: the data or the device cannot be used.
    """
    isolated_process.check_device(options.device)
    own = [entry for entry in entries if not isinstance(entry, ForkSubmission)]
    if len(own) < len(entries):
        raise UserError(
            "is measured as it stands; the rules are for our own layout",
            where=f"--submission {options.submission}",
            remedy="put the network into models/team[ID]_[Model].py, or leave out --check",
        )
    ready: dict[str, bool] = {}
    with scratch_folder() as hr_dir, scratch_folder() as job_dir:
        for entry in own:
            findings = checked(entry, options, hr_dir, job_dir)
            print_findings(entry, findings)
            ready[entry.label] = not any(found.fatal for found in findings)
    print_end(ready)
    return ExitCode.OK if all(ready.values()) else ExitCode.SOME_FAILED


def checked(entry: Own, options: Options, hr_dir: Path, job_dir: Path) -> list[Finding]:
    """Try one submission by every rule, in the order of `RULES`."""
    source = SourceFiles(entry, ROOT)
    found = [tried(rule, source) for rule in SOURCE]
    if isinstance(entry, Broken) or entry.checkpoint is None:
        return found + [skipped(rule) for rule in RULES[len(found) :]]
    split, folder = _stage(entry, options, hr_dir), JobFolder(job_dir / entry.label)
    answer, reason = _ask(entry, split, folder, options)
    protocol = options.protocol
    in_ranges = _in_ranges(entry, answer, split, folder, protocol.border(split.scale))
    attempt = Attempt(entry, answer, in_ranges, protocol.flops_counter)
    found += [tried(rule, attempt) for rule in START]
    found += _of_network(answer, reason)
    return found + [tried(rule, attempt) for rule in FIGURES]


def _stage(submission: Submission, options: Options, hr_dir: Path) -> StagedSplit:
    split, *_ = find_splits(options.data, options.protocol, submission.sidecar.scale)
    few = replace(split, pairs=split.pairs[:_PHOTOGRAPHS])
    return stage(few, hr_dir / submission.label, METRICS["psnr"].window_px)


def _ask(
    submission: Submission, split: StagedSplit, folder: JobFolder, options: Options
) -> tuple[CheckAnswer, str]:
    """Run the child.

    Returns:
        (its answer, why there is no more of it; empty if it is complete)
    """
    # Whatever the sidecar allows, the question is whether the checkpoint is all of the network.
    strict = replace(submission, sidecar=replace(submission.sidecar, strict=True))
    job = Job(strict, options.device, (JobSplit(split.role, len(split.images)),))
    folder.sr.mkdir(parents=True)
    folder.lr_image(0, 0).parent.mkdir()
    for index, image in enumerate(split.images):
        shutil.copyfile(image.lr, folder.lr_image(0, index))
    json_file.dump(job, folder.job)
    hidden = (options.data.data_dir, options.save_dir, *(image.hr for image in split.images))
    reason = _run(job, folder, Policy(options.limits, options.sandbox, hidden), options.debug)
    answer = _answer(folder)
    return (answer, "") if answer.complete else (_stopped(answer, folder, reason), reason)


def _run(job: Job, folder: JobFolder, policy: Policy, debug: bool) -> str:
    """Let the child answer, and say why it could not if it has not."""
    log = folder.path.with_suffix(".log")
    try:
        with isolated_process.waiting(
            "esr.tools.check.check_worker", job.submission, folder, policy
        ) as program:
            ended = program.run(job, log, lambda: None)
        return crashed(folder, ended.status)
    except SubmissionFailed as failed:
        return failed.reason
    finally:
        if debug and log.exists():
            sys.stderr.write(log.read_text(encoding="utf-8", errors="backslashreplace"))


def _answer(folder: JobFolder) -> CheckAnswer:
    try:
        return json_file.load(CheckAnswer, answer_file(folder))
    except UserError:  # Killed before it had anything to say, or not its own words.
        return CheckAnswer()


def _stopped(answer: CheckAnswer, folder: JobFolder, reason: str) -> CheckAnswer:
    if answer.trying is not None:
        return answer
    # A child that has not even begun has not imported anything.
    reached = _REACHED.get(stage_reached(folder), "import")
    return replace(answer, failure=JobFailure(reached, reason))


def _of_network(answer: CheckAnswer, reason: str) -> Iterator[Finding]:
    said = {found.name: found for found in answer.findings}
    for rule in NETWORK:
        if rule.name in said:
            yield finding(rule, said[rule.name].state, said[rule.name].detail)
        elif reason and rule.name == answer.trying:
            yield finding(rule, "failed", reason)
        else:
            yield skipped(rule)


def _in_ranges(
    submission: Submission, answer: CheckAnswer, split: StagedSplit, folder: JobFolder, border: int
) -> DataRangeVerdict | None:
    image = split.images[0]
    declared = data_range_verdict.psnr_db(image, folder.sr_image(0, 0), border)
    if declared is None:
        return None
    other = (answer.other_range, folder.other_range) if answer.other_range else None
    return data_range_verdict.verdict(image, declared, other, submission, border)
