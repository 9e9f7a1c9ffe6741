"""A competition as one archive: gathered, checked, written whole or not at all."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from esr.base import json_file
from esr.base.errors import UserError, cause
from esr.tools.codabench.check_bundle import check_bundle
from esr.tools.codabench.competition_file import Competition
from esr.tools.codabench.reference_data import FILE, HR_FOLDER, Reference
from esr.tools.codabench.yaml_text import write_yaml

_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The same competition makes the same bytes."""
_FILE_MODE = 0o100644 << 16
_PACKED = (".png", ".jpg", ".jpeg", ".zip")
"""They do not get smaller."""
BundleFiles = Mapping[str, bytes | Path]
"""What lies in a bundle, by path: the content, or the file that holds it."""


@dataclass(frozen=True)
class WrittenBundle:
    """What has been written."""

    files: int
    bytes: int


def below(folder: str, files: BundleFiles) -> dict[str, bytes | Path]:
    """Move files into a folder."""
    return {f"{folder}/{path}": content for path, content in files.items()}


def reference_files(reference: Reference, hr: Mapping[str, Path]) -> dict[str, bytes | Path]:
    """Gather the reference data of a phase; HR stays as it is."""
    images = {f"{HR_FOLDER}/{name}": file for name, file in hr.items()}
    return {FILE: reference.text().encode(), **images}


def write_bundle(path: Path, competition: Competition, files: BundleFiles) -> WrittenBundle:
    """Write the archive.

    Args:
        path: of the archive.
        competition: becomes `competition.yaml`.
        files: everything that it names.

    Raises:
        UserError: the server would not take it, or it cannot be written.
    """
    content = competition.content()
    every = {"competition.yaml": write_yaml(content).encode("utf-8"), **files}
    problems = check_bundle(content, {name: _size(source) for name, source in every.items()})
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise UserError(f"Codabench would not take this: {problems[0]}{more}")
    with (
        json_file.replacing(path) as file,
        zipfile.ZipFile(file, "w") as archive,
    ):
        for entry, data in _entries(every):
            archive.writestr(entry, data)
    return WrittenBundle(len(every), path.stat().st_size)


def _entries(files: BundleFiles) -> Iterator[tuple[zipfile.ZipInfo, bytes]]:
    for name, source in files.items():
        entry = zipfile.ZipInfo(name, _EARLIEST)
        entry.external_attr = _FILE_MODE
        is_packed = name.lower().endswith(_PACKED)
        entry.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
        yield entry, _read(source) if isinstance(source, Path) else source


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot be read ({cause(error)})", where=path) from error


def _size(source: bytes | Path) -> int:
    try:
        return source.stat().st_size if isinstance(source, Path) else len(source)
    except OSError as error:
        raise UserError(f"cannot be read ({cause(error)})", where=source) from error
