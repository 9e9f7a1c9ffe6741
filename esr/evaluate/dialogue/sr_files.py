"""SR files while the submission that writes them still runs: it may put anything in their place."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from esr.base.errors import UserError
from esr.base.foreign_bytes import ordinary_file, read_foreign
from esr.images import Image
from esr.measure.job import SubmissionFailed

_SAMPLES, _SAMPLE_BYTES = 32, 256

Noted = tuple[tuple[int, bytes], ...]
"""(offset, bytes) of a file, at places that nobody can foresee."""


def note(sr_file: Path) -> Noted:
    """Take note of a few bytes.

    Raises:
        SubmissionFailed: it is no ordinary file, or cannot be read.
    """
    with opened(sr_file) as (file, size):
        places = [secrets.randbelow(max(1, size - _SAMPLE_BYTES)) for _ in range(_SAMPLES)]
        return tuple((place, os.pread(file, _SAMPLE_BYTES, place)) for place in places)


def is_as_noted(sr_file: Path, noted: Noted) -> bool:
    """Whether those bytes are still the same."""
    try:
        with opened(sr_file) as (file, _):
            return all(os.pread(file, len(data), place) == data for place, data in noted)
    except SubmissionFailed:
        return False


def compare(shown: Path, scored: Path, at_most: int) -> int:
    """Compare the output of a timed pass with the SR image that is scored.

    Args:
        shown: the output, as .npy.
        scored: the image, as .npy.
        at_most: bytes that either may have.

    Returns:
        the largest difference in grey levels.

    Raises:
        SubmissionFailed: one of them is no such image, or they are of different shape.
    """
    files = [_read(path, at_most) for path in (shown, scored)]
    if files[0] == files[1]:
        return 0
    try:
        first, second = (np.load(io.BytesIO(data), allow_pickle=False) for data in files)
        if not (first.dtype == second.dtype == np.uint8 and first.shape == second.shape):
            raise ValueError(f"{first.dtype} of shape {first.shape}")
        return largest_difference(first, second)
    except Exception as error:  # NumPy's parser promises nothing about what it raises.
        reason = f"the output of a timed pass is no SR image: {error}"
        raise SubmissionFailed("invalid", reason) from error


def largest_difference(first: Image, second: Image) -> int:
    """Say by how many grey levels two images of one shape differ at most."""
    return int((np.maximum(first, second) - np.minimum(first, second)).max())


def _read(path: Path, at_most: int) -> bytes:
    try:
        return read_foreign(path, at_most)
    except UserError as error:
        raise _unreadable(error) from error


@contextmanager
def opened(path: Path) -> Iterator[tuple[int, int]]:
    """Open an SR file as `ordinary_file` does.

    Raises:
        SubmissionFailed: it is no ordinary file, or cannot be read.
    """
    try:
        with ordinary_file(path) as file:
            yield file
    except UserError as error:
        raise _unreadable(error) from error


def _unreadable(error: UserError) -> SubmissionFailed:
    return SubmissionFailed("invalid", f"an SR image cannot be read: it {error.what}")
