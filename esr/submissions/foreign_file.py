"""What lies where a checkpoint should be: told by its first bytes, and by what an archive holds.

Nothing in it is unpacked but the first block of a gzip stream. Sources of the signatures: the
formats' own specifications, as in the `magic` database of file(1).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from esr.base.archive_kind import archive_kind
from esr.base.errors import UserError
from esr.base.visible_text import one_line
from esr.base.zip_archive import DamagedZip, RefusedZip, ZipLimits, open_zip
from esr.submissions.submission import CHECKPOINT_SUFFIXES

HEAD_BYTES = 4096
"""What is read of a file to tell its kind."""
CHECKPOINT_LIMITS = ZipLimits(files=10_000, printable=False)
"""Of what is looked into where nobody has asked to load it; a state_dict has a file a tensor."""
SAVE_PLAIN = "save the plain state_dict: torch.save(model.state_dict(), PATH)"
TRUST = "give --trust ID if you trust its authors with your account"

_UNPACK = "unpack it, and put the checkpoint in it into model_zoo/"
_AGAIN = "copy or download it again"
_SIGNATURES: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"version https://git-lfs", "a Git LFS pointer, not the checkpoint itself",
     "run git lfs pull"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, as TensorFlow and Keras write it (.h5)", SAVE_PLAIN),
    (4, b"TFL3", "a TensorFlow Lite network", SAVE_PLAIN),
    (0, b"\x08\x01\x12", "a TensorFlow SavedModel", SAVE_PLAIN),
    (0, b"GGUF", "a GGUF file", SAVE_PLAIN),
    (0, b"\x93NUMPY", "a NumPy array (.npy)", SAVE_PLAIN),
    (0, b"MATLAB 5.0 MAT-file", "a MATLAB file (.mat)", SAVE_PLAIN),
    (0, b"\x89PNG\r\n", "a PNG image", "put the checkpoint there"),
    (0, b"\xff\xd8\xff", "a JPEG image", "put the checkpoint there"),
    (0, b"%PDF", "a PDF document", "put the checkpoint there"),
)  # fmt: skip
"""Offset, bytes, what the file is, what to do."""
_ONNX = re.compile(rb"\x08[\x03-\x20](\x12\0|\x12.[A-Za-z]|\x3a)", re.DOTALL)
"""The first fields of a ModelProto: ir_version, 3 or more since ONNX 1.0, then the name of the
producer, or the graph. Core ML has a message in place of the name."""
_PAGE = re.compile(rb"<(!doctype\s+html|html|head|body|script|title)\b", re.IGNORECASE)
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_QUOTED_AT_MOST = 60


def recognise(path: Path, head: bytes) -> UserError | None:
    """Say what a file is that is certainly no checkpoint, and what to do; None if it may be one.

    Args:
        path: the file.
        head: its first `HEAD_BYTES`.
    """
    judges: tuple[Callable[[Path, bytes], tuple[str, str] | None], ...] = (
        _nothing,
        _signed,
        _archive,
        _zip,
        _page,
    )
    for judge in judges:
        if (kind := judge(path, head)) is not None:
            return UserError(f"is {kind[0]}", where=path.name, remedy=kind[1])
    return None


def _nothing(path: Path, head: bytes) -> tuple[str, str] | None:
    if not head:
        # What was loaded from a buffer has no file, and no first bytes either.
        return ("an empty file, truncated or no checkpoint", _AGAIN) if path.is_file() else None
    # What a disk that was full, or a download that was broken off, leaves.
    zeros = "zeros where a checkpoint begins, truncated or no checkpoint"
    return None if any(head) else (zeros, _AGAIN)


def _signed(_: Path, head: bytes) -> tuple[str, str] | None:
    if _ONNX.match(head):
        return "an ONNX file", SAVE_PLAIN
    for offset, signature, what, remedy in _SIGNATURES:
        if head.startswith(signature, offset):
            return what, remedy
    return None


def _archive(path: Path, head: bytes) -> tuple[str, str] | None:
    kind = archive_kind(head)
    if kind is None or kind == "a zip archive":
        return None
    how = {"a tar.gz archive": f": tar xzf {path.name}", "a tar archive": f": tar xf {path.name}"}
    return f"{kind}, not a checkpoint", f"{_UNPACK}{how.get(kind, '')}"


def _zip(path: Path, head: bytes) -> tuple[str, str] | None:
    if not head.startswith(b"PK"):
        return None
    try:
        with open_zip(path, CHECKPOINT_LIMITS) as archive:
            names = [PurePosixPath(name) for name in archive.members]
    except (OSError, DamagedZip, RefusedZip):  # The loader says the rest.
        return None
    last = {name.name for name in names}
    if any("code" in name.parts for name in names) and "constants.pkl" in last:
        remedy = "torch.save(torch.jit.load(FILE).state_dict(), PATH)"
        return (
            "a TorchScript archive, a program and no state_dict",
            f"save its weights: {remedy}; or {TRUST}",
        )
    if {"serialized_exported_program.json", "archive_format"} & last:
        return "an exported program (torch.export), no state_dict", SAVE_PLAIN
    if "data.pkl" in last:
        return None
    return _other_archive(names)


def _other_archive(names: list[PurePosixPath]) -> tuple[str, str]:
    if any(name.suffix == ".h5" for name in names):
        return "a Keras archive (.keras)", SAVE_PLAIN
    if names and all(name.suffix == ".npy" for name in names):
        return "a NumPy archive (.npz)", SAVE_PLAIN
    inside = [str(name) for name in names if name.suffix.lower() in CHECKPOINT_SUFFIXES]
    if inside:
        return f"a zip archive with {_listed(inside)} in it, not the checkpoint itself", _UNPACK
    return f"a zip archive without a checkpoint in it ({_listed(map(str, names))})", _AGAIN


def _listed(names: Iterable[str]) -> str:
    first, *others = [*names] or ["nothing"]
    more = f" and {len(others)} more" if others else ""
    return one_line(first, _QUOTED_AT_MOST) + more


def _page(_: Path, head: bytes) -> tuple[str, str] | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text.startswith((b"<", b"{")) or b"\0" in head:
        return None
    if not _PAGE.search(text):
        return f"a web page or text ({quote(text)}), not a checkpoint", "download it again"
    title = _TITLE.search(text)
    named = f" ({quote(title[1])})" if title else ""
    remedy = "download it again, in a browser where the page asks for something"
    return f"a web page{named}, not a checkpoint", remedy


def quote(text: bytes) -> str:
    """Quote the beginning of a text by somebody else."""
    words = " ".join(text.decode("utf-8", "replace").split())
    return f"'{one_line(textwrap.shorten(words, _QUOTED_AT_MOST), _QUOTED_AT_MOST)}'"
