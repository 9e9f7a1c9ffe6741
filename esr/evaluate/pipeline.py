"""One submission, from its files to a record: job, child process, scores."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from esr.audit.clone_flags import clone_flags
from esr.base.errors import UserError, cause
from esr.base.house import ROOT
from esr.base.progress import progress_bar
from esr.datasets.staging import StagedSplit
from esr.evaluate import data_range_verdict, provenance
from esr.evaluate.detail_crops import keep_crops
from esr.evaluate.finish_record import failure, log_file, record, score
from esr.evaluate.interleaved import interleaved
from esr.evaluate.options import Options
from esr.evaluate.score_images import handed_in_flags
from esr.evaluate.staged_data import Staged
from esr.evaluate.steps import Measuring, Steps, one_ahead
from esr.evaluate.upload.write_upload import write_uploads
from esr.evaluate.worker_result import measured
from esr.evaluate.write_job import fill, job_folder, told
from esr.images.official_image import imsave
from esr.measure.job import JobFolder, SubmissionFailed
from esr.records.conditions import Request
from esr.records.measurement import Measurement
from esr.records.record import Crop, Outcome, Provenance, Record, SplitResult
from esr.sandbox import isolated_process
from esr.sandbox.policy import Policy
from esr.submissions.clone.clone_facts import ForkSource
from esr.submissions.submission import Broken, Entry, ForkSubmission, Submission, Whole


def evaluate_all(
    entries: Sequence[Entry], staged: Staged, options: Options, job_dir: Path
) -> Iterator[Outcome]:
    """Measure one submission after the other, each with the whole machine to itself.

    Yields:
        a `Record`, or the `Failure` of a submission that cannot be measured, whatever went wrong.

    Raises:
        UserError: the harness itself cannot go on, for want of disk space say.
    """
    # Once for all, and not before a process starts, beside which it costs nothing.
    asked = cache(partial(provenance.request, options, ROOT))

    def measuring(entry: Entry) -> Measuring:
        begin = partial(_steps, entry, staged, options, asked, job_dir)
        return Measuring(begin, lambda failed: failure(entry, failed, options))

    if options.interleave is None:
        yield from one_ahead(map(measuring, entries))
    else:
        yield from interleaved(
            lambda entry: measuring(entry).outcome(), entries, options.interleave
        )


def _steps(
    entry: Entry, staged: Staged, options: Options, asked: Callable[[], Request], job_dir: Path
) -> Steps:
    entry = _whole(entry)
    if (problem := staged.problems.get(entry.sidecar.scale)) is not None:
        raise SubmissionFailed("discover", str(problem))
    splits = staged.splits[entry.sidecar.scale]
    hidden = (options.data.data_dir, options.save_dir, *staged.hr_folders)
    policy = Policy(options.limits, options.sandbox, hidden)
    with job_folder(entry, job_dir) as folder:
        child_told = told(entry, folder)
        with isolated_process.waiting("esr.evaluate.worker", child_told, folder, policy) as worker:
            source, request = _source(entry, options), asked()
            job = fill(folder, child_told, splits, options)
            yield
            count = sum(split.count for split in job.splits)
            with progress_bar(entry.label, count) as progress:
                answer = measured(worker, job, folder, log_file(entry, options), progress)
        yield
        return _record(entry, source, answer, splits, folder, options, request)


def _whole(entry: Entry) -> Whole:
    if isinstance(entry, Broken):
        raise SubmissionFailed("discover", entry.reason)
    if isinstance(entry, Submission) and entry.checkpoint is None:
        raise SubmissionFailed("discover", entry.problem)
    return entry


def _source(entry: Whole, options: Options) -> Provenance:
    try:
        return provenance.describe(entry, options.command, ROOT)
    except OSError as error:
        reason = f"{error.filename} cannot be read ({cause(error)})"
        raise SubmissionFailed("discover", reason) from error


def _record(
    entry: Whole,
    source: Provenance,
    answer: Measurement,
    splits: Sequence[StagedSplit],
    folder: JobFolder,
    options: Options,
    asked: Request,
) -> Record:
    entry, source, fork = _as_it_was(entry, source, answer)
    results = score(answer, splits, folder, options)
    other = (answer.other_range, folder.other_range) if answer.other_range else None
    first = splits[0].images[0], results[0].images[0].scores["psnr"]
    border = options.protocol.border(entry.sidecar.scale)
    range_verdict = data_range_verdict.verdict(*first, other, entry, border)
    crops = _keep_crops(entry, splits[0], results[0], folder, options.save_dir)
    if options.save_images:
        _save_images(entry, splits, folder, options.save_dir)
    if options.make_zip:
        write_uploads(entry, answer.machine.device, results, folder, options.save_dir)
    found = record(entry, options.protocol_name, answer, results, source, asked, range_verdict)
    flags = (*found.flags, *clone_flags(fork, trusted=entry.model_id in options.trust))
    flags = (*flags, *handed_in_flags(entry, splits[0], results[0]))
    return replace(found, crops=crops, fork=fork, flags=flags)


def _as_it_was(
    entry: Whole, source: Provenance, answer: Measurement
) -> tuple[Whole, Provenance, ForkSource | None]:
    """Add what only running a clone has told."""
    facts = answer.fork
    if not isinstance(entry, ForkSubmission):
        return entry, source, None
    if facts is None:
        raise SubmissionFailed("invalid", "the worker does not say what the clone returned")
    sidecar = replace(entry.sidecar, data_range=facts.data_range, tile=facts.tile)
    try:
        fork = provenance.of_clone(entry.clone, facts)
    except UserError as error:
        raise SubmissionFailed("invalid", f"the worker's answer {error}") from error
    return replace(entry, sidecar=sidecar), provenance.with_checkpoints(source, fork), fork


def _keep_crops(
    submission: Whole,
    split: StagedSplit,
    result: SplitResult,
    folder: JobFolder,
    save_dir: Path,
) -> tuple[Crop, ...]:
    sr_files = [folder.sr_image(0, index) for index in range(len(split.images))]
    try:
        return keep_crops(split, result.images, sr_files, save_dir, submission.label)
    except (OSError, UserError) as error:  # The measurement is good all the same.
        sys.stderr.write(f"warning: the report goes without details: {error}\n")
        return ()


def _save_images(
    submission: Whole,
    splits: Sequence[StagedSplit],
    folder: JobFolder,
    save_dir: Path,
) -> None:
    try:
        for number, split in enumerate(splits):
            target = save_dir / submission.label / split.role
            target.mkdir(parents=True, exist_ok=True)
            for index, image in enumerate(split.images):
                sr = np.load(folder.sr_image(number, index))
                imsave(sr, str(target / f"{Path(image.name).stem}.png"))
    except (OSError, UserError) as error:  # The measurement is good all the same.
        sys.stderr.write(f"warning: SR images are not kept: {error}\n")
