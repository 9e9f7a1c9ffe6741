"""One submission, from its files to a record: job, child process, scores."""

from __future__ import annotations

import shutil
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from utils import isolation, jsonfile, provenance
from utils.bootstrap import robust_timing
from utils.clone_flags import clone_flags
from utils.complexity_audit import complexity_flags
from utils.crops import keep_crops
from utils.dataset import find_splits
from utils.errors import UserError, cause, printable_line
from utils.fork.facts import ForkSource
from utils.fork.mirror import copy_clone
from utils.interleave import interleaved
from utils.job import Job, JobFolder, JobSplit, SubmissionFailed
from utils.judge import judge, range_note
from utils.metrics import METRICS
from utils.options import Options
from utils.parallel import in_parallel
from utils.progress import progress_bar
from utils.record import (
    SCHEMA,
    Crop,
    Failure,
    ImageResult,
    Measurement,
    Outcome,
    Provenance,
    Record,
    SplitResult,
    SplitTiming,
)
from utils.staging import StagedSplit, stage
from utils.submission import Broken, Entry, ForkSubmission, Submission
from utils.utils_image import imsave


@dataclass(frozen=True)
class Staged:
    """The decoded data of every scale that the submissions of a run need."""

    splits: dict[int, list[StagedSplit]]
    problems: dict[int, UserError]
    """Why a scale has no data; its submissions fail, the others are measured."""


def stage_all(entries: Sequence[Entry], options: Options, hr_dir: Path) -> Staged:
    """Find, decode and check the data of every scale.

    Args:
        entries: the submissions to measure.
        options: which data.
        hr_dir: private folder for the decoded HR images.

    Raises:
        UserError: no scale has data that can be used.
    """
    scales = {entry.sidecar.scale for entry in entries if not isinstance(entry, Broken)}
    window_px = max(METRICS[name].window_px for name in options.metrics)
    staged = Staged({}, {})
    for scale in sorted(scales):
        try:
            staged.splits[scale] = [
                stage(split, hr_dir / f"x{scale}-{number}", window_px)
                for number, split in enumerate(find_splits(options.data, options.protocol, scale))
            ]
        except UserError as error:
            staged.problems[scale] = error
    if staged.problems and not staged.splits:
        raise next(iter(staged.problems.values()))
    return staged


def evaluate_all(
    entries: Sequence[Entry], staged: Staged, options: Options, job_dir: Path
) -> Iterator[Outcome]:
    """Measure one submission after the other, each with the whole machine to itself.

    Yields:
        a `Record`, or the `Failure` of a submission that cannot be measured, whatever went wrong.

    Raises:
        UserError: the harness itself cannot go on, for want of disk space say.
    """

    def measure(entry: Entry) -> Outcome:
        return _outcome(entry, staged, options, job_dir)

    if options.interleave is None:
        yield from map(measure, entries)
    else:
        yield from interleaved(measure, entries, options.interleave)


def _outcome(entry: Entry, staged: Staged, options: Options, job_dir: Path) -> Outcome:
    try:
        return _evaluate(entry, staged, options, job_dir)
    except SubmissionFailed as failed:
        return _failure(entry, failed, options)
    except UserError:
        raise
    except Exception as error:  # Our own mistake must not cost the submissions that follow.
        traceback.print_exc()
        reason = f"the harness failed: {type(error).__name__}: {error}"
        return _failure(entry, SubmissionFailed("invalid", reason), options)


def _evaluate(entry: Entry, staged: Staged, options: Options, job_dir: Path) -> Record:
    if isinstance(entry, Broken):
        raise SubmissionFailed("discover", entry.reason)
    if isinstance(entry, Submission) and entry.checkpoint is None:
        raise SubmissionFailed("discover", entry.problem)
    if (problem := staged.problems.get(entry.sidecar.scale)) is not None:
        raise SubmissionFailed("discover", str(problem))
    try:
        source = provenance.describe(entry, options.command, isolation.ROOT)
    except OSError as error:
        reason = f"{error.filename} cannot be read ({cause(error)})"
        raise SubmissionFailed("discover", reason) from error
    splits, folder = staged.splits[entry.sidecar.scale], JobFolder(job_dir / entry.label)
    try:
        job = _prepare(entry, splits, folder, options)
        with progress_bar(entry.label, sum(split.count for split in job.splits)) as progress:
            answer = isolation.run(
                job, folder, log_file(entry, options), options.timeout_s, progress
            )
        entry, source, fork = _as_it_was(entry, source, answer)
        results = _score(answer, splits, folder, options.metrics)
        note = range_note(splits[0].images[0], results[0].images[0].scores["psnr"], entry)
        crops = _keep_crops(entry, splits[0], results[0], folder, options.save_dir)
        if options.save_images:
            _save_images(entry, splits, folder, options.save_dir)
    finally:
        _remove(folder)
    record = _record(entry, options.protocol_name, answer, results, source, note)
    flags = (*record.flags, *clone_flags(fork, trusted=entry.model_id in options.trust))
    return replace(record, crops=crops, fork=fork, flags=flags)


def _as_it_was(
    entry: Submission | ForkSubmission, source: Provenance, answer: Measurement
) -> tuple[Submission | ForkSubmission, Provenance, ForkSource | None]:
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


def log_file(entry: Entry, options: Options) -> Path:
    """Name the file that holds what a submission printed."""
    return options.save_dir / "logs" / f"{entry.label}.log"


def _failure(entry: Entry, failed: SubmissionFailed, options: Options) -> Failure:
    log = log_file(entry, options)
    printed = str(log) if failed.stage != "discover" and log.exists() else None
    reason = printable_line(failed.reason)
    return Failure(entry.label, entry.model_id, failed.stage, reason, provenance.now(), printed)


def _prepare(
    submission: Submission | ForkSubmission,
    splits: Sequence[StagedSplit],
    folder: JobFolder,
    options: Options,
) -> Job:
    job_splits = tuple(JobSplit(split.role, len(split.images)) for split in splits)
    told = submission
    if isinstance(submission, ForkSubmission):
        told = replace(submission, clone=folder.clone)
    trusted = submission.model_id in options.trust
    job = Job(
        *(told, options.device, job_splits, options.repeats, options.seed, options.layers, trusted)
    )
    try:
        folder.sr.mkdir(parents=True)
        if isinstance(submission, ForkSubmission):
            copy_clone(submission.clone, folder.clone)
        folder.lr_image(0, 0).parent.mkdir()
        copies = [
            (image.lr, folder.lr_image(number, index))
            for number, split in enumerate(splits)
            for index, image in enumerate(split.images)
        ]
        in_parallel(lambda files: shutil.copyfile(*files), copies)
    except OSError as error:
        raise UserError(f"cannot be written ({cause(error)})", where=folder.path) from error
    jsonfile.dump(job, folder.job)
    return job


def _remove(folder: JobFolder) -> None:
    # One after the other, giving back 8 MB an image takes as long as scoring them. A child may
    # have put a link there that leads to other people's files.
    if not folder.sr.is_symlink():
        in_parallel(_unlink, folder.sr.glob("*.npy"))
    shutil.rmtree(folder.path, ignore_errors=True)


def _unlink(file: Path) -> None:
    with suppress(OSError):
        file.unlink()


def _score(
    measurement: Measurement,
    splits: Sequence[StagedSplit],
    folder: JobFolder,
    metrics: Sequence[str],
) -> tuple[SplitResult, ...]:
    results = []
    for number, (split, timing) in enumerate(zip(splits, measurement.splits, strict=True)):
        sr_files = [folder.sr_image(number, index) for index in range(len(split.images))]
        scores = judge(split.images, sr_files, split.scale, metrics)
        images = tuple(
            ImageResult(image.name, ms, values)
            for image, ms, values in zip(split.images, timing.runtime_ms, scores, strict=True)
        )
        results.append(_split_result(split, timing, images))
    return tuple(results)


def _keep_crops(
    submission: Submission | ForkSubmission,
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


def _split_result(
    split: StagedSplit, timing: SplitTiming, images: tuple[ImageResult, ...]
) -> SplitResult:
    repeated = timing.robust
    return SplitResult(
        role=split.role,
        dataset=split.dataset,
        images=images,
        memory_mib=timing.memory_mib,
        split_memory_mib=timing.split_memory_mib,
        robust=robust_timing(repeated.samples_ms, repeated.conditions) if repeated else None,
        reserved_mib=timing.reserved_mib,
        gpu=timing.gpu,
        data_sha256=split.sha256,
    )


def _save_images(
    submission: Submission | ForkSubmission,
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


def _record(
    submission: Submission | ForkSubmission,
    protocol: str,
    measurement: Measurement,
    splits: tuple[SplitResult, ...],
    source: Provenance,
    note: str | None,
) -> Record:
    return Record(
        schema=SCHEMA,
        label=submission.label,
        model_id=submission.model_id,
        form=submission.form,
        sidecar=submission.sidecar,
        protocol=protocol,
        counts=measurement.counts,
        clock=measurement.clock,
        output_dtype=measurement.output_dtype,
        peak_rss_mib=measurement.peak_rss_mib,
        machine=measurement.machine,
        splits=splits,
        note=note,
        provenance=source,
        flags=(*measurement.flags, *complexity_flags(measurement.counts)),
        precision=measurement.precision,
        layers=measurement.layers,
    )
