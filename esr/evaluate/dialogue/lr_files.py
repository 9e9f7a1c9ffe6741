"""Files put into a worker's folder while its submission runs: it may put anything there."""

from __future__ import annotations

import io
import os
import shutil
from typing import BinaryIO

import numpy as np

from esr.base.errors import cause
from esr.measure.job import SubmissionFailed


def put(lr_dir: int, name: str, source: BinaryIO) -> None:
    """Write an LR image.

    Args:
        lr_dir: descriptor of the folder, opened before any line of the submission ran.
        name: of the file.
        source: what goes into it.

    Raises:
        SubmissionFailed: it cannot be written, or something stands there already.
    """
    try:
        # Not through a link, and into no file that stands there already.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(name, flags, 0o666, dir_fd=lr_dir), "wb") as target:
            shutil.copyfileobj(source, target, 2**20)
    except OSError as error:
        reason = f"its LR image cannot be written ({cause(error)})"
        raise SubmissionFailed("restore", reason) from error


def put_bytes(folder: int, name: str, data: bytes) -> None:
    """Write a file of these bytes, as `put` does."""
    put(folder, name, io.BytesIO(data))


def put_array(folder: int, name: str, array: np.ndarray) -> None:
    """Write an array as .npy, as `put` does."""
    data = io.BytesIO()
    np.save(data, array)
    put_bytes(folder, name, data.getvalue())
