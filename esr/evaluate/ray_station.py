"""A place of a Ray cluster where submissions are measured, one after the other.

It has a device to itself: Ray grants it a GPU or cores, and locks of this machine keep every other
run off them. HR stays in its own process; a submission runs in a child of it under the same fences
as anywhere. It needs this checkout and nothing of Ray.
"""

from __future__ import annotations

import os
import platform
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from esr.base.json_file import write_bytes
from esr.base.scratch import scratch_folder
from esr.evaluate import provenance
from esr.evaluate.compare_machine import compare_code, compare_folders, compare_sets
from esr.evaluate.errand import Delivery, Errand, SentData, Task, write_files
from esr.evaluate.serial_engine import evaluate_alone, open_workplace
from esr.evaluate.settle_sandbox import settle_sandbox
from esr.evaluate.staged_data import stage_all
from esr.evaluate.submission_environment import lock_file
from esr.evaluate.submission_run import RunSetting
from esr.records.record import Failure
from esr.sandbox.core_locks import reserved


class Station:
    """Measures on this machine for a driver on another.

    Args:
        errand: what the run is about.
    """

    def __init__(self, errand: Errand) -> None:
        self._errand, self._stack = errand, ExitStack()

    def open(self, data: SentData | None) -> str | None:
        """Get ready to measure.

        Args:
            data: the image files; None to use those that this machine sees.

        Returns:
            the machine's name; None if it does not see the data.

        Raises:
            UserError: its code or its data are others than the driver's, or it cannot measure.
        """
        data_dir = self._errand.options.data.data_dir
        if data is None and not all((data_dir / n).is_file() for n in self._errand.data_files):
            return None
        try:
            self._open(self._errand, data)
        except BaseException:
            self.close()
            raise
        return platform.node()

    def _open(self, errand: Errand, data: SentData | None) -> None:
        compare_code(errand.likeness)
        provenance.take_settings(errand.likeness.environment)
        options = settle_sandbox(errand.options)
        if not os.environ.get("CUDA_VISIBLE_DEVICES"):
            os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        enter = self._stack.enter_context
        enter(reserved(options.engine.cpus_per_job))
        hr_dir, job_dir = enter(open_workplace(options))
        self._save_dir, self._code_dir = enter(scratch_folder()), enter(scratch_folder())
        (self._save_dir / "logs").mkdir()
        request = options.data
        if data is not None:
            request = replace(request, data_dir=write_files(data, enter(scratch_folder())))
        own = replace(
            options, data=request, output=replace(options.output, save_dir=self._save_dir)
        )
        staged = stage_all(errand.entries, own.data, own.procedure, hr_dir)
        compare_sets(errand.likeness, staged)
        self._setting = RunSetting(own, staged, job_dir, also_hidden=(options.output.save_dir,))
        compare_folders(errand.likeness, own, self._setting.installer)

    def evaluate(self, task: Task) -> Delivery:
        """Measure one submission.

        Raises:
            UserError: this machine cannot go on.
        """
        if task.lock is not None:
            write_bytes(lock_file(self._save_dir, task.entry.label), task.lock)
        entry = task.placed(self._code_dir)
        outcome = evaluate_alone(entry, self._setting, task.record)
        if isinstance(outcome, Failure) and outcome.log is not None:
            below = Path(outcome.log).relative_to(self._save_dir)
            outcome = replace(outcome, log=str(below))
        return Delivery(outcome, self._take_files())

    def _take_files(self) -> dict[str, bytes]:
        files = {}
        for file in sorted(self._save_dir.rglob("*")):
            if file.is_file():
                files[file.relative_to(self._save_dir).as_posix()] = file.read_bytes()
                file.unlink()
        return files

    def close(self) -> None:
        """Remove its files and give its device back."""
        self._stack.close()
