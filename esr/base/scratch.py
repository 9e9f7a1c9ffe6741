"""Temporary folders that outlive nobody: what a killed run leaves is removed by the next one.

Each holds a file that its owner keeps locked. The system gives the lock back however the owner
ends, so a folder whose file can be locked belongs to nobody; process ids are used again, and mean
nothing in another container.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from esr.base.remove_tree import remove_tree

_ROOT = "esr-scratch-"
_TRIALS = 10
_MARK = ".esr-scratch"
"""Name of the locked file; the folder's own name must say nothing to a child."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a private temporary folder, and remove it in the end.

    Raises:
        OSError: there is no room for one.
    """
    folder = _make_folder()
    try:
        with held_folder(folder):
            yield folder
    finally:
        with suppress(OSError):  # Somebody else's is still there.
            folder.parent.rmdir()


@contextmanager
def held_folder(folder: Path) -> Iterator[Path]:
    """Hold a folder that was made just now, and remove it in the end.

    Raises:
        OSError: there is no room for the mark.
    """
    try:
        with (folder / f"{_MARK}-new").open("wb") as mark:
            fcntl.flock(mark, fcntl.LOCK_EX)
            # Renamed when it is locked: nobody ever sees the mark of a living owner unlocked.
            (folder / f"{_MARK}-new").rename(folder / _MARK)
            yield folder
    finally:
        remove_tree(folder)


def scratch_roots() -> tuple[Path, ...]:
    """Name the folders in which all runs of all users have their scratch folders."""
    bases = {_temporary(), Path("/tmp"), Path("/var/tmp")}
    return tuple(sorted(root for base in bases for root in base.glob(f"{_ROOT}*")))


def _temporary() -> Path:
    # A child works in a folder of its own, where `TMPDIR=.` is another one.
    return Path(tempfile.gettempdir()).absolute()


def _make_folder() -> Path:
    """Make it where a child can be kept from all of them at once, those of later runs included."""
    root = _temporary() / f"{_ROOT}{os.getuid()}"
    for _ in range(_TRIALS):
        root.mkdir(mode=0o700, exist_ok=True)
        status = root.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise PermissionError(errno.EPERM, "belongs to somebody else", str(root))
        with suppress(FileNotFoundError):  # Another run has just removed it as empty.
            return Path(tempfile.mkdtemp(dir=root))
    raise FileNotFoundError(errno.ENOENT, "is removed again and again", str(root))


def remove_orphans() -> None:
    """Remove the scratch folders of this user whose owners are dead."""
    for root in (_temporary(), *scratch_roots()):
        remove_orphans_in(root)


def remove_orphans_in(root: Path, pattern: str = "*") -> None:
    """Remove the folders of one place that this user holds no longer, of those that match."""
    with suppress(OSError):
        for folder in root.glob(pattern):
            with suppress(OSError):
                if _is_ours(folder):
                    _remove_orphan(folder)


def _is_ours(folder: Path) -> bool:
    # lstat: somebody may have put links there that lead to other people's files.
    status, mark = folder.lstat(), (folder / _MARK).lstat()
    return (
        stat.S_ISDIR(status.st_mode)
        and stat.S_ISREG(mark.st_mode)
        and status.st_uid == mark.st_uid == os.getuid()
    )


def _remove_orphan(folder: Path) -> None:
    handle = os.open(folder / _MARK, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_tree(folder)
    finally:
        os.close(handle)
