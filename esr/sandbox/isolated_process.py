"""One submission in a process group of its own: whatever it does, it costs one row.

What holds it there is in `esr.sandbox`; docs/isolation.md says what that contains and what not.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from esr.base.errors import UserError, printable_line
from esr.base.house import run_module
from esr.measure.job import Job, JobFolder, SubmissionFailed
from esr.records.measurement import Flag, Isolation
from esr.sandbox import bubblewrap, launch, process_tree
from esr.sandbox.child_channel import ChildChannel
from esr.sandbox.inside.start_barrier import GO
from esr.sandbox.left_files import flag_left_files, list_files
from esr.sandbox.limit_guard import LimitGuard, images_bytes
from esr.sandbox.parent_state import ParentState
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


class Listener(Protocol):
    """Takes what a child says, in its turn."""

    @property
    def stage(self) -> str | None:
        """The stage that the child was in when it spoke last; None if it has not spoken."""

    def hear(self, word: str, value: object) -> bytes:
        """Take one thing said, and say what to answer; nothing if that is empty.

        Raises:
            SubmissionFailed: it is out of turn.
        """

    def excuse(self, failed: SubmissionFailed) -> bool:
        """Whether what was heard before it was ended is enough; take note of why it was ended."""


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
        self._child, connection, self._isolation = launch.start(
            command, where, output.file, sandbox=policy.sandbox
        )
        self._channel = ChildChannel(connection)
        self._ended = False

    def run(self, job: Job, log: Path, listener: Listener) -> ProgramEnd:
        """Let it begin, wait until it has ended, and leave nothing of it behind.

        Args:
            job: what it is told; the folder is prepared.
            log: receives what it prints.
            listener: hears what it says.

        Raises:
            SubmissionFailed: it broke a limit, or spoke out of turn.
            UserError: the log cannot be written.
        """
        before, state = list_files(self._folder), ParentState.now()
        left: list[str] = []
        with kept_in(log, self._output):
            guard = LimitGuard(
                self._child.pid,
                self._folder.path,
                self._policy.limits,
                self._ours,
                images_bytes(job),
            )
            images = sum(split.count for split in job.splits)
            self._channel.expect(images * (1 + (job.passes.repeats or 0)))
            self._channel.say(GO)
            try:
                self._listen(guard, listener)
            except SubmissionFailed as failed:
                if not listener.excuse(failed):
                    raise
            finally:
                left += self.end()
                changed = state.restore()
            # In bubblewrap it sees no other process: somebody else has done that.
            flags = (
                *(() if self._policy.sandbox else _changed(changed)),
                *self._output.flags(),
                *_left(left),
                *flag_left_files(job, self._folder, self._where, before),
            )
        status = self._child.returncode
        if self._policy.sandbox:
            status = bubblewrap.status_of_command(status)
        return ProgramEnd(status, flags, self._isolation)

    def _listen(self, guard: LimitGuard, listener: Listener) -> None:
        """Hear what it says until it has ended, and what it had said by then."""
        ended = False
        while not ended:
            _refuse_broken(guard, listener)
            ended = _ended(self._child, self._channel)
            for word, value in self._channel.said():
                _refuse_broken(guard, listener)  # It may say so much that there is no end to it.
                if answer := listener.hear(word, value):
                    self._channel.say(answer)

    def end(self) -> list[str]:
        """Kill it and all that descends from it, unless that was done already.

        Returns:
            names of the processes that outlived it.
        """
        if self._ended:
            return []
        left = process_tree.end(self._child, self._ours, self._where.home)
        self._channel.close()
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
    where = places(submission, folder.path, policy.hidden, policy.shown)
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


def _changed(names: list[str]) -> Iterator[Flag]:
    if names:
        text = f"{', '.join(names)} of the harness were others after it, and were put back"
        yield Flag("changed_parent", text)


def check_device(name: str) -> None:
    """Ask a child, since PyTorch is not imported here, whether a device that was named exists.

    Raises:
        UserError: it does not.
    """
    if name == "auto":
        wake_driver()
    if name in ("auto", "cpu"):
        return
    asked = run_module("esr.measure.device", name)
    if asked.returncode != 0:
        raise UserError(
            asked.stdout.strip() or "PyTorch cannot be imported", where=f"--device {name}"
        )


def wake_driver() -> None:
    """Let CUDA make its device, if no program has used it since this machine was started."""
    if _is_asleep():
        run_module("esr.measure.device", "cuda")


def _is_asleep() -> bool:
    # The first CUDA program makes this device, by a setuid program, which no confined child can.
    return Path("/dev/nvidiactl").exists() and not Path("/dev/nvidia-uvm").exists()


def _refuse_broken(guard: LimitGuard, listener: Listener) -> None:
    if (broken := guard.broken()) is not None:
        stage, reason = broken
        raise SubmissionFailed(stage, f"{reason} (in stage {listener.stage or 'unknown'})")


def _ended(child: subprocess.Popen[bytes], channel: ChildChannel) -> bool:
    """Wait a little for the child to speak or to end, without ever looking whether it has ended."""
    speaking = [channel.fileno()] if channel.is_open else []
    if not hasattr(os, "pidfd_open"):
        if speaking:
            select.select(speaking, [], [], _POLL_S)
        else:
            time.sleep(_POLL_S)
        return child.poll() is not None
    # Popen.wait looks 10 times in `_POLL_S`, beside what is timed, and is late by up to 50 ms.
    handle = os.pidfd_open(child.pid)
    try:
        select.select([handle, *speaking], [], [], _POLL_S)
    finally:
        os.close(handle)
    return child.poll() is not None
