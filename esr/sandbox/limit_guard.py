"""What a running submission, or the build of its packages, uses, against its limits.

Looked at seldom, from the parent.

Memory is the resident memory of its processes, orphans included, and the shared memory that they
hold: reserved addresses, of which CUDA takes terabytes, cost nothing. What is shared counts once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Collection
from pathlib import Path

import psutil

from esr.measure.job import Job
from esr.records.measurement import Stage
from esr.sandbox.policy import GIB, PROCESSES_AT_MOST, Limits
from esr.sandbox.process_tree import children
from esr.sandbox.shared_memory import held_bytes, mapped_bytes

PERIOD_S = 0.5
"""Between two looks; one takes 0.1 ms of another core."""
DISK_EVERY = 4
"""Looks until the files are added up once more, which takes 1.5 ms for 200 images."""
_A_FILE = 32
"""Blocks that even an empty file counts for: an inode, of which ext4 makes one for 16 KiB."""
_DISK_FLOOR = GIB // 2
"""Free space that must be left, if there was twice as much: deleted files are on no list."""
_INODES_FLOOR = 2**15
"""And so many inodes: without one nobody can write a result."""


class LimitGuard:
    """Looks now and then at what a submission uses.

    Args:
        pid: its first process.
        folder: its private folder.
        limits: of the submission.
        others: children of this process that are not the submission's; it may have left orphans.
        images_bytes: what its images may take, beside the limit.
    """

    def __init__(
        self,
        pid: int,
        folder: Path,
        limits: Limits,
        others: Collection[int] | None = None,
        images_bytes: int = 0,
    ) -> None:
        self._pid = pid
        self._others = {pid, *(children(os.getpid()) if others is None else others)}
        self._folder = folder
        self._limits = limits
        self._disk_bytes = limits.disk_bytes + _size(folder) + images_bytes
        self._had_space = _free(self._folder) > 2 * _DISK_FLOOR
        self._had_inodes = _free_inodes(self._folder) > 2 * _INODES_FLOOR
        self._looks = 0
        self._deadline = time.monotonic() + limits.timeout_s
        self._next = time.monotonic() + PERIOD_S

    def broken(self) -> tuple[Stage, str] | None:
        """Say which limit is broken, if any; ask as often as you like."""
        if time.monotonic() >= self._deadline:
            return "timeout", f"no result after {self._limits.timeout_s:g} s"
        if time.monotonic() < self._next:
            return None
        self._looks += 1
        reason = self._processes() or self._space()
        if reason is None and self._looks % DISK_EVERY == 0:
            reason = self._disk()
        self._next = time.monotonic() + PERIOD_S
        return None if reason is None else ("limit", reason)

    def _processes(self) -> str | None:
        pids: list[int] = []
        private, commons = 0, [0]
        todo = [self._pid, *(pid for pid in children(os.getpid()) if pid not in self._others)]
        while todo and len(pids) <= PROCESSES_AT_MOST:
            pid = todo.pop()
            pids.append(pid)
            resident, common = _resident(pid)
            private += resident - common
            commons.append(common)
            todo += children(pid)
        if len(pids) > PROCESSES_AT_MOST:
            return f"it started more than {PROCESSES_AT_MOST} processes"
        held = held_bytes(pids)
        if private + max(sum(commons), held) <= self._limits.memory_bytes:
            return None
        # To tell what several share takes 15 ms, in which the kernel stops them: it is never more.
        shared = max(max(commons), held, mapped_bytes(pids) if len(pids) > 1 else 0)
        if private + shared > self._limits.memory_bytes:
            limit = _gib(self._limits.memory_bytes)
            return f"it used {_gib(private + shared)} of memory, --memory_limit is {limit}"
        return None

    def _disk(self) -> str | None:
        used = _size(self._folder)
        if used > self._disk_bytes:
            limit = _gib(self._limits.disk_bytes)
            return f"its folder holds {_gib(used)}, --disk_limit is {limit} beside its job"
        return None

    def _space(self) -> str | None:
        if self._had_space and _free(self._folder) < _DISK_FLOOR:
            return f"it left {_gib(_free(self._folder))} of the disk of {self._folder.parent}"
        if self._had_inodes and (left := _free_inodes(self._folder)) < _INODES_FLOOR:
            return f"it left room for {left} files on the disk of {self._folder.parent}"
        return None


def images_bytes(job: Job) -> int:
    """Say what LR and SR images of a job take: they are the job itself.

    SR is scale x scale as large as LR.
    """
    lr_bytes = sum(split.lr_bytes for split in job.splits)
    return lr_bytes * (1 + (1 + len(job.passes.ways)) * job.submission.sidecar.scale**2)


def _resident(pid: int) -> tuple[int, int]:
    """Read the resident memory of a process, and how much of it others may share, in bytes."""
    with contextlib.suppress(psutil.Error):
        memory = psutil.Process(pid).memory_info()
        return memory.rss, getattr(memory, "shared", 0)  # Only Linux knows.
    return 0, 0


def _size(folder: Path) -> int:
    """Add up what the files below a folder take on the disk, in bytes.

    A folder too deep to be looked into takes more than any limit: nobody needs one.
    """
    total, todo = 0, [folder]
    while todo:
        try:
            entries = [*os.scandir(todo.pop())]
        except OSError as error:  # A submission may remove what is being looked at.
            if error.errno == errno.ENAMETOOLONG:
                return sys.maxsize
            continue
        for entry in entries:
            with contextlib.suppress(OSError):
                total += 512 * max(_A_FILE, entry.stat(follow_symlinks=False).st_blocks)
                if entry.is_dir(follow_symlinks=False):
                    todo.append(Path(entry.path))
    return total


def _free(folder: Path) -> int:
    with contextlib.suppress(OSError):
        status = os.statvfs(folder)
        return status.f_bavail * status.f_frsize
    return 2 * _DISK_FLOOR


def _free_inodes(folder: Path) -> int:
    with contextlib.suppress(OSError):
        status = os.statvfs(folder)
        if status.f_files:  # Some file systems make them as they are needed, and say 0.
            return status.f_favail
    return 2 * _INODES_FLOOR


def _gib(number: int) -> str:
    return f"{number / GIB:.3g} GiB"
