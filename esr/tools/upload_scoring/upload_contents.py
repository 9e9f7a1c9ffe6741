"""An upload: exactly the images that are expected, and a readme.txt.

Nothing is ever written to disk: what a member unpacks to stays in memory, and is no more than the
directory says and the caller allows.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from esr.base.archive_kind import SUFFIXES as ARCHIVE_SUFFIXES
from esr.base.archive_kind import archive_kind
from esr.base.errors import ExitCode, UserError, cause
from esr.base.visible_text import one_line
from esr.base.zip_archive import DamagedZip, RefusedZip, ZipArchive, ZipLimits, open_zip
from esr.evaluate.upload.upload_format import NAME, meant

_BYTES_AT_MOST = 4 * 2**30
"""That all members unpack to; 200 images of 2K, uncompressed, are 1.7 GB."""
_SPARE_FILES = 64
"""Members beside the images: readme.txt, and what a Mac puts into every archive."""
_HEAD_BYTES = 512
_REPACK = "pack the images and readme.txt again as an ordinary .zip"


class BadArchive(UserError):
    """An upload that cannot be scored, as the server would find out."""

    status = ExitCode.SOME_FAILED


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
            raise BadArchive(
                f"cannot be unpacked ({error})", where=where, remedy=_REPACK
            ) from error

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
            images = [member.filename for member in members if not _is_harmless(member)]
            _check_names(images, expected, scale, path)
            yield UploadContents(archive, path)
    except RefusedZip as refused:
        what = refused.say(
            {
                "files": f"holds {{number}} files, more than {limits.files}",
                "bytes": f"unpacks to {{number}} bytes, more than {limits.bytes}",
            }
        )
        _refuse(_with_number(refused.names, what) if refused.names else what, path)
    except DamagedZip as error:
        raise BadArchive(_diagnose(path, error), where=path, remedy=_REPACK) from error
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


def _refuse(what: str, path: Path, remedy: str = _REPACK) -> None:
    raise BadArchive(what, where=path, remedy=remedy)


def _with_number(names: Sequence[str], what: str) -> str:
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return f"'{one_line(names[0])}' {what}{more}"


def _is_harmless(entry: zipfile.ZipInfo) -> bool:
    """Tell what is no image and changes nothing: folders, the readme, what a Mac adds."""
    path = PurePosixPath(entry.filename)
    mac = path.parts[:1] == ("__MACOSX",) or path.name == ".DS_Store"
    return entry.is_dir() or mac or entry.filename == NAME


def _check_names(images: Sequence[str], expected: Collection[str], scale: int, path: Path) -> None:
    others = [name for name in images if name not in expected]
    misnamed = [(name, better) for name in others if (better := meant(name, expected, scale))]
    if misnamed:
        official, remedy = misnamed[0][1]
        names = [name for name, _ in misnamed]
        _refuse(_with_number(names, f"should be '{official}'"), path, remedy)
    inner = [name for name in others if PurePosixPath(name).suffix.lower() in ARCHIVE_SUFFIXES]
    if inner:
        remedy = "unpack it, and pack the images that are in it themselves"
        _refuse(_with_number(inner, "is an archive within the archive"), path, remedy)
    there = set(images)
    missing = [name for name in expected if name not in there]
    if missing:
        _refuse(_with_number(missing, "is missing"), path, "add every image of the data set")
    if others:
        remedy = f"leave it out: the data set has {len(expected)} images"
        _refuse(_with_number(others, "is no image of this data set"), path, remedy)
