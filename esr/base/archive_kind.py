"""What kind of archive a file is, by its first bytes; their specifications state them."""

from __future__ import annotations

import contextlib
import zlib

_SIGNATURES = (
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\0", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (0, b"\x04\x22\x4d\x18", "an LZ4 archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (257, b"ustar", "a tar archive"),
)
_GZIP, _BLOCK = b"\x1f\x8b", 512
SUFFIXES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".lz4", ".7z", ".rar")
"""What archives are called, in small letters."""


def archive_kind(head: bytes) -> str | None:
    """Name the kind of an archive; None if it is none.

    Args:
        head: at least its first 512 bytes, if it has so many.
    """
    for offset, signature, kind in _SIGNATURES:
        if head.startswith(signature, offset):
            return kind
    if not head.startswith(_GZIP):
        return None
    inner = b""
    with contextlib.suppress(zlib.error):
        inner = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, _BLOCK)
    return "a tar.gz archive" if archive_kind(inner) == "a tar archive" else "a gzip archive"
