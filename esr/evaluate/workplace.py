"""What it takes to run submissions here: a device, a sandbox if one is wanted, two folders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from esr.base.scratch import remove_orphans, scratch_folder
from esr.evaluate.options import Confinement
from esr.sandbox import bubblewrap
from esr.sandbox.gpu_lock import gpu_lock
from esr.sandbox.isolated_process import check_device


@contextmanager
def open_workplace(confinement: Confinement) -> Iterator[tuple[Path, Path]]:
    """Make sure that submissions can be run, and keep other runs off the GPU meanwhile.

    Yields:
        (folder for HR, folder for jobs), of unrelated names: a job must not lead to HR.

    Raises:
        UserError: there is no such device, or no sandbox.
    """
    if confinement.sandbox:
        bubblewrap.check()
    check_device(confinement.device)
    remove_orphans()
    with gpu_lock(confinement.device), scratch_folder() as hr_dir, scratch_folder() as job_dir:
        yield hr_dir, job_dir
