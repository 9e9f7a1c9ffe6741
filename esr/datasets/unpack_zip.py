"""A zip archive from a stranger, unpacked file by file: nothing outside its folder, no flood."""

from __future__ import annotations

import contextlib
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from esr.base.download import require_space
from esr.base.errors import UserError, cause
from esr.base.progress import progress_bar
from esr.base.visible_text import one_line

_MEMBERS_AT_MOST = 100_000
_GROWTH_AT_MOST = 20
"""Bytes of the files over bytes of the archive; images hardly shrink, zip bombs by a thousand."""
_BLOCK = 1 << 20
_ENCRYPTED = 1


def unpack(archive: Path, folder: Path) -> int:
    """Unpack what is not there already.

    Args:
        archive: a zip file.
        folder: where its files go; each appears whole or not at all.

    Returns:
        Number of files in the archive.

    Raises:
        UserError: it is no zip file, or a member leaves the folder, is a link, is encrypted, is
            named twice, is damaged, or grows beyond reason. Names are judged before anything is
            unpacked.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = list(_checked(opened, archive))
            folder.mkdir(parents=True, exist_ok=True)
            require_space(folder, sum(info.file_size for info, _ in members))
            with progress_bar(archive.name, len(members)) as show:
                for number, (info, name) in enumerate(members, 1):
                    _extract(opened, info, folder / name)
                    show(number)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError) as error:
        raise UserError(f"is a damaged zip archive ({error})", where=archive) from error
    except OSError as error:
        raise UserError(f"cannot be unpacked ({cause(error)})", where=archive) from error
    return len(members)


def _checked(
    opened: zipfile.ZipFile, archive: Path
) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    infos = opened.infolist()
    if len(infos) > _MEMBERS_AT_MOST:
        raise UserError(f"holds {len(infos)} files: not unpacked", where=archive)
    size = sum(info.file_size for info in infos)
    if size > _GROWTH_AT_MOST * archive.stat().st_size:
        raise UserError(f"would grow to {size / 1e6:.0f} MB: not unpacked", where=archive)
    seen: set[str] = set()
    for info in infos:
        if (problem := _problem(info, seen)) is not None:
            where = f"{archive}, {one_line(info.filename, 60)}"
            raise UserError(f"{problem}: not unpacked", where=where)
        # Two names that differ in case alone are one file on some systems.
        seen.add(info.filename.casefold())
        if not info.is_dir():
            yield info, PurePosixPath(info.filename)


def _problem(info: zipfile.ZipInfo, seen: set[str]) -> str | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    # `orig_filename` keeps what zipfile cuts off or replaces.
    odd = {"\\", ":", "\0"} & set(info.orig_filename) or not info.filename.isprintable()
    path = PurePosixPath(info.filename)
    problems = {
        "leaves the folder": path.is_absolute() or ".." in path.parts or not path.parts,
        "has an unusable name": bool(odd),
        "is a link or a device": kind not in (0, stat.S_IFREG, stat.S_IFDIR),
        "is encrypted": bool(info.flag_bits & _ENCRYPTED),
        "is named twice": info.filename.casefold() in seen,
    }
    return next((problem for problem, found in problems.items() if found), None)


def _extract(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    if target.exists():
        if _checksum(target) != info.CRC:
            what = "is there already, and is another file than that of the archive"
            raise UserError(what, where=target, remedy="move it away and run again")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with opened.open(info) as source, temporary.open("wb") as file:
            while block := source.read(_BLOCK):
                file.write(block)
        temporary.replace(target)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            checksum = zlib.crc32(block, checksum)
    return checksum
