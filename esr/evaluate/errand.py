"""What travels between the machine that begins a run and those that measure."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from esr.base.sha256 import hash_bytes, hash_file, hash_text
from esr.datasets.splits import find_splits
from esr.evaluate.options import Options
from esr.evaluate.staged_data import Staged
from esr.evaluate.submission_environment import lock_file
from esr.records.record import Outcome, Record
from esr.sandbox.own_files import refuse_foreign_files
from esr.submissions.submission import Entry, Submission

SentData = Mapping[str, bytes]
"""The files of all data sets, by their paths below the data folder."""


@dataclass(frozen=True)
class Likeness:
    """What must be on a machine as it is where the run began."""

    code_sha256: str
    sets: Mapping[tuple[int, str], str]
    """Hash of each data set, by scale and role."""
    clones: Mapping[Path, str]
    """Hash of what is in each clone."""
    layers: Mapping[str, str]
    """Label of a submission by the key of its environment, of those that are there."""
    environment: Mapping[str, str]
    """Settings that children are given too."""


@dataclass(frozen=True)
class Errand:
    """What a station is told when it opens."""

    options: Options
    entries: tuple[Entry, ...]
    """All of the run: they say which scales are needed."""
    data_files: tuple[str, ...]
    """Paths of all image files below the data folder."""
    likeness: Likeness


@dataclass(frozen=True)
class Sources:
    """The folder of a model file, for machines that do not see it where it lies."""

    folder: Path
    files: Mapping[str, bytes]
    """By their paths below it."""

    @classmethod
    def of(cls, model_file: Path) -> Sources:
        """Read it: all of it is shown to the submission.

        Raises:
            OSError: a file cannot be read.
        """
        folder = model_file.parent
        return cls(folder, {name: (folder / name).read_bytes() for name in _list_files(folder)})

    def placed(self, below: Path) -> Path:
        """Say where it is on this machine: where it was, or else below a folder."""
        if all(_holds(self.folder / name, hash_bytes(data)) for name, data in self.files.items()):
            return self.folder
        key = hash_text("".join(f"{hash_bytes(d)} {n}\n" for n, d in sorted(self.files.items())))
        return write_files(self.files, below / key / self.folder.name)


@dataclass(frozen=True)
class SentFile:
    """A checkpoint, for machines that do not see it where it lies."""

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

    def placed(self, below: Path) -> Path:
        """Say where it is on this machine: where it was, or else below a folder."""
        if _holds(self.path, self.sha256):
            return self.path
        return write_files({self.path.name: self.data}, below / self.sha256) / self.path.name


@dataclass(frozen=True)
class Task:
    """One submission, on its way to a station."""

    entry: Entry
    record: Record | None
    """Of its processes so far; None for the first."""
    sources: Sources | None = None
    checkpoint: SentFile | None = None
    lock: bytes | None = None
    """What is to be in its environment; None if it has none."""

    def placed(self, below: Path) -> Entry:
        """Name the submission's files on this machine, put below a folder if they are not there."""
        entry = self.entry
        if not isinstance(entry, Submission) or self.sources is None or self.checkpoint is None:
            return entry
        model_file = self.sources.placed(below) / entry.model_file.name
        return replace(entry, model_file=model_file, checkpoint=self.checkpoint.placed(below))


@dataclass(frozen=True)
class Delivery:
    """What comes back."""

    outcome: Outcome
    files: Mapping[str, bytes]
    """What it keeps, by paths below the results folder."""


def pack(entry: Entry, record: Record | None, save_dir: Path, hidden: Sequence[Path]) -> Task:
    """Put the files of a submission beside it; a clone has to be seen by every machine.

    Args:
        entry: the submission.
        record: of its processes so far.
        save_dir: where locks of environments are.
        hidden: folders that it must see nothing of, under whatever name.

    Raises:
        SubmissionFailed: one of its files is not its own: sent, it would be a copy that anybody
            may see.
    """
    task = Task(entry, record)
    if not isinstance(entry, Submission) or entry.checkpoint is None:
        return replace(task, lock=_read_lock(entry, save_dir))
    refuse_foreign_files(entry, hidden)
    try:
        sources, checkpoint = Sources.of(entry.model_file), SentFile.of(entry.checkpoint)
    except OSError:  # The station says it as any run does.
        return task
    return Task(entry, record, sources, checkpoint, _read_lock(entry, save_dir))


def name_data_files(options: Options, staged: Staged) -> tuple[str, ...]:
    """Name the image files of a run, below its data folder."""
    data, protocol = options.data, options.protocol
    splits = [split for scale in staged.splits for split in find_splits(data, protocol, scale)]
    files = [file for split in splits for pair in split.pairs for file in (pair.lr, pair.hr)]
    return tuple(dict.fromkeys(file.relative_to(data.data_dir).as_posix() for file in files))


def name_sets(staged: Staged) -> dict[tuple[int, str], str]:
    """Hash each data set, by scale and role."""
    return {
        (scale, split.role): split.sha256
        for scale, splits in staged.splits.items()
        for split in splits
    }


def write_files(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write files below a folder, by their paths there."""
    for name, content in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder


def _read_lock(entry: Entry, save_dir: Path) -> bytes | None:
    try:
        return lock_file(save_dir, entry.label).read_bytes()
    except OSError:  # Most have none.
        return None


def _holds(path: Path, sha256: str) -> bool:
    try:
        return hash_file(path) == sha256
    except OSError:
        return False


def _list_files(folder: Path) -> Iterator[str]:
    """Name the ordinary files below a folder; what a link leads to may be somebody else's."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = Path(place) / name
            if stat.S_ISREG(path.lstat().st_mode):
                yield path.relative_to(folder).as_posix()
