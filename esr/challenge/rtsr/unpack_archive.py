"""A stranger's zip file, unpacked into an empty folder or refused; nothing in it runs here."""

from __future__ import annotations

from pathlib import Path

from esr.base.errors import UserError
from esr.base.visible_text import one_line
from esr.base.zip_archive import DamagedZip, RefusedZip, ZipLimits, open_zip

MEMBERS_AT_MOST = 20_000
BYTES_AT_MOST = 8 * 2**30
"""All members together; a hundred 4K results are 2 GiB."""
_FAULTS = {
    "files": f"holds more than {MEMBERS_AT_MOST} files",
    "bytes": "holds more bytes than any submission",
    **dict.fromkeys(("outside", "windows"), "would be written outside of the submission's folder"),
    "name": "has a name that cannot be used",
    "special": "is a link or another special file",
    "twice": "cannot be unpacked (two members are for one file)",
}


def extract(archive: Path, target: Path, bytes_at_most: int = BYTES_AT_MOST) -> None:
    """Unpack an archive.

    Args:
        archive: any file.
        target: an empty folder.
        bytes_at_most: what may come out of it.

    Raises:
        UserError: it is no zip file, holds something that is refused, or is damaged; then what
            was unpacked before stays in `target`.
    """
    try:
        with open_zip(archive, ZipLimits(MEMBERS_AT_MOST, bytes_at_most)) as opened:
            for member in opened.members.values():
                opened.unpack(member, target)
    except RefusedZip as refused:
        first = "".join(f"'{one_line(name)}' " for name in refused.names[:1])
        raise UserError(f"{first}{refused.say(_FAULTS)}", where=archive.name) from refused
    except DamagedZip as error:
        raise UserError(f"is no sound zip file ({error})", where=archive.name) from error
    except OSError as error:
        raise UserError(f"cannot be unpacked ({error})", where=archive.name) from error
