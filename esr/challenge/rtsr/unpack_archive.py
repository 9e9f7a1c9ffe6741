"""A stranger's zip file, unpacked into an empty folder or refused.

Nothing in it runs here. Refused are names that lead elsewhere, links and other special files,
encryption, two members for one file, and more bytes than any submission has, by what really comes
out and not by what the headers promise.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from esr.base.errors import UserError

MEMBERS_AT_MOST = 20_000
BYTES_AT_MOST = 8 * 2**30
"""All members together; a hundred 4K results are 2 GiB."""
_BLOCK = 2**20
_NAME_AT_MOST = 255


def extract(archive: Path, target: Path, bytes_at_most: int = BYTES_AT_MOST) -> None:
    """Unpack an archive.

    Args:
        archive: any file.
        target: an empty folder.
        bytes_at_most: what may come out of it.

    Raises:
        UserError: it is no zip file, is damaged, or holds something that is refused; what was
            unpacked before stays in `target`.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            if len(members) > MEMBERS_AT_MOST:
                raise UserError(f"holds more than {MEMBERS_AT_MOST} files", where=archive.name)
            left = bytes_at_most
            for member in members:
                path = target.joinpath(*_checked(member, archive).parts)
                if member.is_dir():
                    path.mkdir(parents=True, exist_ok=True)
                else:
                    left -= _write(opened, member, path, left, archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise UserError(f"is no sound zip file ({error})", where=archive.name) from error
    except (RuntimeError, ValueError, OSError) as error:
        # What zipfile raises for a wrong password, a nonsensical header, and a file in the way.
        raise UserError(f"cannot be unpacked ({error})", where=archive.name) from error


def _checked(member: zipfile.ZipInfo, archive: Path) -> PurePosixPath:
    name = member.orig_filename
    path = PurePosixPath(name)
    kind = stat.S_IFMT(member.external_attr >> 16)
    problem = ""
    if not _usable(name, path):
        problem = "has a name that cannot be used"
    elif path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]:
        problem = "would be written outside of the submission's folder"
    elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        problem = "is a link or another special file"
    elif member.flag_bits & 0x1:
        problem = "is encrypted"
    if problem:
        shown = name if name.isprintable() else ascii(name)
        raise UserError(f"'{shown[:_NAME_AT_MOST]}' {problem}", where=archive.name)
    return path


def _usable(name: str, path: PurePosixPath) -> bool:
    short = all(len(part) <= _NAME_AT_MOST for part in path.parts)
    return bool(path.parts) and name.isprintable() and short


def _write(
    opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, left: int, archive: Path
) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    # "x": a second member for the same file must not replace the first.
    with opened.open(member) as source, path.open("xb") as file:
        while block := source.read(_BLOCK):
            written += len(block)
            if written > left:
                raise UserError("holds more bytes than any submission", where=archive.name)
            file.write(block)
    return written
