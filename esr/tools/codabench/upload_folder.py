"""An upload as the server lays it before a scoring program: a folder, unpacked as it came.

The server removes nothing: folders around the images, what a Mac adds and a `metadata` of its own
lie there too.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath

from esr.base.errors import UserError, cause
from esr.base.foreign_bytes import ordinary_file
from esr.base.visible_text import one_line
from esr.base.zip_archive import FAULTS
from esr.evaluate.upload.upload_format import NAME
from esr.tools.upload_scoring.upload_names import REPACK, BadArchive, check_names, with_number

UPLOAD = "the upload"
"""What messages call it."""
_PROGRAM = ("metadata", "metadata.yaml")
"""What makes the server take an upload for a program; it adds the first one itself."""
_SYSTEM_FILES = ("thumbs.db", "desktop.ini")
_ENTRIES_AT_MOST = 100_000
_DEPTH_AT_MOST = 16


class UploadFolder:
    """The images of an upload whose names have been checked.

    Args:
        files: by name.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def read(self, name: str, at_most: int) -> bytes:
        """Read a file.

        Raises:
            BadArchive: it is larger than that, or cannot be read.
        """
        where = self.where(name)
        try:
            with ordinary_file(self._files[name]) as (file, size):
                if size > at_most:
                    what = f"has {size} bytes, more than the {at_most} that it could need"
                    remedy = "save it as a plain PNG of the right size"
                    raise BadArchive(what, where=where, remedy=remedy)
                with os.fdopen(os.dup(file), "rb") as reader:
                    return reader.read(size)
        except BadArchive:
            raise
        except UserError as error:
            raise BadArchive(error.what, where=where, remedy=REPACK) from error

    def has(self, name: str) -> bool:
        """Tell whether there is such a file."""
        return name in self._files

    def where(self, name: str) -> str:
        """Name a file for a message."""
        return one_line(name)


def open_folder(folder: Path, expected: Collection[str], scale: int) -> UploadFolder:
    """Look at an upload that holds exactly the images that are expected, at any depth.

    Args:
        folder: what the server has unpacked.
        expected: the official names of the SR images.
        scale: factor between LR and HR, for messages about names.

    Raises:
        BadArchive: anything is wrong with it.
    """
    paths = list(_files_below(folder))
    _refuse([str(path) for path in paths if "\\" in path.name], FAULTS["backslash"])
    images = [path for path in paths if path.name != NAME]
    if not images:
        remedy = "zip the SR images and readme.txt; a file named metadata or metadata.yaml makes"
        raise BadArchive(
            "holds no image",
            where=UPLOAD,
            remedy=f"{remedy} the server take an upload for a program",
        )
    by_name: dict[str, list[PurePosixPath]] = {}
    for path in paths:
        by_name.setdefault(path.name, []).append(path)
    twice = [str(several[0]) for name, several in by_name.items() if len(several) > 1]
    check_names(list(dict.fromkeys(path.name for path in images)), expected, scale, UPLOAD)
    _refuse([name for name in twice if PurePosixPath(name).name != NAME], FAULTS["twice"])
    return UploadFolder({name: folder / several[0] for name, several in by_name.items()})


def _files_below(folder: Path) -> Iterator[PurePosixPath]:
    """List all files that count, at any depth."""
    ahead, seen = [PurePosixPath()], 0
    while ahead:
        place = ahead.pop()
        for entry in _entries(folder / place):
            seen += 1
            path = place / entry.name
            if seen > _ENTRIES_AT_MOST or len(path.parts) > _DEPTH_AT_MOST:
                what = "holds far too many files, or folders within folders"
                raise BadArchive(what, where=UPLOAD, remedy=REPACK)
            if _is_beside(path):
                continue
            if entry.is_dir(follow_symlinks=False):
                ahead.append(path)
            elif entry.is_file(follow_symlinks=False):
                yield path
            else:
                _refuse([str(path)], FAULTS["special"])


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        what = f"has a folder that cannot be read ({cause(error)})"
        raise BadArchive(what, where=UPLOAD, remedy=REPACK) from error


def _is_beside(path: PurePosixPath) -> bool:
    """Tell what systems add, and the server itself; `._0801.png` is no image."""
    is_hidden = path.name.startswith(".") or path.name in ("__MACOSX", *_SYSTEM_FILES)
    is_program = len(path.parts) == 1 and path.name in _PROGRAM
    return is_hidden or path.name.lower() in _SYSTEM_FILES or is_program


def _refuse(names: list[str], what: str) -> None:
    if names:
        raise BadArchive(with_number(names, what), where=UPLOAD, remedy=REPACK)
