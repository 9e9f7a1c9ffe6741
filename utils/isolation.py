"""One submission in a process group of its own: whatever it does, it costs one row.

This contains accidents: crashes, hangs, `os._exit`, floods of output (`worker.FILE_AT_MOST`). It is
no sandbox: the child has the rights of whoever started the harness.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO, get_args

from utils import jsonfile
from utils.errors import UserError, cause, printable_line
from utils.job import Job, JobFailure, JobFolder, SubmissionFailed
from utils.realtime import problem
from utils.record import Flag, Measurement, Stage

ROOT = Path(__file__).resolve().parents[1]
_POLL_S = 0.1


def run(
    job: Job, folder: JobFolder, log: Path, timeout_s: float, progress: Callable[[int], None]
) -> Measurement:
    """Run the worker on a prepared folder and take its answer.

    Args:
        job: what the child was told; its answer is checked against it.
        folder: holds `job.json` and the LR images.
        log: receives what the child prints.
        timeout_s: wall-clock limit in seconds.
        progress: called now and then with the number of SR images that exist.

    Raises:
        SubmissionFailed: it gave no answer, or none that can be believed.
        UserError: the log cannot be written.
    """
    with _open_log(log) as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "utils.worker", str(folder.path)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder.path,
            env=_environment(),
            start_new_session=True,
        )
        try:
            finished = _wait(job, child, folder, timeout_s, progress)
        finally:
            _kill_group(child)
    if not finished:
        reason = f"no result after {timeout_s:g} s (in stage {_stage(folder)})"
        raise SubmissionFailed("timeout", reason)
    return _answer(job, folder, child.returncode)


def _open_log(log: Path) -> BinaryIO:
    try:
        return log.open("wb")
    except OSError as error:
        raise UserError(f"cannot be written ({cause(error)})", where=log) from error


def check_device(name: str) -> None:
    """Ask a child, since PyTorch is not imported here, whether a device that was named exists.

    Raises:
        UserError: it does not.
    """
    if name in ("auto", "cpu"):
        return
    asked = subprocess.run(
        [sys.executable, "-m", "utils.measure.device", name],
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0:
        raise UserError(
            asked.stdout.strip() or "PyTorch cannot be imported", where=f"--device {name}"
        )


def _environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    # Unbuffered, so that the log of a child that is killed holds all it printed.
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}


def _wait(
    job: Job,
    child: subprocess.Popen[bytes],
    folder: JobFolder,
    timeout_s: float,
    progress: Callable[[int], None],
) -> bool:
    deadline = time.monotonic() + timeout_s
    done, total = 0, sum(split.count for split in job.splits)
    while time.monotonic() < deadline:
        if _ended(child):
            return True
        if done < total:  # Then the repeats begin, and nothing of ours may disturb them.
            # The submission may do what it likes to its folder; that must not end the run.
            with contextlib.suppress(OSError):
                done = sum(1 for _ in folder.sr.iterdir())
            progress(done)
    return False


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
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_POLL_S)
    return child.returncode is not None


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    # The group outlives its leader when the submission started processes of its own.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _answer(job: Job, folder: JobFolder, status: int) -> Measurement:
    try:
        if folder.failure.exists():
            failure = jsonfile.load(JobFailure, folder.failure)
            raise SubmissionFailed(failure.stage, failure.reason)
        if status == 0 and folder.measurement.exists():
            measurement = jsonfile.load(Measurement, folder.measurement)
            _check(measurement, job)
            return replace(measurement, flags=tuple(map(_printable, measurement.flags)))
    except UserError as error:
        raise SubmissionFailed("invalid", f"the worker's answer {error.what}") from error
    reason = f"the process {_ending(status)} in stage {_stage(folder)} and left no result"
    raise SubmissionFailed("crash", reason)


def _printable(flag: Flag) -> Flag:
    return Flag(printable_line(flag.name), printable_line(flag.detail))


def _ending(status: int) -> str:
    if status >= 0:
        return f"exited with status {status}"
    names = {member.value: member.name for member in signal.Signals}
    return f"was killed by {names.get(-status, f'signal {-status}')}"


def _stage(folder: JobFolder) -> str:
    try:
        said = jsonfile.read_bytes(folder.stage).decode("utf-8", "replace")
    except UserError:
        said = "unknown"
    return said if said in get_args(Stage) else "unknown"


def _check(measurement: Measurement, job: Job) -> None:
    told = [(split.role, split.count) for split in job.splits]
    said = [(split.role, len(split.runtime_ms)) for split in measurement.splits]
    if told != said:
        raise SubmissionFailed("invalid", f"the worker answered for {said}, not for {told}")
    if unlike := problem(measurement.fixed_input, job.fixed_input):
        raise SubmissionFailed("invalid", unlike)
    for split in measurement.splits:
        repeats = split.robust.samples_ms if split.robust else ()
        lengths = {len(samples) for samples in repeats}
        if split.robust and (
            len(repeats) != len(split.runtime_ms) or len(lengths) != 1 or 0 in lengths
        ):
            raise SubmissionFailed("invalid", "the repeats are not those of every image")
        if not all(math.isfinite(ms) and ms >= 0 for ms in chain(split.runtime_ms, *repeats)):
            raise SubmissionFailed("invalid", "a runtime is negative or not finite")
