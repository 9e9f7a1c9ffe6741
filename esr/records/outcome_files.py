"""The outcomes in a folder, one file a submission, each read again only when it has changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

from esr.base import json_file
from esr.base.errors import UserError, printable_line
from esr.records.bounds import refuse_impossible
from esr.records.record import Failure, Record

Kept = TypeVar("Kept", Record, Failure)
Stamp = tuple[int, int, int, int] | None


class OutcomeFiles(Generic[Kept]):
    """The outcomes in a folder, each file read again only when it is another than before.

    Args:
        folder: holds one file a submission.
        read: reads one.
    """

    def __init__(self, folder: Path, read: Callable[[Path], Kept]) -> None:
        self._folder = folder
        self._read: Callable[[Path], Kept] = read
        self._known: dict[Path, tuple[Stamp, Kept]] = {}

    def read_all(self) -> tuple[dict[str, Kept], dict[str, Failure]]:
        """Read the folder.

        Returns:
            (what it holds by label, why a file could not be read by its name)
        """
        outcomes: dict[str, Kept] = {}
        unreadable: dict[str, Failure] = {}
        known: dict[Path, tuple[Stamp, Kept]] = {}
        for path in sorted(self._folder.glob("*.json")):
            try:
                known[path] = self._read_changed(path)
                outcomes[path.stem] = known[path][1]
            except UserError as error:
                with suppress(FileNotFoundError):  # Another run may just have removed it.
                    unreadable[path.stem] = _as_failure(path, error)
        self._known = known
        return outcomes, unreadable

    def _read_changed(self, path: Path) -> tuple[Stamp, Kept]:
        # Before it is read: what is written meanwhile is another file the next time.
        seen = stamp(path)
        before = self._known.get(path)
        if before is not None and seen is not None and before[0] == seen:
            return before
        return seen, read_named(self._read, path)


def stamp(path: Path) -> Stamp:
    """What changes with a file: a writer of ours replaces it, an editor's mark is the time."""
    with suppress(OSError):
        status = path.lstat()
        return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    return None


def read_named(read: Callable[[Path], Kept], path: Path) -> Kept:
    """Read a file that must be named by its label.

    Raises:
        UserError: it is not, or it cannot be read.
    """
    outcome = read(path)
    if outcome.label != path.stem:
        raise UserError(
            "is a record under another name than its label",
            where=path,
            remedy="move the copy out of the folder",
        )
    return outcome


def read_failure(path: Path) -> Failure:
    """Read a failure.

    Raises:
        UserError: it is damaged, or says what cannot be.
    """
    failure = json_file.load(Failure, path)
    refuse_impossible(failure)
    return failure


def _as_failure(path: Path, error: UserError) -> Failure:
    written = datetime.fromtimestamp(path.lstat().st_mtime, UTC).isoformat(timespec="seconds")
    return Failure(path.stem, None, "record", printable_line(str(error)), written)
