"""A set of the registry, downloaded and unpacked into the folders that an evaluation finds."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipInfo

from esr.base.console import progress_bar
from esr.base.download import HTTPS, fetch, require_space
from esr.base.errors import UserError, cause
from esr.base.visible_text import one_line
from esr.base.zip_archive import DamagedZip, RefusedZip, ZipLimits, open_zip
from esr.challenge.data_set_registry import Archive, DataSet
from esr.datasets.image_folders import find_sets
from esr.datasets.image_pairs import pair_images

_LIMITS = ZipLimits(files=100_000, growth=20)
"""Images hardly shrink."""
_FAULTS = {
    "files": "holds {number} files",
    "growth": "would grow to {megabytes:.0f} MB",
    "outside": "leaves the folder",
    "windows": "has an unusable name",
    "twice": "is named twice",
}


def obtain(
    data_set: DataSet, folder: Path, scale: int, schemes: Sequence[str] = HTTPS
) -> list[Archive]:
    """Download the archives of a set that are not unpacked yet.

    Args:
        data_set: what the registry knows of it.
        folder: where sets lie.
        scale: of the LR images.
        schemes: protocols that are allowed.

    Returns:
        What was downloaded; nothing if the set was there.

    Raises:
        UserError: it has no public address, or cannot be had.
    """
    archives = [archive for archive in data_set.archive if archive.scale in (None, scale)]
    if not any(archive.scale == scale for archive in archives):
        raise _unavailable(data_set, scale)
    if _is_there(data_set, folder, scale):
        return []
    for archive in archives:
        target = folder / archive.file
        size_bytes = archive.size_bytes
        fetch(archive.url, target, archive.sha256, size_bytes=size_bytes, schemes=schemes)
        unpack(target, folder)
        target.unlink()
    return archives


def _unavailable(data_set: DataSet, scale: int) -> UserError:
    if data_set.hr_public == "no":
        what, remedy = "its HR is not public", data_set.instead or ""
        return UserError(what, where=data_set.name, remedy=remedy)
    if data_set.archive:
        scales = ", ".join(f"x{archive.scale}" for archive in data_set.archive if archive.scale)
        remedy = f"download another scale, and make LR: python -m esr data prepare (has {scales})"
        return UserError(f"no LR of scale {scale} to download", where=data_set.name, remedy=remedy)
    home = f"see {data_set.home_page}" if data_set.home_page else "copy the images here"
    what = "no stable public address with a known checksum is known"
    return UserError(what, where=data_set.name, remedy=data_set.how or home)


def _is_there(data_set: DataSet, folder: Path, scale: int) -> bool:
    try:
        sets = find_sets(folder, scale)
    except UserError:
        return False
    sizes = [len(pair_images(of).pairs) for of in sets if of.name == data_set.name]
    return data_set.images in sizes


def unpack(archive: Path, folder: Path) -> int:
    """Unpack what is not there already.

    Args:
        archive: a zip file.
        folder: where its files go; each appears whole or not at all.

    Returns:
        Number of files in the archive.

    Raises:
        UserError: it is no zip file, is damaged, or holds something that is refused, which is
            found before anything is unpacked.
    """
    try:
        with open_zip(archive, _LIMITS) as opened:
            files = [member for member in opened.members.values() if not member.is_dir()]
            folder.mkdir(parents=True, exist_ok=True)
            require_space(folder, sum(member.file_size for member in files))
            with progress_bar(archive.name, len(files)) as show:
                for number, member in enumerate(files, 1):
                    if not _is_unpacked(folder / member.filename, member):
                        opened.unpack(member, folder)
                    show(number)
    except RefusedZip as refused:
        where = ", ".join([str(archive), *(one_line(name, 60) for name in refused.names[:1])])
        raise UserError(f"{refused.say(_FAULTS)}: not unpacked", where=where) from refused
    except DamagedZip as error:
        raise UserError(f"is a damaged zip archive ({error})", where=archive) from error
    except OSError as error:
        raise UserError(f"cannot be unpacked ({cause(error)})", where=archive) from error
    return len(files)


def _is_unpacked(target: Path, member: ZipInfo) -> bool:
    if not target.exists():
        return False
    same_size = target.stat().st_size == member.file_size
    if not same_size or zlib.crc32(target.read_bytes()) != member.CRC:
        what = "is there already, and is another file than that of the archive"
        raise UserError(what, where=target, remedy="move it away and run again")
    return True
