"""What a worker has answered, once it has ended, as far as it can be believed."""

from __future__ import annotations

import math
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from esr.audit.seen_by_parent import (
    compare_clocks,
    compare_saving,
    determinism,
    repeated_outputs,
)
from esr.base import json_file
from esr.base.errors import printable_line
from esr.challenge.fixed_input import find_problem
from esr.evaluate.hand_over import HandedImage, HandOver
from esr.evaluate.timed_passes import TimedPass
from esr.evaluate.write_job import StartedJob
from esr.measure.job import Job, JobFailure, SubmissionFailed
from esr.records.measurement import Flag, Measurement, SplitTiming, Stage
from esr.sandbox.isolated_process import WaitingProgram


def await_measurement(
    worker: WaitingProgram, started: StartedJob, log: Path, progress: Callable[[int], None]
) -> Measurement:
    """Let the worker measure a submission, and take its answer.

    Args:
        worker: `esr.evaluate.worker`, waiting.
        started: what it is told; its answer is checked against it.
        log: receives what it prints.
        progress: called with the number of SR images there are.

    Raises:
        SubmissionFailed: it gave no answer, or none that can be believed.
        UserError: the log cannot be written.
    """
    json_file.prepare(Measurement)  # Now, while the worker may still import PyTorch.
    with closing(HandOver(started.splits, started.folder, progress)) as hand_over:
        ended = worker.run(started.job, log, hand_over)
        answer = check_answer(hand_over, started.job, ended.status)
    return replace(answer, flags=(*answer.flags, *ended.flags), isolation=ended.isolation)


def check_answer(hand_over: HandOver, job: Job, status: int) -> Measurement:
    """Check what a worker that has ended has answered against what it was told and was seen to do.

    Raises:
        SubmissionFailed: it is no measurement, or cannot be one of this job.
    """
    answer = hand_over.answer
    if isinstance(answer, JobFailure):
        raise SubmissionFailed(answer.stage, answer.reason)
    if answer is None or status != 0:
        raise SubmissionFailed("crash", describe_crash(hand_over.stage, status))
    _check(answer, job)
    if changed := hand_over.rewritten():
        raise SubmissionFailed("invalid", f"{len(changed)} SR images were changed after their turn")
    flags = (*map(_printable, answer.flags), *_compare(hand_over, job, answer))
    return replace(answer, splits=_with_parents_clock(answer, hand_over), flags=flags)


def _compare(hand_over: HandOver, job: Job, answer: Measurement) -> Iterator[Flag]:
    """Flag what the worker claims and the parent has seen otherwise."""
    images, passes = hand_over.seen_images(job), hand_over.passes.complete
    yield from compare_clocks(images, "official pass")
    yield from compare_saving(images)
    yield from compare_clocks([timed.seen for timed in passes], "repeated passes")
    differences = [timed.difference for timed in passes if timed.difference]
    if differences:
        yield from repeated_outputs(differences, len(passes), answer.is_repeatable)
    else:
        yield from determinism(answer.is_repeatable)


def _with_parents_clock(answer: Measurement, hand_over: HandOver) -> tuple[SplitTiming, ...]:
    """Put the parent's runtimes beside those of the answer, which are those told one by one."""
    splits, images = [], iter(hand_over.handed)
    for number, split in enumerate(answer.splits):
        told = list(islice(images, len(split.runtime_ms)))
        passes = [timed for timed in hand_over.passes.complete if timed.split == number]
        if not _is_told(split, told, passes):
            raise SubmissionFailed("invalid", "its answer holds other runtimes than it told")
        splits.append(replace(split, parent_ms=tuple(image.seen_ms for image in told)))
    return tuple(splits)


def _is_told(
    split: SplitTiming, images: Sequence[HandedImage], passes: Sequence[TimedPass]
) -> bool:
    """Whether the samples of an answer are those that were told: warm ones first, steady last."""
    told: dict[tuple[int, ...], tuple[float, ...]] = defaultdict(tuple)
    for timed in passes:
        told[timed.images] += (timed.claimed_ms,)
    same = tuple(image.claimed_ms for image in images) == split.runtime_ms
    for index, samples in enumerate(split.robust.samples_ms if split.robust else ()):
        same &= told[index,][: len(samples)] == samples
    if split.steady:
        for block, samples in zip(split.steady.blocks, split.steady.samples_ms, strict=True):
            same &= told[block][-len(samples) :] == samples
    return same


def describe_crash(stage: Stage | None, status: int) -> str:
    """Say how a process that left no result has ended."""
    return f"the process {_ending(status)} in stage {stage or 'unknown'} and left no result"


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
