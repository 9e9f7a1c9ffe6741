"""Memory that belongs to no process: files in /dev/shm, and files without a name (memfd)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_SHARED = ("/memfd:", "/dev/shm/")


def held_bytes(pids: Iterable[int]) -> int:
    """Add up the shared memory that processes hold open, whoever has written it."""
    found: dict[tuple[int, int], int] = {}
    for handle in _shared_handles(pids):
        with suppress(OSError):
            status = handle.stat()
            found[status.st_dev, status.st_ino] = 512 * status.st_blocks
    return sum(found.values())


def _shared_handles(pids: Iterable[int]) -> Iterator[Path]:
    for pid in pids:
        with suppress(OSError):
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    if str(Path(entry.path).readlink()).startswith(_SHARED):
                        yield Path(entry.path)


def mapped_bytes(pids: Iterable[int]) -> int:
    """Add up the shared memory that processes have mapped; what several share counts once."""
    return sum(map(_mapped, pids))


def _mapped(pid: int) -> int:
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss_Shmem:"):
                return 1024 * int(line.split()[1])
    return 0
