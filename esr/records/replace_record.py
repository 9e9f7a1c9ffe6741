"""Write a record where one may be already: what another one replaces is kept."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from esr.base import json_file
from esr.base.errors import UserError, cause
from esr.records.join_records import join_records
from esr.records.outcome_files import read_named
from esr.records.record import Record, read_record


@dataclass(frozen=True)
class Replacement:
    """A record that another one has taken the place of."""

    label: str
    date: str
    """Of the record that was there."""
    lost: tuple[str, ...]
    """What the new one is measured of or on that the old one was not."""
    file: Path
    """Where the old one is kept."""


def replace_record(latest: Record, file: Path) -> Replacement | None:
    """Write a record over the one that is there, with what stays of that.

    Nobody else replaces one in this folder meanwhile.

    Returns:
        what was there, if it is of something else: it was moved away

    Raises:
        UserError: what was there cannot be moved.
    """
    with _locked(file.parent):
        return _take_place(latest, file)


def _take_place(latest: Record, file: Path) -> Replacement | None:
    earlier = _read_earlier(file)
    joined = join_records(earlier, latest) if earlier else None
    replaced = None
    if earlier is not None and joined is not None and joined.lost:
        date = earlier.provenance.date
        when = re.sub(r"[^0-9T]", "", date.partition("+")[0])
        aside = _find_free(file.parent / "replaced", f"{latest.label}.{when}")
        json_file.write_bytes(aside, json_file.read_bytes(file))
        replaced = Replacement(latest.label, date, joined.lost, aside)
    json_file.dump(joined.record if joined else latest, file)
    return replaced


def _find_free(folder: Path, stem: str) -> Path:
    numbers = ["", *(f".{number}" for number in range(2, 10_000))]
    files = (folder / f"{stem}{number}.json" for number in numbers)
    return next(file for file in files if not os.path.lexists(file))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let nobody else read a record and replace it meanwhile, where the file system knows locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _read_earlier(path: Path) -> Record | None:
    """Read the record of this label; what is none is kept where nobody reads it.

    Raises:
        UserError: it cannot be moved.
    """
    if not path.exists():
        return None
    try:
        return read_named(read_record, path)
    except UserError:
        move_aside(path, path.parent / "unreadable")
    return None


def move_aside(file: Path, folder: Path) -> Path:
    """Move a file where nobody reads it.

    Raises:
        UserError: it cannot be moved.
    """
    try:
        folder.mkdir(exist_ok=True)
        return file.rename(_find_free(folder, file.stem))
    except OSError as error:
        raise UserError(f"cannot be moved away ({cause(error)})", where=file) from error
