"""What a submission prints: in a file without a name while it runs, then in its log, shortened.

The log's own path would tell the child where results are.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from esr.base.errors import UserError, cause
from esr.base.foreign_bytes import refuse_to_write
from esr.records.measurement import Flag

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
    refuse_to_write(log)
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
