"""Which files a data set consists of, as hashes: two results on other pixels are not comparable.

A `manifest.sha256` beside the images, in the folder of a set or in one above it, says which they
should be. It is what `sha256sum` writes, and what `sha256sum -c` reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.base import json_file
from esr.base.errors import UserError
from esr.base.sha256 import hash_text
from esr.base.visible_text import one_line
from esr.datasets.image_pairs import ImagePair

MANIFEST = "manifest.sha256"

_LINE = re.compile(r"(\\?)([0-9a-f]{64}) [ *](.+)")
_ESCAPED = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}


@dataclass(frozen=True, order=True)
class PairHash:
    """The two files of a pair by their SHA-256, hexadecimal."""

    name: str
    """HR file name."""
    hr_sha256: str
    lr_sha256: str


def set_sha256(hashes: Iterable[PairHash]) -> str:
    """Hash a data set, whatever the order of its pairs: one line each, `HR LR NAME`, by name."""
    lines = (f"{pair.hr_sha256} {pair.lr_sha256} {pair.name}\n" for pair in sorted(hashes))
    return hash_text("".join(lines))


def write_manifest(folder: Path, hashes: Mapping[Path, str]) -> Path:
    """Write the hashes of files below a folder into it.

    Raises:
        UserError: it cannot be written.
    """
    named = {path.relative_to(folder).as_posix(): digest for path, digest in hashes.items()}
    lines = (_line(name, named[name]) for name in sorted(named))
    json_file.write_text(folder / MANIFEST, "".join(lines))
    return folder / MANIFEST


def read_manifest(path: Path) -> dict[Path, str]:
    """Read which hash each file should have, by its path.

    Raises:
        UserError: it cannot be read, or is none.
    """
    try:
        lines = json_file.read_bytes(path).decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise UserError("is no text in UTF-8", where=path) from error
    hashes = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if (match := _LINE.fullmatch(line.rstrip("\r"))) is None:
            remedy = "write it again: python -m esr data check DIR --write_manifest"
            raise UserError(f"line {number} is no hash with a file name", where=path, remedy=remedy)
        name = _unescaped(match[3]) if match[1] else match[3]
        hashes[path.parent / name] = match[2]
    return hashes


def check_manifest(
    pairs: Sequence[ImagePair], hashes: Sequence[PairHash], data_dir: Path
) -> tuple[Path, ...]:
    """Compare files with the manifests that are beside them, if there are any.

    Args:
        pairs: files of a data set.
        hashes: theirs.
        data_dir: no manifest above it counts.

    Returns:
        The manifests that were found.

    Raises:
        UserError: a file is another one, is not named, or is missing.
    """
    actual = {
        file: digest
        for pair, of_pair in zip(pairs, hashes, strict=True)
        for file, digest in ((pair.hr, of_pair.hr_sha256), (pair.lr, of_pair.lr_sha256))
    }
    manifests = find_manifests({file.parent for file in actual}, data_dir)
    for manifest in manifests:
        _compare(manifest, actual)
    return manifests


def find_manifests(folders: Iterable[Path], data_dir: Path) -> tuple[Path, ...]:
    """Find the manifests in folders of images and in those above, up to `data_dir`."""
    above = {
        parent
        for folder in folders
        for parent in (folder, *folder.parents)
        if parent.is_relative_to(data_dir)
    }
    return tuple(sorted(path for parent in above if (path := parent / MANIFEST).is_file()))


def _compare(manifest: Path, actual: Mapping[Path, str]) -> None:
    expected = read_manifest(manifest)
    folders = {file.parent for file in actual}
    due = {file for file in expected if file.parent in folders}
    # A folder of which it names no file is none of its business.
    named = {file.parent for file in expected}
    unnamed = {file for file in actual if file.parent in named} - due
    problems = [
        *((file, "is not the file that the manifest names") for file in sorted(due & actual.keys())
          if expected[file] != actual[file]),
        *((file, "is missing, but the manifest names it") for file in sorted(due - actual.keys())),
        *((file, "is not in the manifest") for file in sorted(unnamed)),
    ]  # fmt: skip
    if problems:
        file, what = problems[0]
        more = f" ({len(problems) - 1} more files do not fit)" if len(problems) > 1 else ""
        where = one_line(str(file))
        command = f"python -m esr data check {manifest.parent} --write_manifest"
        remedy = f"restore the file, or write the manifest again: {command}"
        raise UserError(f"{what}, {manifest}{more}", where=where, remedy=remedy)


def _line(name: str, digest: str) -> str:
    escaped = name
    for code, char in _ESCAPED.items():
        escaped = escaped.replace(char, code)
    return f"{chr(92) if escaped != name else ''}{digest}  {escaped}\n"


def _unescaped(name: str) -> str:
    return re.sub(r"\\[\\nr]", lambda code: _ESCAPED[code[0]], name)
