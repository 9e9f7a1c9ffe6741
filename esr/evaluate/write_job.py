"""The folder of a job: made, filled for its child, removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from esr.base.errors import UserError, cause
from esr.base.remove_tree import remove_tree
from esr.base.threads import in_parallel
from esr.datasets.lr_verdict import LrVerdict
from esr.datasets.staging import StagedSplit
from esr.evaluate.dialogue.further_images import FurtherImage
from esr.measure.job import DeployedFolder, Job, JobFolder, JobSplit
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
    lr_verdicts: Sequence[LrVerdict | None] = ()
    """What LR of each data set is; None where a challenge makes it in a way of its own."""
    further: tuple[FurtherImage, ...] = ()
    """What it restores behind the images that are scored, which it is not told before."""
    is_first_of_several: bool = False
    """Whether further processes follow, whose SR images are compared with its own."""


@contextmanager
def job_folder(
    submission: Measurable, job_dir: Path, hidden: Sequence[Path] = ()
) -> Iterator[JobFolder]:
    """Make the folder of a job, with the code that runs in it; remove it in the end.

    Args:
        submission: whose job it is.
        job_dir: where the folder is made.
        hidden: what a link in a clone must not lead to.

    Raises:
        UserError: it cannot be written.
    """
    folder = JobFolder(job_dir / submission.label)
    try:
        with _written(folder):
            folder.sr.mkdir(parents=True)
            folder.lr_image(0, 0).parent.mkdir()
            if isinstance(submission, CloneSubmission):
                copy_clone(submission.clone, folder.clone, hidden)
        yield folder
    finally:
        _remove(folder)


def as_told(submission: Measurable, folder: JobFolder) -> Measurable:
    """Leave out of a submission what its own process must not know."""
    if isinstance(submission, CloneSubmission):
        return replace(submission, clone=folder.clone)
    return submission


def job_split(split: StagedSplit) -> JobSplit:
    """Say what a process is told of a data set."""
    lr_bytes = sum(image.lr.stat().st_size for image in split.images)
    return JobSplit(split.role, len(split.images), lr_bytes)


def make_deployed_folders(folder: JobFolder, job: Job) -> None:
    """Make a folder for the SR images of every way of `--deploy`.

    Raises:
        UserError: they cannot be written.
    """
    with _written(folder):
        for number in range(len(job.passes.ways)):
            DeployedFolder(folder.path, number).sr.mkdir()


def make_call_folders(folder: JobFolder, job: Job) -> None:
    """Make the folders that a submission reads and writes, for every data set.

    Raises:
        UserError: they cannot be written.
    """
    with _written(folder):
        for number in range(len(job.splits)):
            folder.given(number).mkdir(parents=True)
            folder.returned(number).mkdir(parents=True)


def write_lr_images(split: StagedSplit, folder: JobFolder) -> None:
    """Put copies of all LR images of a data set into the folder of a job, where no time is taken.

    Raises:
        UserError: they cannot be written.
    """
    with _written(folder):
        for index, image in enumerate(split.images):
            shutil.copyfile(image.lr, folder.lr_image(0, index))


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
    remove_tree(folder.path)


def _unlink(file: Path) -> None:
    with suppress(OSError):
        file.unlink()
