"""A zip archive of images, unpacked file by file; what is there already stays."""

from __future__ import annotations

import zlib
from pathlib import Path
from zipfile import ZipInfo

from esr.base.console import progress_bar
from esr.base.download import require_space
from esr.base.errors import UserError, cause
from esr.base.visible_text import one_line
from esr.base.zip_archive import DamagedZip, RefusedZip, ZipLimits, open_zip

_LIMITS = ZipLimits(files=100_000, growth=20)
"""Images hardly shrink."""
_FAULTS = {
    "files": "holds {number} files",
    "growth": "would grow to {megabytes:.0f} MB",
    "outside": "leaves the folder",
    "windows": "has an unusable name",
    "twice": "is named twice",
}


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
                    if not _is_there(folder / member.filename, member):
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


def _is_there(target: Path, member: ZipInfo) -> bool:
    if not target.exists():
        return False
    same_size = target.stat().st_size == member.file_size
    if not same_size or zlib.crc32(target.read_bytes()) != member.CRC:
        what = "is there already, and is another file than that of the archive"
        raise UserError(what, where=target, remedy="move it away and run again")
    return True
