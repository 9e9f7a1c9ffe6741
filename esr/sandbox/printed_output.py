"""What a submission leaves: what it prints, and files that nobody but it can have made.

What it prints is in a file without a name while it runs, then in its log, shortened: the log's own
path would tell the child where results are. Libraries in other languages write files unseen by
`esr.sandbox.inside.audit_hook`; `torch.save` is one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import IO

from esr.base.errors import UserError, cause, printable_line
from esr.measure.job import Job, JobFolder
from esr.records.measurement import Flag
from esr.sandbox.policy import Places

KEPT_BYTES = 8 * 2**20
"""Of the beginning and again of the end."""


class PrintedOutput:
    """What a child prints."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    @property
    def size(self) -> int:
        """Bytes printed so far."""
        # Not by seeking: where it stands is shared with whoever still prints.
        return os.fstat(self.file.fileno()).st_size

    def flags(self) -> Iterator[Flag]:
        """Flag what is too much for the log."""
        if self.size > 2 * KEPT_BYTES:
            kept = 2 * KEPT_BYTES // 2**20
            yield Flag(
                "flooded_log", f"it printed {self.size / 1e6:.0f} MB; the log keeps {kept} MiB"
            )


@contextmanager
def printed_in(folder: Path) -> Iterator[PrintedOutput]:
    """Collect what a child prints, in a file of that folder."""
    with tempfile.TemporaryFile(dir=folder) as file:
        yield PrintedOutput(file)


@contextmanager
def kept_in(log: Path, output: PrintedOutput) -> Iterator[None]:
    """Leave what a child has printed in its log, whatever happens.

    Raises:
        UserError: the log cannot be written.
    """
    with _opened(log) as kept:
        try:
            yield
        finally:
            _copy(output, kept)


def _opened(log: Path) -> IO[bytes]:
    try:
        return log.open("wb")
    except OSError as error:
        raise UserError(f"cannot be written ({cause(error)})", where=log) from error


def _copy(output: PrintedOutput, kept: IO[bytes]) -> None:
    size, source = output.size, output.file
    source.seek(0)
    if size <= 2 * KEPT_BYTES:
        shutil.copyfileobj(source, kept)
        return
    kept.write(source.read(KEPT_BYTES))
    kept.write(f"\n[{size - 2 * KEPT_BYTES} bytes are left out here]\n".encode())
    source.seek(size - KEPT_BYTES)
    kept.write(source.read(KEPT_BYTES))


_CACHES = ("torchinductor_*", "torch_*", "pymp-*", "matplotlib*", "tmp*", ".triton", ".nv")
_CACHES_OF_HOME = (".cache", ".config", ".local")
"""What compilers and packages keep there by themselves."""
_NAMED_AT_MOST = 3


def list_files(folder: JobFolder) -> frozenset[Path]:
    """Name what lies in the private folder before a submission starts."""
    return frozenset(file for place in _looked_at(folder) for file in _files(place))


def flag_left_files(
    job: Job, folder: JobFolder, places: Places, before: frozenset[Path]
) -> Iterator[Flag]:
    """Flag files in the private folder that neither the worker nor a package makes.

    Args:
        job: says which SR images are expected.
        folder: the private folder.
        places: which of its folders are home and for temporary files.
        before: what was there before the submission started.
    """
    ours = {folder.measurement, folder.failure, folder.stage, folder.other_range}
    ours |= {folder.clone, places.home, places.temporary}
    for number, split in enumerate(job.splits):
        ours |= {folder.sr_image(number, index) for index in range(split.count)}
    known = {path.resolve() for path in (*ours, *before)}
    usual = {places.home: _CACHES + _CACHES_OF_HOME, places.temporary: _CACHES}
    strange = [
        f"{place.name}/{file.name}"
        for place in (*_looked_at(folder), *usual)
        for file in _files(place)
        if place.resolve() / file.name not in known
        and not any(fnmatch(file.name, pattern) for pattern in usual.get(place, ()))
    ]
    if strange:
        named = ", ".join(strange[:_NAMED_AT_MOST])
        yield Flag("kept_files", printable_line(f"{len(strange)} in its private folder: {named}"))


def _looked_at(folder: JobFolder) -> tuple[Path, ...]:
    return folder.path, folder.sr, folder.lr_image(0, 0).parent


def _files(place: Path) -> list[Path]:
    try:
        return sorted(place.iterdir())
    except OSError:  # It may have removed the folder, or put something else there.
        return []
