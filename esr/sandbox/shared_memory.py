"""Memory that belongs to no process: files in /dev/shm, and files without a name (memfd)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_FOLDER = Path("/dev/shm")
_NAMELESS = ("/memfd:", f"{_FOLDER}/")


def held_bytes(pids: Iterable[int], before: frozenset[Path]) -> int:
    """Add up the shared memory that processes hold open or that lies in /dev/shm.

    Args:
        pids: of the processes.
        before: what lay there before they began.
    """
    found: dict[tuple[int, int], int] = {}
    for path in (*(path for path in _ours() if path not in before), *_shared_handles(pids)):
        with suppress(OSError):
            status = path.stat()
            found[status.st_dev, status.st_ino] = 512 * status.st_blocks
    return sum(found.values())


def _shared_handles(pids: Iterable[int]) -> Iterator[Path]:
    for handle in (handle for pid in pids for handle in _handles(pid)):
        with suppress(OSError):
            if str(handle.readlink()).startswith(_NAMELESS):
                yield handle


def mapped_bytes(pids: Iterable[int]) -> int:
    """Add up the shared memory that processes have mapped; what several share counts once."""
    return sum(map(_mapped, pids))


def _mapped(pid: int) -> int:
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss_Shmem:"):
                return 1024 * int(line.split()[1])
    return 0


def list_segments() -> frozenset[Path]:
    """Name the files of this user in /dev/shm."""
    return frozenset(_ours())


def remove_segments(before: frozenset[Path]) -> list[str]:
    """Remove those that came since and that no living process has: nothing survives its maker.

    Returns:
        their names.
    """
    came = [path for path in _ours() if path not in before]
    used = set(_mapped_files()) if came else set()
    removed = []
    for path in came:
        if path not in used:
            with suppress(OSError):
                path.unlink()
                removed.append(path.name)
    return removed


def _ours() -> Iterator[Path]:
    with suppress(OSError):
        for entry in os.scandir(_FOLDER):
            with suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                if status.st_uid == os.getuid() and not stat.S_ISDIR(status.st_mode):
                    yield Path(entry.path)


def _mapped_files() -> Iterator[Path]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            maps = (process / "maps").read_text(encoding="utf-8", errors="replace")
            for line in maps.splitlines():
                if f" {_FOLDER}/" in line:
                    yield Path(line[line.index(f"{_FOLDER}/") :])
        for handle in _handles(int(process.name)):
            with suppress(OSError):
                yield handle.readlink()


def _handles(pid: int) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(f"/proc/{pid}/fd")]
    except OSError:
        return []
