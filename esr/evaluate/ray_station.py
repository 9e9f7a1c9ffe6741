"""A place of a Ray cluster where submissions are measured, one after the other.

It has a device to itself: Ray grants it a GPU or cores, and locks of this machine keep every other
run off them. HR stays in its own process; a submission runs in a child of it under the same fences
as anywhere. It needs this checkout and nothing of Ray.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from esr.base.errors import UserError
from esr.base.scratch import scratch_folder
from esr.base.sha256 import hash_bytes, hash_file
from esr.evaluate import provenance
from esr.evaluate.options import Options
from esr.evaluate.serial_engine import evaluate_alone, open_workplace
from esr.evaluate.settle_sandbox import settle_sandbox
from esr.evaluate.staged_data import Staged, stage_all
from esr.evaluate.submission_run import RunSetting
from esr.records.record import Failure, Outcome, Record
from esr.sandbox.core_locks import reserved
from esr.submissions.submission import Broken, CloneSubmission, Entry, Submission

SETTINGS = re.compile(r"(OMP|MKL|OPENBLAS)_NUM_THREADS")
"""Of the environment, which Ray changes in its own way."""


@dataclass(frozen=True)
class SentFile:
    """A file, for machines that do not see it where it lies."""

    path: Path
    sha256: str
    data: bytes

    @classmethod
    def of(cls, path: Path) -> SentFile:
        """Read it.

        Raises:
            OSError: it cannot be read.
        """
        data = path.read_bytes()
        return cls(path, hash_bytes(data), data)

    def placed(self, folder: Path) -> Path:
        """Say where it is on this machine: where it was, or below a folder."""
        try:
            if hash_file(self.path) == self.sha256:
                return self.path
        except OSError:
            pass
        target = folder / self.sha256 / self.path.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(self.data)
        return target


SentData = Mapping[str, bytes]
"""The files of all data sets, by their paths below the data folder."""


@dataclass(frozen=True)
class Errand:
    """What a station is told when it opens."""

    options: Options
    entries: tuple[Entry, ...]
    """All of the run: they say which scales are needed."""
    code_sha256: str
    sets: Mapping[tuple[int, str], str]
    """Hash of each data set, by scale and role."""
    data_files: tuple[str, ...]
    """Paths of all image files below the data folder."""
    environment: Mapping[str, str]
    """Settings of the driver, those of `SETTINGS` alone."""


@dataclass(frozen=True)
class Task:
    """One submission, on its way to a station."""

    entry: Entry
    record: Record | None
    """Of its processes so far; None for the first."""
    files: tuple[SentFile, ...] = ()


@dataclass(frozen=True)
class Delivery:
    """What comes back."""

    outcome: Outcome
    files: Mapping[str, bytes]
    """What it keeps, by paths below the results folder."""


class Station:
    """Measures on this machine for a driver on another.

    Args:
        errand: what the run is about.
    """

    def __init__(self, errand: Errand) -> None:
        self._errand, self._stack = errand, ExitStack()

    def open(self, data: SentData | None) -> str | None:
        """Get ready to measure.

        Args:
            data: the image files; None to use those that this machine sees.

        Returns:
            the machine's name; None if it does not see the data.

        Raises:
            UserError: its code or its data are others than the driver's, or it cannot measure.
        """
        data_dir = self._errand.options.data.data_dir
        if data is None and not all((data_dir / n).is_file() for n in self._errand.data_files):
            return None
        try:
            self._open(self._errand, data)
        except BaseException:
            self.close()
            raise
        return platform.node()

    def _open(self, errand: Errand, data: SentData | None) -> None:
        here = platform.node()
        if provenance.own_code_sha256() != errand.code_sha256:
            raise UserError(
                "has another version of the harness than the machine that began the run",
                where=here,
                remedy="bring its checkout to the same commit",
            )
        for name in [name for name in os.environ if SETTINGS.fullmatch(name)]:
            del os.environ[name]
        os.environ.update(errand.environment)
        options = settle_sandbox(errand.options)
        if not os.environ.get("CUDA_VISIBLE_DEVICES"):
            os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        self._stack.enter_context(reserved(options.engine.cpus_per_job))
        self._hr_dir, self._job_dir = self._stack.enter_context(open_workplace(options))
        self._save_dir = self._stack.enter_context(scratch_folder())
        (self._save_dir / "logs").mkdir()
        self._code_dir = self._stack.enter_context(scratch_folder())
        request = options.data
        if data is not None:
            folder = self._stack.enter_context(scratch_folder())
            request = replace(request, data_dir=_written(data, folder))
        self._options = replace(
            options,
            data=request,
            output=replace(options.output, save_dir=self._save_dir),
        )
        staged = stage_all(errand.entries, self._options.data, options.procedure, self._hr_dir)
        _compare_sets(staged, errand.sets, here)
        self._setting = RunSetting(
            self._options, staged, self._job_dir, also_hidden=(options.output.save_dir,)
        )

    def evaluate(self, task: Task) -> Delivery:
        """Measure one submission.

        Raises:
            UserError: this machine cannot go on.
        """
        outcome = evaluate_alone(self._placed(task), self._setting, task.record)
        if isinstance(outcome, Failure) and outcome.log is not None:
            below = Path(outcome.log).relative_to(self._save_dir)
            outcome = replace(outcome, log=str(below))
        files = {}
        for file in sorted(self._save_dir.rglob("*")):
            if file.is_file():
                files[file.relative_to(self._save_dir).as_posix()] = file.read_bytes()
                file.unlink()
        return Delivery(outcome, files)

    def _placed(self, task: Task) -> Entry:
        entry = task.entry
        places = {sent.path: sent.placed(self._code_dir) for sent in task.files}
        if isinstance(entry, Submission):
            checkpoint = entry.checkpoint
            return replace(
                entry,
                model_file=places.get(entry.model_file, entry.model_file),
                checkpoint=places.get(checkpoint, checkpoint) if checkpoint else None,
            )
        return entry

    def close(self) -> None:
        """Remove its files and give its device back."""
        self._stack.close()


def _written(data: SentData, folder: Path) -> Path:
    for name, content in data.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder


def pack(entry: Entry, record: Record | None) -> Task:
    """Put the files of a submission beside it; a clone has to be seen by every machine."""
    if isinstance(entry, Broken | CloneSubmission):
        return Task(entry, record)
    paths = [path for path in (entry.model_file, entry.checkpoint) if path is not None]
    try:
        return Task(entry, record, tuple(map(SentFile.of, paths)))
    except OSError:  # The station says it as any run does.
        return Task(entry, record)


def name_sets(staged: Staged) -> dict[tuple[int, str], str]:
    """Hash each data set, by scale and role."""
    return {
        (scale, split.role): split.sha256
        for scale, splits in staged.splits.items()
        for split in splits
    }


def _compare_sets(staged: Staged, expected: Mapping[tuple[int, str], str], here: str) -> None:
    found = name_sets(staged)
    unlike = [
        f"{role} x{scale}"
        for (scale, role), sha in expected.items()
        if found.get((scale, role)) != sha
    ]
    if unlike:
        raise UserError(
            f"has other files of {', '.join(unlike)} than the machine that began the run",
            where=here,
            remedy="give every machine the same data",
        )
