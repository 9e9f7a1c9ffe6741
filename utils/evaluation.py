"""One submission, from its files to a record: job, child process, scores."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from utils import isolation, jsonfile, provenance
from utils.dataset import find_splits
from utils.errors import UserError
from utils.job import Job, JobFailure, JobFolder, JobSplit
from utils.judge import judge
from utils.options import Options
from utils.progress import progress_bar
from utils.record import (
    SCHEMA,
    Failure,
    ImageResult,
    Measurement,
    Outcome,
    Record,
    SplitResult,
    Stage,
)
from utils.staging import StagedSplit, stage
from utils.submission import Broken, Entry, Submission
from utils.utils_image import imsave

Progress = Callable[[int], None]
Staged = dict[int, list[StagedSplit]]
"""Decoded data sets by scale."""


def stage_all(entries: Sequence[Entry], options: Options, work_dir: Path) -> Staged:
    """Find, decode and check the data of every scale that the submissions need.

    Raises:
        UserError: data that is missing or unusable.
    """
    scales = {entry.sidecar.scale for entry in entries if isinstance(entry, Submission)}
    return {
        scale: [
            stage(split, work_dir / "hr" / f"x{scale}-{number}")
            for number, split in enumerate(find_splits(options.data, options.protocol, scale))
        ]
        for scale in sorted(scales)
    }


def evaluate_all(
    entries: Sequence[Entry], staged: Staged, options: Options, work_dir: Path
) -> Iterator[Outcome]:
    """Measure one submission after the other, each with the whole machine to itself."""
    for entry in entries:
        splits = staged[entry.sidecar.scale] if isinstance(entry, Submission) else []
        total = sum(len(split.images) for split in splits)
        with progress_bar(entry.label, total) as progress:
            yield evaluate(entry, splits, options, work_dir, progress)


def evaluate(
    entry: Entry,
    splits: Sequence[StagedSplit],
    options: Options,
    work_dir: Path,
    progress: Progress,
) -> Outcome:
    """Measure and score one submission; whatever goes wrong with it is its `Failure`."""
    if isinstance(entry, Broken):
        return _failure(entry, "discover", entry.reason)
    if entry.checkpoint is None:
        return _failure(entry, "discover", _no_checkpoint(entry))
    log = options.save_dir / "logs" / f"{entry.label}.log"
    folder = JobFolder(work_dir / entry.label)
    source = provenance.describe(entry, options.command, isolation.ROOT)
    try:
        job = _prepare(entry, splits, folder, options.device)
        answer = isolation.run(job, folder, log, options.timeout_s, progress)
        if isinstance(answer, JobFailure):
            return _failure(entry, answer.stage, answer.reason, log)
        scored = _score(answer, splits, folder, options.metrics)
        if options.save_images:
            _save_images(entry, splits, folder, options.save_dir)
    except UserError as error:
        return _failure(entry, "invalid", str(error), log)
    finally:
        shutil.rmtree(folder.path, ignore_errors=True)
    return Record(
        schema=SCHEMA,
        label=entry.label,
        model_id=entry.model_id,
        form=entry.form,
        sidecar=entry.sidecar,
        protocol=options.protocol_name,
        counts=answer.counts,
        clock=answer.clock,
        output_dtype=answer.output_dtype,
        peak_rss_mib=answer.peak_rss_mib,
        machine=answer.machine,
        splits=scored,
        provenance=source,
    )


def _no_checkpoint(submission: Submission) -> str:
    stated = submission.sidecar.checkpoint
    expected = stated or f"{submission.model_file.stem}.pth"
    return f"no checkpoint: expected model_zoo/{expected}; put it there or give --checkpoint PATH"


def _failure(entry: Entry, stage: Stage, reason: str, log: Path | None = None) -> Failure:
    return Failure(
        entry.label, entry.model_id, stage, reason, provenance.now(), str(log) if log else None
    )


def _prepare(
    submission: Submission, splits: Sequence[StagedSplit], folder: JobFolder, device: str
) -> Job:
    job = Job(
        submission, device, tuple(JobSplit(split.role, len(split.images)) for split in splits)
    )
    folder.sr.mkdir(parents=True)
    folder.lr_image(0, 0).parent.mkdir()
    for number, split in enumerate(splits):
        for index, image in enumerate(split.images):
            np.save(folder.lr_image(number, index), image.lr)
    jsonfile.dump(job, folder.job)
    return job


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
        results.append(
            SplitResult(
                split.role, split.dataset, images, timing.memory_mib, timing.split_memory_mib
            )
        )
    return tuple(results)


def _save_images(
    submission: Submission, splits: Sequence[StagedSplit], folder: JobFolder, save_dir: Path
) -> None:
    for number, split in enumerate(splits):
        target = save_dir / submission.label / split.role
        target.mkdir(parents=True, exist_ok=True)
        for index, image in enumerate(split.images):
            imsave(
                np.load(folder.sr_image(number, index)),
                str(target / f"{Path(image.name).stem}.png"),
            )
