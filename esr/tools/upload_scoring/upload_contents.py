"""A stranger's archive: its directory is checked before anything in it is unpacked.

Nothing is ever written to disk: what a member unpacks to stays in memory, and is no more than the
directory says and the caller allows.
"""

from __future__ import annotations

import io
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath

from esr.base.errors import ExitCode, UserError, cause
from esr.base.visible_text import one_line
from esr.evaluate.upload.readme import NAME
from esr.evaluate.upload.sr_names import meant

_TOTAL_AT_MOST = 4 * 2**30
"""Bytes that all members unpack to; 200 images of 2K, uncompressed, are 1.7 GB."""
_SPARE_ENTRIES = 64
"""Members beside the images: readme.txt, and what a Mac puts into every archive."""
_ENTRY_AT_MOST = 1024
"""Bytes of one entry of the directory; it has 46, the name, and what some programs add."""
_END_AT_MOST = 2**17
"""What is read to find the directory: a comment has at most 64 KiB."""
_PACKED_BY = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Python unpacks other methods without a limit."""
_ENCRYPTED = 1
_REPACK = "pack the images and readme.txt again as an ordinary .zip"


class BadArchive(UserError):
    """An upload that cannot be scored, as the server would find out."""

    status = ExitCode.SOME_FAILED


class UploadContents:
    """The images of an archive that has been checked.

    Args:
        archive: open for reading.
        path: what it was opened from.
    """

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive = archive
        self._path = path

    def size(self, name: str) -> int:
        """Say how many bytes a member unpacks to."""
        return self._archive.getinfo(name).file_size

    def read(self, name: str, at_most: int) -> bytes:
        """Unpack a member in memory; several threads may do so.

        Raises:
            BadArchive: it is larger than that, or damaged.
        """
        if self.size(name) > at_most:
            raise BadArchive(
                f"unpacks to {self.size(name)} bytes, more than the {at_most} that it could need",
                where=self.where(name),
                remedy="save it as a plain PNG of the right size",
            )
        try:
            # Asked for everything, zipfile would unpack 2 GB at once, whatever the directory says.
            with self._archive.open(name) as member:
                data = member.read(self.size(name))
        except Exception as error:  # zipfile and zlib promise nothing about what they raise.
            raise BadArchive(
                f"cannot be unpacked ({one_line(str(error))})",
                where=self.where(name),
                remedy=_REPACK,
            ) from error
        return data

    def has(self, name: str) -> bool:
        """Tell whether there is such a member."""
        return name in self._archive.NameToInfo

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
    entries_at_most = len(expected) + _SPARE_ENTRIES
    with _open_file(path, _END_AT_MOST + entries_at_most * _ENTRY_AT_MOST) as file:
        archive = _open_zip(file, path)
        file.at_most = _TOTAL_AT_MOST
        entries = archive.infolist()
        _check_directory(entries, entries_at_most, path)
        images = [entry.filename for entry in entries if not _harmless(entry)]
        _check_names(images, expected, scale, path)
        yield UploadContents(archive, path)


class _File(io.FileIO):
    """A file of which no more is read at once than is allowed."""

    def __init__(self, path: Path, at_most: int) -> None:
        super().__init__(path)
        self.at_most = at_most

    def read(self, size: int | None = -1, /) -> bytes:
        """Read; a directory of millions of entries is refused before it fills the memory."""
        if size is not None and size > self.at_most:
            raise zipfile.BadZipFile("its directory is far too long")
        return super().read(size) or b""


def _open_file(path: Path, at_most: int) -> _File:
    if not path.is_file():
        raise UserError("no such file", where=path, remedy="give the archive to upload")
    try:
        return _File(path, at_most)
    except OSError as error:
        raise UserError(f"cannot be read ({cause(error)})", where=path) from error


def _open_zip(file: _File, path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except Exception as error:  # Its parser promises nothing about what it raises.
        what = f"is damaged ({one_line(str(error))})"
        if not zipfile.is_zipfile(path):
            file.seek(0)
            begun = file.read(4) == b"PK\x03\x04"
            what = "is cut off: its end is missing" if begun else "is no zip archive"
        raise BadArchive(what, where=path, remedy=_REPACK) from error


def _check_directory(entries: Sequence[zipfile.ZipInfo], at_most: int, path: Path) -> None:
    if len(entries) > at_most:
        _refuse(f"holds {len(entries)} files, more than {at_most}", path)
    total = sum(entry.file_size for entry in entries)
    if total > _TOTAL_AT_MOST:
        _refuse(f"unpacks to {total} bytes, more than {_TOTAL_AT_MOST}", path)
    for what, faulty in _FAULTS.items():
        found = [entry.filename for entry in entries if faulty(entry)]
        if found:
            _refuse(_with_number(found, what), path)
    times = Counter(entry.filename for entry in entries)
    twice = [name for name, number in times.items() if number > 1]
    if twice:
        _refuse(_with_number(twice, "is there more than once"), path)


def _refuse(what: str, path: Path, remedy: str = _REPACK) -> None:
    raise BadArchive(what, where=path, remedy=remedy)


def _with_number(names: Sequence[str], what: str) -> str:
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return f"'{one_line(names[0])}' {what}{more}"


def _outside(entry: zipfile.ZipInfo) -> bool:
    # The name as it stands in the file: zipfile cuts it off at a NUL.
    name = entry.orig_filename
    windows = PureWindowsPath(name)
    return ".." in windows.parts or bool(windows.anchor) or "\\" in name or "\0" in name


def _special(entry: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    return kind not in (0, stat.S_IFREG, stat.S_IFDIR)


_FAULTS: dict[str, Callable[[zipfile.ZipInfo], bool]] = {
    "is a path that leads out of the archive": _outside,
    "is a link or a device, not a file": _special,
    "is encrypted": lambda entry: bool(entry.flag_bits & _ENCRYPTED),
    "is packed by an unusual method": lambda entry: entry.compress_type not in _PACKED_BY,
}


def _harmless(entry: zipfile.ZipInfo) -> bool:
    """Tell what is no image and changes nothing: folders, the readme, what a Mac adds."""
    path = PurePosixPath(entry.filename)
    mac = path.parts[:1] == ("__MACOSX",) or path.name == ".DS_Store"
    return entry.is_dir() or mac or entry.filename == NAME


def _check_names(images: Sequence[str], expected: Collection[str], scale: int, path: Path) -> None:
    others = [name for name in images if name not in expected]
    misnamed = [(name, found) for name in others if (found := meant(name, expected, scale))]
    if misnamed:
        official, remedy = misnamed[0][1]
        names = [name for name, _ in misnamed]
        _refuse(_with_number(names, f"should be '{official}'"), path, remedy)
    there = set(images)
    missing = [name for name in expected if name not in there]
    if missing:
        _refuse(_with_number(missing, "is missing"), path, "add every image of the data set")
    if others:
        remedy = f"leave it out: the data set has {len(expected)} images"
        _refuse(_with_number(others, "is no image of this data set"), path, remedy)
