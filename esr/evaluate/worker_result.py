"""What a worker has answered, once it has ended, as far as it can be believed."""

from __future__ import annotations

import math
import signal
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

from esr.audit.seen_by_parent import (
    compare_clocks,
    compare_saving,
    determinism,
    repeated_outputs,
)
from esr.base import json_file
from esr.base.errors import printable_line
from esr.challenge.fixed_input import find_problem
from esr.evaluate.dialogue.further_images import FurtherPlan, FurtherResult
from esr.evaluate.dialogue.hand_over import HandedImage, HandOver
from esr.evaluate.dialogue.timed_passes import TimedPass
from esr.evaluate.repeated_scores import scorer, spread_flags
from esr.evaluate.shown_phases import ShownPhases
from esr.evaluate.write_job import StartedJob
from esr.measure.job import Job, JobFailure, SubmissionFailed
from esr.records.bounds import ANSWERED_FLAGS_AT_MOST
from esr.records.measurement import Flag, Measurement, Stage
from esr.records.timing_samples import WARM, SplitTiming
from esr.sandbox.isolated_process import WaitingProgram

_ESTIMATE_OFF = 10
"""How many times as much as the official pass a later one may honestly seem to cost."""
_WARM_UPS = 10
"""Passes over an image before it is repeated, at most."""

_Timed = TypeVar("_Timed", HandedImage, TimedPass)


def await_measurement(
    worker: WaitingProgram, started: StartedJob, log: Path, shown: ShownPhases
) -> tuple[Measurement, list[FurtherResult]]:
    """Let the worker measure a submission, and take its answer.

    Args:
        worker: `esr.evaluate.worker`, waiting.
        started: what it is told; its answer is checked against it.
        log: receives what it prints.
        shown: is told how far it is.

    Returns:
        (its answer, what it did with the further images)

    Raises:
        SubmissionFailed: it gave no answer, or none that can be believed.
        UserError: the log cannot be written.
    """
    json_file.prepare(Measurement)  # Now, while the worker may still import PyTorch.
    with closing(_hand_over(started, shown)) as hand_over:
        ended = worker.run(started.job, log, hand_over)
        answer = check_answer(hand_over, started.job, ended.status)
        passes = hand_over.passes.complete if answer.is_repeatable is False else ()
    measurement = replace(
        answer,
        flags=(*answer.flags, *ended.flags, *spread_flags(passes, started)),
        isolation=ended.isolation,
        busy_cores=hand_over.busy_cores,
        left_out=(*hand_over.further.left_out, *answer.left_out),
    )
    return measurement, hand_over.further.results


def _hand_over(started: StartedJob, shown: ShownPhases) -> HandOver:
    passes = started.job.passes
    further = FurtherPlan(started.further, passes.budget_s)
    return HandOver(
        started.splits,
        started.folder,
        shown.restored,
        further,
        ways=passes.ways,
        entered=shown.enter,
        score=scorer(started),
    )


def check_answer(hand_over: HandOver, job: Job, status: int) -> Measurement:
    """Check what a worker that has ended has answered against what it was told and was seen to do.

    Raises:
        SubmissionFailed: it is no measurement, or cannot be one of this job.
    """
    answer = hand_over.answer
    if isinstance(answer, JobFailure):
        raise SubmissionFailed(answer.stage, answer.reason)
    if answer is None or (status != 0 and hand_over.deployed.is_complete):
        raise SubmissionFailed("crash", describe_crash(hand_over.stage, status))
    hand_over.deployed.cut(describe_crash(hand_over.stage, status))
    _check(answer, job, sum(image.seen_ms for image in hand_over.handed) / 1000)
    if changed := hand_over.rewritten():
        raise SubmissionFailed("invalid", f"{len(changed)} SR images were changed after their turn")
    told = [_find_told(number, split, hand_over) for number, split in enumerate(answer.splits)]
    flags = (*map(_printable, answer.flags), *_compare(hand_over, job, answer, told))
    splits = tuple(
        replace(split, parent_ms=tuple(image.seen_ms for image in of_split.images))
        for split, of_split in zip(answer.splits, told, strict=True)
    )
    flags += tuple(hand_over.deployed.flags())
    return replace(answer, splits=splits, flags=flags, deployed=hand_over.deployed.results())


@dataclass(frozen=True)
class _Told:
    """What the parent saw of the figures of one data set that are in the answer."""

    images: list[HandedImage]
    warm: list[TimedPass]
    steady: list[TimedPass]


def _find_told(number: int, split: SplitTiming, hand_over: HandOver) -> _Told:
    """Find where the samples of an answer were told, one by one: warm ones first, steady last."""
    images = [image for image in hand_over.handed if image.place[0] == number]
    passes: dict[tuple[int, ...], list[TimedPass]] = defaultdict(list)
    for timed in hand_over.passes.complete:
        if timed.split == number:
            passes[timed.images].append(timed)
    warm = split.robust.samples_ms if split.robust else ()
    steady = split.steady
    blocks = zip(steady.blocks, steady.samples_ms, strict=True) if steady else ()
    return _Told(
        _telling(images, split.runtime_ms),
        [t for i, ms in enumerate(warm) for t in _telling(passes[i,][: len(ms)], ms)],
        [t for block, ms in blocks for t in _telling(passes[block][-len(ms) :], ms)],
    )


def _telling(told: list[_Timed], samples_ms: Sequence[float]) -> list[_Timed]:
    if [timed.claimed_ms for timed in told] != list(samples_ms):
        raise SubmissionFailed("invalid", "its answer holds other runtimes than it told")
    return told


def _compare(
    hand_over: HandOver, job: Job, answer: Measurement, told: Sequence[_Told]
) -> Iterator[Flag]:
    """Flag what the worker claims and the parent has seen otherwise."""
    images = hand_over.seen_images(job)
    warm, steady = ([t for part in told for t in getattr(part, k)] for k in ("warm", "steady"))
    yield from compare_clocks(images, "official pass")
    yield from compare_clocks([timed.seen for timed in warm], "warm passes")
    yield from compare_clocks([timed.seen for timed in steady], "steady passes")
    yield from compare_saving([*images, *hand_over.seen_shown(job, (*warm, *steady))])
    passes = hand_over.passes.complete
    differences = [timed.difference for timed in passes if timed.difference]
    if differences:
        yield from repeated_outputs(differences, len(passes), answer.is_repeatable)
    else:
        yield from determinism(answer.is_repeatable)


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


def _check(measurement: Measurement, job: Job, official_s: float) -> None:
    asked = [(split.role, split.count) for split in job.splits]
    answered = [(split.role, len(split.runtime_ms)) for split in measurement.splits]
    if asked != answered:
        raise SubmissionFailed("invalid", f"the worker answered for {answered}, not for {asked}")
    if unlike := find_problem(measurement.fixed_input, job.fixed_input):
        raise SubmissionFailed("invalid", unlike)
    _refuse_unlikely(measurement)
    for split in measurement.splits:
        _check_steady(split)
        repeats = split.robust.samples_ms if split.robust else ()
        lengths = {len(samples) for samples in repeats}
        if split.robust and (
            len(repeats) != len(split.runtime_ms) or len(lengths) != 1 or 0 in lengths
        ):
            raise SubmissionFailed("invalid", "the repeats are not those of every image")
        if not all(math.isfinite(ms) and ms >= 0 for ms in chain(split.runtime_ms, *repeats)):
            raise SubmissionFailed("invalid", "a runtime is negative or not finite")
    repeats_asked = job.passes.repeats
    left_out = any(
        split.robust is None or len(split.robust.samples_ms[0]) != repeats_asked
        for split in measurement.splits
    )
    excused = "robust_pass_failed" in {flag.name for flag in measurement.flags} or (
        any(what.startswith(WARM) for what in measurement.left_out)
        and _is_costly(repeats_asked or 0, job, official_s)
    )
    if repeats_asked and left_out and not excused:
        raise SubmissionFailed("invalid", f"the worker has not repeated {repeats_asked} times")


def _refuse_unlikely(measurement: Measurement) -> None:
    if measurement.counts.params is None:
        raise SubmissionFailed("invalid", "the worker does not say how many parameters there are")
    if len(measurement.flags) > ANSWERED_FLAGS_AT_MOST:
        raise SubmissionFailed("invalid", f"the worker raises {len(measurement.flags)} flags")


def _is_costly(repeats: int, job: Job, official_s: float) -> bool:
    """Tell whether there may have been no time for repeats, by the parent's clock."""
    budget_s = max(job.passes.budget_s, official_s)
    return _ESTIMATE_OFF * (repeats + _WARM_UPS) * official_s > budget_s


def _check_steady(split: SplitTiming) -> None:
    steady = split.steady
    if steady is None:
        return
    images = sorted(chain.from_iterable(steady.blocks))
    lengths = {len(samples) for samples in steady.samples_ms}
    whole = images == [*range(len(split.runtime_ms))] and all(steady.blocks)
    matched = len(steady.blocks) == len(steady.samples_ms)
    if not whole or not matched or len(lengths) != 1 or 0 in lengths:
        raise SubmissionFailed("invalid", "the steady blocks are not those of every image")
