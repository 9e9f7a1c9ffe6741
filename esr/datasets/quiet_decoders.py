"""Image decoders without what they print."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def quiet_decoders() -> Iterator[None]:
    """Keep off standard error what decoders announce there of a damaged image."""
    # OpenCV and libpng announce a damaged image on stderr, beside the one line that says what to
    # do; libpng writes to the file descriptor itself.
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
