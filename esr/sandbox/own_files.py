"""The files of a submission must be its own: no links, no pipes, nothing out of a hidden folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from esr.measure.job import SubmissionFailed
from esr.submissions.submission import Measurable, Submission


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
    for file in filter(None, (entry.model_file, entry.checkpoint)):
        if (what := _find_fault(file, hidden)) is not None:
            reason = f"{file.parent.name}/{file.name} {what}; put the file itself there"
            raise SubmissionFailed("discover", reason)


def _find_fault(file: Path, hidden: Sequence[Path]) -> str | None:
    try:
        status = file.lstat()
    except OSError:
        return "cannot be read"
    if stat.S_ISLNK(status.st_mode):
        return "is a link"
    if not stat.S_ISREG(status.st_mode):
        return "is no ordinary file"
    if status.st_nlink > 1 and (status.st_dev, status.st_ino) in _inodes(hidden, file.resolve()):
        return "is another name of a hidden file"
    return None


def _inodes(folders: Iterable[Path], but: Path) -> set[tuple[int, int]]:
    return {
        (status.st_dev, status.st_ino)
        for folder in folders
        for path, status in _walk(folder.resolve())
        if path != but
    }


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    todo = [folder]
    while todo:
        try:
            entries = [*os.scandir(todo.pop())]
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                todo.append(Path(entry.path))
            else:
                yield Path(entry.path), entry.stat(follow_symlinks=False)
