"""What a worker has answered, once it has ended, as far as it can be believed."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

from esr.base import json_file
from esr.base.errors import UserError, printable_line
from esr.challenge.fixed_input import find_problem
from esr.measure.job import Job, JobFailure, JobFolder, SubmissionFailed, stage_reached
from esr.records.measurement import Flag, Measurement
from esr.sandbox.isolated_process import WaitingProgram


def await_measurement(
    worker: WaitingProgram, job: Job, folder: JobFolder, log: Path, progress: Callable[[int], None]
) -> Measurement:
    """Let the worker measure a submission, and take its answer.

    Args:
        worker: `esr.evaluate.worker`, waiting.
        job: what it is told; its answer is checked against it.
        folder: holds `job.json` and the LR images.
        log: receives what it prints.
        progress: called now and then with the number of SR images that exist.

    Raises:
        SubmissionFailed: it gave no answer, or none that can be believed.
        UserError: the log cannot be written.
    """
    json_file.prepare(Measurement)  # Now, while the worker may still import PyTorch.
    ended = worker.run(job, log, _counting(job, folder, progress))
    answer = read_measurement(job, folder, ended.status)
    return replace(answer, flags=(*answer.flags, *ended.flags), isolation=ended.isolation)


def _counting(job: Job, folder: JobFolder, progress: Callable[[int], None]) -> Callable[[], None]:
    """Report how many SR images there are, until there are all of them."""
    done, total = 0, sum(split.count for split in job.splits)

    def count() -> None:
        nonlocal done
        if done < total:  # Then the repeats begin, and nothing of ours may disturb them.
            # The submission may do what it likes to its folder; that must not end the run.
            with suppress(OSError):
                done = sum(1 for _ in folder.sr.iterdir())
            progress(done)

    return count


def read_measurement(job: Job, folder: JobFolder, status: int) -> Measurement:
    """Read what a worker that has ended has left, and check it against what it was told.

    Raises:
        SubmissionFailed: it is no measurement, or cannot be one of this job.
    """
    try:
        if folder.failure.exists():
            failure = json_file.load(JobFailure, folder.failure)
            raise SubmissionFailed(failure.stage, failure.reason)
        if status == 0 and folder.measurement.exists():
            measurement = json_file.load(Measurement, folder.measurement)
            _check(measurement, job)
            return replace(measurement, flags=tuple(map(_printable, measurement.flags)))
    except UserError as error:
        raise SubmissionFailed("invalid", f"the worker's answer {error.what}") from error
    raise SubmissionFailed("crash", describe_crash(folder, status))


def describe_crash(folder: JobFolder, status: int) -> str:
    """Say how a process that left no result has ended."""
    return f"the process {_ending(status)} in stage {stage_reached(folder)} and left no result"


def _printable(flag: Flag) -> Flag:
    return Flag(printable_line(flag.name), printable_line(flag.detail))


def _ending(status: int) -> str:
    if status >= 0:
        return f"exited with status {status}"
    names = {member.value: member.name for member in signal.Signals}
    return f"was killed by {names.get(-status, f'signal {-status}')}"


def _check(measurement: Measurement, job: Job) -> None:
    asked = [(split.role, split.count) for split in job.splits]
    answered = [(split.role, len(split.runtime_ms)) for split in measurement.splits]
    if asked != answered:
        raise SubmissionFailed("invalid", f"the worker answered for {answered}, not for {asked}")
    if unlike := find_problem(measurement.fixed_input, job.fixed_input):
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
