"""A stranger's zip archive: its directory is judged before anything in it is unpacked.

Sizes need no trust: zipfile hands out no more of a member than the directory says, and complains
of a wrong checksum where there was more; what the directory says is judged.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from zipfile import ZipInfo

from esr.base.visible_text import one_line

_ENTRY_AT_MOST = 1024
"""Bytes of one entry of the directory; it has 46, the name, and what some programs add."""
_END_AT_MOST = 2**17
"""What is read to find the directory: a comment has at most 64 KiB."""
_HEADER_BYTES = 30
_NAME_AT_MOST = 255
_PATH_AT_MOST, _DEEPEST = 1000, 50
"""Characters and folders: a path of 64 KiB is of 30 000 folders, which nobody can make."""
_BLOCK = 2**20
_ENCRYPTED = 1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Python unpacks the others without a limit."""


@dataclass(frozen=True)
class ZipLimits:
    """What an archive may come to."""

    files: int
    bytes: int = sys.maxsize
    """All members together, unpacked."""
    growth: int = sys.maxsize
    """Bytes unpacked over bytes of the archive; zip bombs grow by a thousand."""
    printable: bool = True
    """Whether names must be fit for a terminal and a disk."""


class DamagedZip(Exception):
    """It is no zip archive, or what it holds cannot be unpacked."""


class RefusedZip(Exception):
    """It holds what nobody should unpack.

    Args:
        fault: a key of `FAULTS`, or the limit that is exceeded: `files`, `bytes`, `growth`.
        number: of files, bytes or faulty members.
        names: of the faulty members.
    """

    def __init__(self, fault: str, number: int, names: list[str]) -> None:
        super().__init__(fault, number, names)
        self.fault, self.number, self.names = fault, number, names

    def say(self, words: Mapping[str, str]) -> str:
        """Say what is wrong, in these words where it is among them; they may hold `{number}`."""
        words = {**FAULTS, **words}
        return words[self.fault].format(number=self.number, megabytes=self.number / 1e6)


class ZipArchive:
    """An archive whose directory has been judged."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.members = archive.NameToInfo

    def read(self, member: ZipInfo) -> bytes:
        """Unpack a member in memory; several threads may do so.

        Raises:
            DamagedZip: it cannot be unpacked.
        """
        return b"".join(self._blocks(member))

    def unpack(self, member: ZipInfo, folder: Path) -> None:
        """Unpack a member below a folder: the whole file or nothing.

        Raises:
            DamagedZip: it cannot be unpacked.
            OSError: it cannot be written.
        """
        target = folder / member.filename
        if member.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{os.getpid()}.part")
        try:
            with temporary.open("wb") as file:
                file.writelines(self._blocks(member))
            temporary.replace(target)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _blocks(self, member: ZipInfo) -> Iterator[bytes]:
        try:
            # Asked for everything at once, zipfile would fill the memory before it complains.
            with self._archive.open(member) as source:
                while block := source.read(_BLOCK):
                    yield block
        except Exception as error:  # zipfile and zlib promise nothing about what they raise.
            raise DamagedZip(one_line(str(error))) from error


@contextmanager
def open_zip(path: Path, limits: ZipLimits) -> Iterator[ZipArchive]:
    """Open an archive and judge its directory.

    Raises:
        DamagedZip: it is no zip archive.
        RefusedZip: it holds what nobody should unpack.
        OSError: the file cannot be read.
    """
    with _LimitedFile(path, _END_AT_MOST + limits.files * _ENTRY_AT_MOST) as file:
        try:
            archive = zipfile.ZipFile(file)
        except Exception as error:  # Its parser promises nothing about what it raises.
            raise DamagedZip(one_line(str(error))) from error
        file.at_most = sys.maxsize
        _judge_sizes(archive.infolist(), limits, path.stat().st_size)
        _judge_members(archive.infolist(), limits, archive.start_dir)
        yield ZipArchive(archive)


class _LimitedFile(io.FileIO):
    """A file of which no more is read at once than is allowed."""

    def __init__(self, path: Path, at_most: int) -> None:
        super().__init__(path)
        self.at_most = at_most

    def read(self, size: int | None = -1, /) -> bytes:
        """Read; a directory of millions of entries is refused before it fills the memory."""
        if size is not None and size > self.at_most:
            raise zipfile.BadZipFile("its directory is far too long")
        return super().read(size) or b""


def _judge_sizes(members: list[ZipInfo], limits: ZipLimits, packed_bytes: int) -> None:
    total = sum(member.file_size for member in members)
    for fault, number, at_most in (
        ("files", len(members), limits.files),
        ("bytes", total, limits.bytes),
        ("growth", total, limits.growth * packed_bytes),
    ):
        if number > at_most:
            raise RefusedZip(fault, number, [])


def _judge_members(members: list[ZipInfo], limits: ZipLimits, end: int) -> None:
    for fault, is_faulty in _JUDGES.items():
        if fault != "name" or limits.printable:
            _refuse(fault, [member for member in members if is_faulty(member)])
    _refuse("twice", _named_twice(members))
    _refuse("overlap", _overlapping(members, end))


def _refuse(fault: str, members: list[ZipInfo]) -> None:
    if members:
        names = dict.fromkeys(member.filename for member in members)
        raise RefusedZip(fault, len(members), list(names))


def _leads_out(member: ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    return path.is_absolute() or ".." in path.parts or not path.parts


def _leads_out_on_windows(member: ZipInfo) -> bool:
    # The name as it stands in the file: zipfile cuts it off at a NUL.
    path = PureWindowsPath(member.orig_filename)
    leads_out = path.drive or path.root or ".." in path.parts
    return bool(leads_out) or not {":", "\0"}.isdisjoint(member.orig_filename)


def _has_unusable_name(member: ZipInfo) -> bool:
    name = member.filename
    return not name.isprintable() or any(len(part) > _NAME_AT_MOST for part in name.split("/"))


def _is_too_deep(member: ZipInfo) -> bool:
    return len(member.filename) > _PATH_AT_MOST or member.filename.count("/") > _DEEPEST


def _is_special(member: ZipInfo) -> bool:
    return stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR)


_JUDGES: dict[str, Callable[[ZipInfo], bool]] = {
    "deep": _is_too_deep,
    "outside": _leads_out,
    "windows": _leads_out_on_windows,
    "backslash": lambda member: "\\" in member.orig_filename,
    "name": _has_unusable_name,
    "special": _is_special,
    "encrypted": lambda member: bool(member.flag_bits & _ENCRYPTED),
    "method": lambda member: member.compress_type not in _METHODS,
}
FAULTS = {
    "deep": "lies too deep",
    "outside": "is a path that leads out of the archive",
    "windows": "is a path that leads out of the archive",
    "backslash": "has backslashes in its name, where an archive separates folders by slashes",
    "name": "has an unusable name",
    "special": "is a link or a device, not a file",
    "encrypted": "is encrypted",
    "method": "is packed by an unusual method",
    "twice": "is there more than once",
    "overlap": "shares its bytes with another file",
}
"""What is wrong with a member."""


def _named_twice(members: list[ZipInfo]) -> list[ZipInfo]:
    # Names that differ in case, or in how accents are spelt, are one file on some systems.
    paths = [
        (PurePosixPath(unicodedata.normalize("NFC", member.filename).casefold()), member)
        for member in members
    ]
    times = Counter(path for path, _ in paths)
    files = {path for path, member in paths if not member.is_dir()}
    return [
        member for path, member in paths if times[path] > 1 or not files.isdisjoint(path.parents)
    ]


def _overlapping(members: list[ZipInfo], end: int) -> list[ZipInfo]:
    # Members that share their bytes are how a small archive unpacks to petabytes.
    shared = []
    for member in sorted(members, key=lambda member: member.header_offset, reverse=True):
        if member.header_offset + _HEADER_BYTES + member.compress_size > end:
            shared.append(member)
        end = member.header_offset
    return shared
