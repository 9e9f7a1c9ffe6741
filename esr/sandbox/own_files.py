"""The files of a submission must be its own: no links, no pipes, nothing out of a hidden folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from esr.measure.job import SubmissionFailed
from esr.submissions.submission import Measurable, Submission

_LARGEST_MODEL_FILE = 2**26
_LARGEST_CHECKPOINT = 2**34
"""Bytes. A file of any size costs whoever makes it nothing while it is empty, and whoever hashes it
a quarter of an hour a TiB."""


def refuse_foreign_files(entry: Measurable, hidden: Sequence[Path]) -> None:
    """Make sure that model file and checkpoint are ordinary files that lie where nothing is hidden.

    Whatever a submission names as its own is shown to it: a checkpoint that is a link to an HR
    image, or another name of one, would show it that.

    Args:
        entry: what is about to be run.
        hidden: folders of HR images and of results.

    Raises:
        SubmissionFailed: one of them is something else; it is named.
    """
    if not isinstance(entry, Submission):
        return
    files = ((entry.model_file, _LARGEST_MODEL_FILE), (entry.checkpoint, _LARGEST_CHECKPOINT))
    for file, largest in files:
        if file is not None and (what := _find_fault(file)) is not None:
            raise _refusal(file, what)
        if file is not None and (size := file.stat().st_size) > largest:
            what = f"has {size / 2**30:.4g} GiB, more than {largest / 2**30:.4g}"
            raise _refusal(file, what, "make it smaller")
    # All of models/ is shown to it.
    shown = [path for path in (*_files(entry.model_file.parent), entry.checkpoint) if path]
    named_twice = {inode: path for path in shown if (inode := _inode_of_several(path))}
    if named_twice:
        for inode in _inodes(hidden, {path.resolve() for path in shown}):
            if inode in named_twice:
                raise _refusal(named_twice[inode], "is another name of a hidden file")


def _refusal(file: Path, what: str, remedy: str = "put the file itself there") -> SubmissionFailed:
    reason = f"{file.parent.name}/{file.name} {what}; {remedy}"
    return SubmissionFailed("discover", reason)


def _files(folder: Path) -> list[Path]:
    return [path for path, _ in _walk(folder)]


def _inode_of_several(path: Path) -> tuple[int, int] | None:
    """Say which file it is that has several names; None if it has one."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status.st_nlink > 1 else None


def _find_fault(file: Path) -> str | None:
    try:
        status = file.lstat()
    except OSError:
        return "cannot be read"
    if stat.S_ISLNK(status.st_mode):
        return "is a link"
    if not stat.S_ISREG(status.st_mode):
        return "is no ordinary file"
    return None


def _inodes(folders: Iterable[Path], but: Collection[Path]) -> set[tuple[int, int]]:
    return {
        (status.st_dev, status.st_ino)
        for folder in folders
        for path, status in _walk(folder.resolve())
        if path not in but
    }


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """List the files below a folder; another run may be removing some."""
    todo = [folder]
    while todo:
        with suppress(OSError):
            for entry in os.scandir(todo.pop()):
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(Path(entry.path))
                    else:
                        yield Path(entry.path), entry.stat(follow_symlinks=False)
