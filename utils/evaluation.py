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

from utils import data_range, dataset, isolation, jsonfile, provenance
from utils.archive.write import write_uploads
from utils.clone_flags import clone_flags
from utils.conditions import Request
from utils.crops import keep_crops
from utils.dataset import Split
from utils.errors import UserError, cause
from utils.fork.facts import ForkSource
from utils.fork.mirror import copy_clone
from utils.interleave import interleaved
from utils.job import Job, JobFolder, JobSplit, SubmissionFailed
from utils.manifest import check_manifest
from utils.metrics import METRICS
from utils.options import Options
from utils.parallel import in_parallel
from utils.perceptual import asking
from utils.progress import progress_bar
from utils.realtime_options import plan
from utils.record import Crop, Measurement, Outcome, Provenance, Record, SplitResult
from utils.recording import failure, log_file, record, score
from utils.rtsr import folders
from utils.rtsr.results import compare_results
from utils.sandbox.policy import Policy
from utils.staging import StagedSplit, stage
from utils.submission import Broken, Entry, ForkSubmission, Submission, Whole
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
        UserError: no scale has data that can be used, or a metric cannot be calculated here.
    """
    scales = {entry.sidecar.scale for entry in entries if not isinstance(entry, Broken)}
    window_px = max(METRICS[name].window_px for name in options.metrics)
    asking.check(options.metrics)
    staged = Staged({}, {})
    find = folders.find_splits if options.protocol.layout == "gt_lr" else dataset.find_splits
    for scale in sorted(scales):
        try:
            staged.splits[scale] = [
                _staged(split, hr_dir / f"x{scale}-{number}", window_px, options.data.data_dir)
                for number, split in enumerate(find(options.data, options.protocol, scale))
            ]
        except UserError as error:
            staged.problems[scale] = error
    if staged.problems and not staged.splits:
        raise next(iter(staged.problems.values()))
    return staged


def _staged(split: Split, folder: Path, window_px: int, data_dir: Path) -> StagedSplit:
    staged = stage(split, folder, window_px)
    check_manifest(split.pairs, [image.hashes for image in staged.images], data_dir)
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
    asked = provenance.request(options, isolation.ROOT)

    def measure(entry: Entry) -> Outcome:
        return _outcome(entry, staged, options, asked, job_dir)

    if options.interleave is None:
        yield from map(measure, entries)
    else:
        yield from interleaved(measure, entries, options.interleave)


def _outcome(
    entry: Entry, staged: Staged, options: Options, asked: Request, job_dir: Path
) -> Outcome:
    try:
        return _evaluate(entry, staged, options, asked, job_dir)
    except SubmissionFailed as failed:
        return failure(entry, failed, options)
    except UserError:
        raise
    except Exception as error:  # Our own mistake must not cost the submissions that follow.
        traceback.print_exc()
        reason = f"the harness failed: {type(error).__name__}: {error}"
        return failure(entry, SubmissionFailed("invalid", reason), options)


def _evaluate(
    entry: Entry, staged: Staged, options: Options, asked: Request, job_dir: Path
) -> Record:
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
            policy = Policy(options.limits, options.sandbox, _hidden(staged, options))
            answer = isolation.run(job, folder, log_file(entry, options), policy, progress)
        entry, source, fork = _as_it_was(entry, source, answer)
        results = score(answer, splits, folder, options)
        other = (answer.other_range, folder.other_range) if answer.other_range else None
        first = splits[0].images[0], results[0].images[0].scores["psnr"]
        border = options.protocol.border(entry.sidecar.scale)
        range_verdict = data_range.verdict(*first, other, entry, border)
        crops = _keep_crops(entry, splits[0], results[0], folder, options.save_dir)
        if options.save_images:
            _save_images(entry, splits, folder, options.save_dir)
        if options.make_zip:
            write_uploads(entry, answer.machine.device, results, folder, options.save_dir)
    finally:
        _remove(folder)
    found = record(entry, options.protocol_name, answer, results, source, asked, range_verdict)
    flags = (*found.flags, *clone_flags(fork, trusted=entry.model_id in options.trust))
    if isinstance(entry, Submission) and entry.results is not None:
        flags = (*flags, *compare_results(entry.results, splits[0], results[0]))
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


def _hidden(staged: Staged, options: Options) -> tuple[Path, ...]:
    splits = [split for of_scale in staged.splits.values() for split in of_scale]
    decoded = [image.hr.parent for split in splits for image in split.images[:1]]
    sources = [folder for split in splits for folder in split.sources]
    return (options.data.data_dir, options.save_dir, *decoded, *sources)


def _prepare(
    submission: Whole,
    splits: Sequence[StagedSplit],
    folder: JobFolder,
    options: Options,
) -> Job:
    job_splits = tuple(JobSplit(split.role, len(split.images)) for split in splits)
    job = Job(
        *(
            _told(submission, folder),
            options.device,
            job_splits,
            options.repeats,
            options.seed,
            options.layers,
        ),
        trusted=submission.model_id in options.trust,
        memory_bytes=options.limits.memory_bytes,
        fixed_input=plan(options.real_time, options.protocol, submission.sidecar.scale),
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


def _told(submission: Whole, folder: JobFolder) -> Whole:
    """Leave out of a submission what its own process must not know."""
    if isinstance(submission, ForkSubmission):
        return replace(submission, clone=folder.clone)
    return replace(submission, results=None)


def _remove(folder: JobFolder) -> None:
    # One after the other, giving back 8 MB an image takes as long as scoring them. A child may
    # have put a link there that leads to other people's files.
    if not folder.sr.is_symlink():
        in_parallel(_unlink, folder.sr.glob("*.npy"))
    shutil.rmtree(folder.path, ignore_errors=True)


def _unlink(file: Path) -> None:
    with suppress(OSError):
        file.unlink()


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
