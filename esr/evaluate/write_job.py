"""The folder of a job: made, filled for its child, removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from esr.base import json_file
from esr.base.errors import UserError, cause
from esr.base.threads import in_parallel
from esr.datasets.staging import StagedSplit
from esr.measure.job import Job, JobFolder
from esr.records.conditions import Request
from esr.records.record import Provenance
from esr.submissions.clone.clone_files import copy_clone
from esr.submissions.submission import CloneSubmission, Measurable


@dataclass(frozen=True)
class StartedJob:
    """A job whose process waits to begin, or has ended."""

    entry: Measurable
    source: Provenance
    request: Request
    """What the run asks of every submission."""
    splits: Sequence[StagedSplit]
    job: Job
    """What the process is told."""
    folder: JobFolder


@contextmanager
def job_folder(submission: Measurable, job_dir: Path) -> Iterator[JobFolder]:
    """Make the folder of a job, with the code that runs in it; remove it in the end.

    Raises:
        UserError: it cannot be written.
    """
    folder = JobFolder(job_dir / submission.label)
    try:
        with _written(folder):
            folder.sr.mkdir(parents=True)
            folder.lr_image(0, 0).parent.mkdir()
            if isinstance(submission, CloneSubmission):
                copy_clone(submission.clone, folder.clone)
        yield folder
    finally:
        _remove(folder)


def as_told(submission: Measurable, folder: JobFolder) -> Measurable:
    """Leave out of a submission what its own process must not know."""
    if isinstance(submission, CloneSubmission):
        return replace(submission, clone=folder.clone)
    return submission


def write_job(job: Job, splits: Sequence[StagedSplit], folder: JobFolder) -> None:
    """Write what a process is told, and copies of the LR images.

    Args:
        job: what it is told.
        splits: its data sets.
        folder: that of the job.

    Raises:
        UserError: they cannot be written.
    """
    copies = [
        (image.lr, folder.lr_image(number, index))
        for number, split in enumerate(splits)
        for index, image in enumerate(split.images)
    ]
    with _written(folder):
        in_parallel(lambda files: shutil.copyfile(*files), copies)
    json_file.dump(job, folder.job)


@contextmanager
def _written(folder: JobFolder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot be written ({cause(error)})", where=folder.path) from error


def _remove(folder: JobFolder) -> None:
    # One after the other, giving back 8 MB an image takes as long as scoring them. A child may
    # have put a link there that leads to other people's files.
    if not folder.sr.is_symlink():
        in_parallel(_unlink, folder.sr.glob("*.npy"))
    shutil.rmtree(folder.path, ignore_errors=True)


def _unlink(file: Path) -> None:
    with suppress(OSError):
        file.unlink()
