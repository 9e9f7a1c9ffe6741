"""SHA-256, hexadecimal."""

from __future__ import annotations

import hashlib
from pathlib import Path


def hash_file(path: Path) -> str:
    """Hash what a file holds.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_text(text: str) -> str:
    """Hash text in UTF-8, names of files that are none included."""
    return hash_bytes(text.encode("utf-8", "surrogateescape"))


def hash_bytes(data: bytes | memoryview) -> str:
    """Hash bytes."""
    return hashlib.sha256(data).hexdigest()
