"""One run of the harness on a GPU at a time: two would measure each other.

The second waits, and says so. Whoever dies gives the lock back.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCKS = Path("/tmp")
"""The same for every user, whatever TMPDIR says."""


def has_gpu() -> bool:
    """Whether this machine has an NVIDIA GPU."""
    return any(Path("/dev").glob("nvidia[0-9]*"))


@contextmanager
def gpu_lock(device: str) -> Iterator[None]:
    """Hold the lock of the GPU that `--device` stands for; no GPU, no lock.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:1`.
    """
    if device == "cpu" or not has_gpu():
        yield
        return
    with locked(LOCKS / f"esr-gpu-{physical_gpu(device)}.lock", device):
        yield


@contextmanager
def locked(file: Path, device: str) -> Iterator[None]:
    """Hold a lock file, waiting for whoever holds it."""
    handle = open_lock(file)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write(f"--device {device}: another run measures on this GPU; waiting\n")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def open_lock(file: Path) -> int:
    """Open a lock file, made if it is not there yet."""
    # A lock needs no right to write; Linux lets nobody create again what another user has made
    # in /tmp.
    try:
        return os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CREAT, 0o644)
        os.fchmod(handle, 0o644)  # For other users, whatever our umask says.
        return handle


def physical_gpu(device: str) -> str:
    """Name the GPU that `cuda`, `cuda:1` or `auto` stands for, whatever is visible of them."""
    index = int(device.partition(":")[2] or 0)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    name = visible[index].strip() if index < len(visible) else ""
    return "".join(char for char in name if char.isalnum() or char == "-") or str(index)
