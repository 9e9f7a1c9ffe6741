"""Submissions tried by every rule; nothing is written into the results folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from esr.base import json_file
from esr.base.errors import UserError
from esr.base.house import ROOT
from esr.base.scratch import scratch_roots
from esr.datasets.splits import find_splits
from esr.datasets.staging import StagedSplit, stage
from esr.evaluate.dialogue.worker_progress import StageListener
from esr.evaluate.judge_data_range import DataRangeVerdict, judge_data_range
from esr.evaluate.options import Options
from esr.evaluate.score_images import psnr_db
from esr.evaluate.worker_result import describe_crash
from esr.evaluate.write_job import job_folder, job_split, write_lr_images
from esr.images.metrics import METRICS
from esr.measure.job import Job, JobFailure, JobFolder, SubmissionFailed
from esr.records.measurement import Stage
from esr.sandbox import isolated_process
from esr.sandbox.own_files import refuse_foreign_files
from esr.sandbox.policy import Policy
from esr.submissions.submission import Broken, Own, Submission
from esr.tools.check.figure_rules import FIGURES, START, Trial
from esr.tools.check.network_rules import NETWORK
from esr.tools.check.rule import (
    CheckAnswer,
    Finding,
    Rule,
    answer_file,
    make_finding,
    skip_rule,
    try_rule,
)
from esr.tools.check.source_rules import SOURCE, SourceFiles

RULES: tuple[Rule[Any], ...] = (*SOURCE, *START, *NETWORK, *FIGURES)
"""All that a submission is checked for, in the order in which it is told."""
_PHOTOGRAPHS = 3
_REACHED: dict[str, Stage] = {
    "build": "build",
    "load": "load",
    "restore": "count",
    "count": "count",
}
"""Where a child broke off that was trying no rule; between two rules it is as good as counting."""


def check_entry(entry: Own, options: Options, hr_dir: Path, job_dir: Path) -> list[Finding]:
    """Try one submission by every rule, in the order of `RULES`."""
    source = SourceFiles(entry, ROOT)
    findings = [try_rule(rule, source) for rule in SOURCE]
    if isinstance(entry, Broken) or entry.checkpoint is None or source.problem is not None:
        return findings + [skip_rule(rule) for rule in RULES[len(findings) :]]
    split, protocol = _stage(entry, options, hr_dir), options.protocol
    with job_folder(entry, job_dir) as folder:
        answer, reason = _ask(entry, split, folder, options)
        in_ranges = _compare_ranges(entry, answer, split, folder, protocol.border(split.scale))
    trial = Trial(entry, answer, in_ranges, protocol.flops_counter)
    findings += [try_rule(rule, trial) for rule in START]
    findings += _sort_network_findings(answer, reason)
    return findings + [try_rule(rule, trial) for rule in FIGURES]


def _stage(submission: Submission, options: Options, hr_dir: Path) -> StagedSplit:
    protocol = options.protocol
    split, *_ = find_splits(options.data, protocol, submission.sidecar.scale)
    few = replace(split, pairs=split.pairs[:_PHOTOGRAPHS])
    folder, window_px = hr_dir / submission.label, METRICS["psnr"].window_px
    return stage(few, folder, window_px, protocol.border(split.scale), protocol.crop_px)


def _ask(
    submission: Submission, split: StagedSplit, folder: JobFolder, options: Options
) -> tuple[CheckAnswer, str]:
    """Run the child.

    Returns:
        (its answer, why there is no more of it; empty if it is complete)
    """
    # Whatever the sidecar allows, the question is whether the checkpoint is all of the network.
    strict = replace(submission, sidecar=replace(submission.sidecar, strict=True))
    job = Job(strict, options.confinement.device, (job_split(split),))
    places = (options.data.data_dir, options.output.save_dir, *split.sources, *scratch_roots())
    policy = options.confinement.policy(places)
    try:
        refuse_foreign_files(submission, policy.hidden)
    except SubmissionFailed as failed:
        return _explain_stop(CheckAnswer(), None, failed.reason), failed.reason
    write_lr_images(split, folder)
    json_file.dump(job, folder.job)
    listener = StageListener()
    reason = _run(job, folder, policy, listener, options.debug)
    answer = _read_answer(folder)
    return (
        (answer, "") if answer.complete else (_explain_stop(answer, listener.stage, reason), reason)
    )


def _run(job: Job, folder: JobFolder, policy: Policy, listener: StageListener, debug: bool) -> str:
    """Let the child answer, and say why it could not if it has not."""
    log = folder.path.with_suffix(".log")
    try:
        with isolated_process.waiting(
            "esr.tools.check.check_worker", job.submission, folder, policy
        ) as program:
            ended = program.run(job, log, listener)
        return describe_crash(listener.stage, ended.status)
    except SubmissionFailed as failed:
        return failed.reason
    finally:
        if debug and log.exists():
            sys.stderr.write(log.read_text(encoding="utf-8", errors="backslashreplace"))


def _read_answer(folder: JobFolder) -> CheckAnswer:
    try:
        return json_file.load(CheckAnswer, answer_file(folder))
    except UserError:  # Killed before it had anything to say, or not its own words.
        return CheckAnswer()


def _explain_stop(answer: CheckAnswer, stage: Stage | None, reason: str) -> CheckAnswer:
    if answer.trying is not None:
        return answer
    # A child that has not even begun has not imported anything.
    reached = _REACHED.get(stage or "", "import")
    return replace(answer, failure=JobFailure(reached, reason))


def _sort_network_findings(answer: CheckAnswer, reason: str) -> Iterator[Finding]:
    by_name = {finding.name: finding for finding in answer.findings}
    for rule in NETWORK:
        if rule.name in by_name:
            answered = by_name[rule.name]
            yield make_finding(rule, answered.state, answered.detail, answered.advice)
        elif reason and rule.name == answer.trying:
            yield make_finding(rule, "failed", reason)
        else:
            yield skip_rule(rule)


def _compare_ranges(
    submission: Submission, answer: CheckAnswer, split: StagedSplit, folder: JobFolder, border: int
) -> DataRangeVerdict | None:
    image = split.images[0]
    declared = psnr_db(image, folder.sr_image(0, 0), border)
    if declared is None:
        return None
    other = (answer.other_range, folder.other_range) if answer.other_range else None
    return judge_data_range(image, declared, other, submission, border)
