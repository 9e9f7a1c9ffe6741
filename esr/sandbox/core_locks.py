"""Cores of this machine, each for one timing at a time, whichever run or user takes it.

What `esr.sandbox.gpu_lock` is for GPUs. Whoever dies gives its cores back.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from esr.sandbox.gpu_lock import LOCKS, open_lock

_LOOK_EVERY_S = 0.5


@contextmanager
def reserved(number: int, folder: Path = LOCKS) -> Iterator[frozenset[int]]:
    """Hold that many cores, waiting until they are free, and run on no others meanwhile.

    Args:
        number: of cores; all that this process may use if there are not as many.
        folder: of the lock files.

    Yields:
        their numbers.
    """
    allowed = os.sched_getaffinity(0)
    wanted, said = min(number, len(allowed)), False
    with ExitStack() as held:
        while (cores := _take(wanted, allowed, folder, held)) is None:
            if not said:
                sys.stderr.write(f"another run measures on these cores; waiting for {wanted}\n")
                said = True
            time.sleep(_LOOK_EVERY_S)
        os.sched_setaffinity(0, cores)
        held.callback(os.sched_setaffinity, 0, allowed)
        yield cores


def _take(
    wanted: int, allowed: Collection[int], folder: Path, held: ExitStack
) -> frozenset[int] | None:
    """Take free cores, all of them or none: two runs that each hold half would wait for ever."""
    with ExitStack() as taken:
        cores = []
        for core in sorted(allowed):
            handle = open_lock(folder / f"esr-core-{core}.lock")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                continue
            taken.callback(os.close, handle)
            cores.append(core)
            if len(cores) == wanted:
                held.push(taken.pop_all())
                return frozenset(cores)
    return None
