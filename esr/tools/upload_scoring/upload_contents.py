"""An upload: exactly the images that are expected, and a readme.txt.

Nothing is ever written to disk: what a member unpacks to stays in memory, and is no more than the
directory says and the caller allows.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from esr.base.archive_kind import archive_kind
from esr.base.errors import UserError, cause
from esr.base.visible_text import one_line
from esr.base.zip_archive import DamagedZip, RefusedZip, ZipArchive, ZipLimits, open_zip
from esr.evaluate.upload.upload_format import NAME
from esr.tools.upload_scoring.upload_names import (
    REPACK,
    BadArchive,
    check_names,
    is_harmless,
    with_number,
)

_BYTES_AT_MOST = 4 * 2**30
"""That all members unpack to; 200 images of 2K, uncompressed, are 1.7 GB."""
_SPARE_FILES = 64
"""Members beside the images: readme.txt, and what a Mac puts into every archive."""
_HEAD_BYTES = 512


class UploadContents:
    """The images of an archive that has been checked.

    Args:
        archive: its directory has been judged.
        path: what it was opened from.
    """

    def __init__(self, archive: ZipArchive, path: Path) -> None:
        self._archive = archive
        self._path = path

    def read(self, name: str, at_most: int) -> bytes:
        """Unpack a member in memory; several threads may do so.

        Raises:
            BadArchive: it is larger than that, or damaged.
        """
        member, where = self._archive.members[name], self.where(name)
        if member.file_size > at_most:
            raise BadArchive(
                f"unpacks to {member.file_size} bytes, more than the {at_most} that it could need",
                where=where,
                remedy="save it as a plain PNG of the right size",
            )
        try:
            return self._archive.read(member)
        except DamagedZip as error:
            raise BadArchive(f"cannot be unpacked ({error})", where=where, remedy=REPACK) from error

    def has(self, name: str) -> bool:
        """Tell whether there is such a member."""
        return name in self._archive.members

    def where(self, name: str) -> str:
        """Name a member for a message."""
        return f"{self._path.name}: {one_line(name)}"


@contextmanager
def open_archive(path: Path, expected: Collection[str], scale: int) -> Iterator[UploadContents]:
    """Open an archive that holds exactly the images that are expected.

    Args:
        path: the archive.
        expected: the official names of the SR images.
        scale: factor between LR and HR, for messages about names.

    Raises:
        BadArchive: anything is wrong with it.
        UserError: there is no such file.
    """
    limits = ZipLimits(len(expected) + _SPARE_FILES, _BYTES_AT_MOST, printable=False)
    if not path.is_file():
        raise UserError("no such file", where=path, remedy="give the archive to upload")
    try:
        with open_zip(path, limits) as archive:
            members = archive.members.values()
            images = [member.filename for member in members if not _is_beside(member)]
            check_names(images, expected, scale, str(path))
            yield UploadContents(archive, path)
    except RefusedZip as refused:
        what = refused.say(
            {
                "files": f"holds {{number}} files, more than {limits.files}",
                "bytes": f"unpacks to {{number}} bytes, more than {limits.bytes}",
            }
        )
        what = with_number(refused.names, what) if refused.names else what
        raise BadArchive(what, where=path, remedy=REPACK) from refused
    except DamagedZip as error:
        raise BadArchive(_diagnose(path, error), where=path, remedy=REPACK) from error
    except OSError as error:
        raise UserError(f"cannot be read ({cause(error)})", where=path) from error


def _diagnose(path: Path, error: DamagedZip) -> str:
    if zipfile.is_zipfile(path):
        return f"is damaged ({error})"
    with path.open("rb") as file:
        kind = archive_kind(file.read(_HEAD_BYTES))
    is_begun = kind == "a zip archive"
    if kind is not None and not is_begun:
        return f"is {kind}, no zip archive"
    return "is cut off: its end is missing" if is_begun else "is no zip archive"


def _is_beside(entry: zipfile.ZipInfo) -> bool:
    is_readme = entry.filename == NAME
    return entry.is_dir() or is_readme or is_harmless(PurePosixPath(entry.filename))
