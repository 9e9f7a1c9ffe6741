"""One submission in a process group of its own: whatever it does, it costs one row.

What holds it there is in `esr.sandbox`; docs/isolation.md says what that contains and what not.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from esr.base.errors import UserError, printable_line
from esr.base.house import run_module
from esr.measure.job import Job, JobFolder, SubmissionFailed, stage_reached
from esr.records.measurement import Flag, Isolation
from esr.sandbox import launch, process_tree
from esr.sandbox.inside import start_barrier
from esr.sandbox.left_files import flag_left_files, list_files
from esr.sandbox.limit_guard import LimitGuard
from esr.sandbox.policy import Places, Policy, places
from esr.sandbox.printed_output import PrintedOutput, kept_in, printed_in
from esr.submissions.submission import Measurable

_POLL_S = 0.1


@dataclass(frozen=True)
class ProgramEnd:
    """How a program ended."""

    status: int
    """As `subprocess` says it."""
    flags: tuple[Flag, ...]
    """What was seen of it from outside."""
    isolation: Isolation


class WaitingProgram:
    """A program that imports what it needs and then waits to be told to begin.

    Only code of this house has run in it so far.
    """

    def __init__(
        self,
        folder: JobFolder,
        where: Places,
        output: PrintedOutput,
        policy: Policy,
        command: list[str],
    ) -> None:
        self._folder, self._where, self._output, self._policy = folder, where, output, policy
        process_tree.adopt_orphans()
        self._ours = {process.pid for process in process_tree.descendants(os.getpid())}
        self._child, self._isolation = launch.start(
            command, where, output.file, sandbox=policy.sandbox
        )
        self._ended = False

    def run(self, job: Job, log: Path, look: Callable[[], None]) -> ProgramEnd:
        """Let it begin, wait until it has ended, and leave nothing of it behind.

        Args:
            job: what it is told; the folder is prepared.
            log: receives what it prints.
            look: called now and then while it runs.

        Raises:
            SubmissionFailed: it broke a limit.
            UserError: the log cannot be written.
        """
        before = list_files(self._folder)
        left: list[str] = []
        with kept_in(log, self._output):
            guard = LimitGuard(self._child.pid, job, self._folder, self._policy.limits)
            start_barrier.let_through(self._child)
            try:
                _wait(self._child, self._folder, guard, look)
            finally:
                left += self.end()
            flags = (
                *self._output.flags(),
                *_left(left),
                *flag_left_files(job, self._folder, self._where, before),
            )
        return ProgramEnd(self._child.returncode, flags, self._isolation)

    def end(self) -> list[str]:
        """Kill it and all that descends from it, unless that was done already.

        Returns:
            names of the processes that outlived it.
        """
        if self._ended:
            return []
        left = process_tree.end(self._child, self._ours, self._where.home)
        self._ended = True  # Not before: whoever interrupts it calls it once more.
        return left


@contextmanager
def waiting(
    module: str, submission: Measurable, folder: JobFolder, policy: Policy
) -> Iterator[WaitingProgram]:
    """Start a program that waits, and leave nothing of it behind.

    Args:
        module: what runs as `python -m MODULE FOLDER`, and waits at its `start_barrier`.
        submission: what it will be told to run; its own files exist.
        folder: exists; its job may follow until the program is told to begin.
        policy: its limits, and what it must not see.

    Raises:
        UserError: the folder cannot be written.
    """
    where = places(submission, folder.path, policy.hidden)
    command = [sys.executable, "-m", module, str(folder.path)]
    with printed_in(folder.path) as output:
        program = WaitingProgram(folder, where, output, policy, command)
        try:
            yield program
        finally:
            program.end()


def _left(names: list[str]) -> Iterator[Flag]:
    if names:
        text = f"{len(names)} processes were left behind and killed: {', '.join(names)}"
        yield Flag("left_processes", printable_line(text))


def check_device(name: str) -> None:
    """Ask a child, since PyTorch is not imported here, whether a device that was named exists.

    Raises:
        UserError: it does not.
    """
    if name == "auto" and _is_asleep():
        run_module("esr.measure.device", "cuda")
    if name in ("auto", "cpu"):
        return
    asked = run_module("esr.measure.device", name)
    if asked.returncode != 0:
        raise UserError(
            asked.stdout.strip() or "PyTorch cannot be imported", where=f"--device {name}"
        )


def _is_asleep() -> bool:
    # The first CUDA program makes this device, by a setuid program, which no confined child can.
    return Path("/dev/nvidiactl").exists() and not Path("/dev/nvidia-uvm").exists()


def _wait(
    child: subprocess.Popen[bytes], folder: JobFolder, guard: LimitGuard, look: Callable[[], None]
) -> None:
    while not _ended(child):
        if (broken := guard.broken()) is not None:
            stage, reason = broken
            raise SubmissionFailed(stage, f"{reason} (in stage {stage_reached(folder)})")
        look()


def _ended(child: subprocess.Popen[bytes]) -> bool:
    """Wait a little for the child, without ever looking whether it has ended."""
    if hasattr(os, "pidfd_open"):
        # Popen.wait looks 10 times in `_POLL_S`, beside what is timed, and is late by up to 50 ms.
        handle = os.pidfd_open(child.pid)
        try:
            select.select([handle], [], [], _POLL_S)
        finally:
            os.close(handle)
        return child.poll() is not None
    with suppress(subprocess.TimeoutExpired):
        child.wait(_POLL_S)
    return child.returncode is not None
