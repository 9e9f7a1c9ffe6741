"""What a worker has answered of a submission that reads a folder and writes one, once it has ended.

The images that it wrote are decoded here, where nothing of the submission runs any more.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from esr.base import json_file
from esr.base.errors import UserError, printable_line
from esr.base.foreign_bytes import read_foreign
from esr.base.threads import in_parallel
from esr.datasets.staging import StagedSplit
from esr.evaluate.dialogue.folder_hand_over import FolderHandOver
from esr.evaluate.shown_phases import ShownPhases
from esr.evaluate.worker_result import describe_crash
from esr.evaluate.write_job import StartedJob
from esr.images import Image
from esr.images.image_file import decode_uint
from esr.measure.job import JobFailure, SubmissionFailed
from esr.records.bounds import ANSWERED_FLAGS_AT_MOST
from esr.records.measurement import Flag, Measurement
from esr.sandbox.isolated_process import WaitingProgram

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BYTES_A_PIXEL = 8
"""RGBA of 16 bits is the most that PNG has; deflate adds little."""
_BESIDE_PIXELS = 2**20
_CLAIM_OFF_MS = 50.0
"""By how much a call may seem longer to the parent than to the worker, at least."""
_CLAIM_OFF_SHARE = 0.2


def await_folders(
    worker: WaitingProgram, started: StartedJob, log: Path, shown: ShownPhases
) -> Measurement:
    """Let the worker call a submission for every data set, and take its answer and its images.

    Raises:
        SubmissionFailed: it gave no answer, or none that can be believed; an image is absent,
            damaged or of the wrong size.
        UserError: the log cannot be written.
    """
    json_file.prepare(Measurement)  # Now, while the worker may still import PyTorch.
    hand_over = FolderHandOver(started.splits, started.folder, shown.restored, shown.enter)
    with closing(hand_over):
        ended = worker.run(started.job, log, hand_over)
        answer = hand_over.answer
        if isinstance(answer, JobFailure):
            raise SubmissionFailed(answer.stage, answer.reason)
        if answer is None or ended.status != 0:
            raise SubmissionFailed("crash", describe_crash(hand_over.stage, ended.status))
        _check(answer, started, hand_over)
        hand_over.refuse_changed()
        for number, split in enumerate(started.splits):
            _keep_images(number, split, hand_over)
    flags = (Flag(printable_line(flag.name), printable_line(flag.detail)) for flag in answer.flags)
    splits = tuple(
        replace(split, parent_ms=(handed.seen_ms / len(split.runtime_ms),) * len(split.runtime_ms))
        for split, handed in zip(answer.splits, hand_over.handed, strict=True)
    )
    return replace(
        answer,
        splits=splits,
        flags=(*flags, *_compare_clocks(hand_over), *ended.flags),
        isolation=ended.isolation,
    )


def _check(answer: Measurement, started: StartedJob, hand_over: FolderHandOver) -> None:
    """Make sure that an answer is one of this job, and says what was told.

    Raises:
        SubmissionFailed: it is not.
    """
    asked = [(split.role, split.count) for split in started.job.splits]
    answered = [(split.role, len(split.runtime_ms)) for split in answer.splits]
    if asked != answered:
        raise SubmissionFailed("invalid", f"the worker answered for {answered}, not for {asked}")
    if len(answer.flags) > ANSWERED_FLAGS_AT_MOST:
        raise SubmissionFailed("invalid", f"the worker raises {len(answer.flags)} flags")
    for split, handed in zip(answer.splits, hand_over.handed, strict=True):
        share = handed.claimed_ms / len(split.runtime_ms)
        finite = all(math.isfinite(ms) and ms >= 0 for ms in split.runtime_ms)
        if not finite or set(split.runtime_ms) != {share}:
            raise SubmissionFailed("invalid", "its answer holds other runtimes than it told")
        if split.robust or split.steady or split.energy:
            raise SubmissionFailed("invalid", "its answer holds passes that nobody asked for")


def _compare_clocks(hand_over: FolderHandOver) -> Iterator[Flag]:
    for number, handed in enumerate(hand_over.handed):
        apart_ms = handed.seen_ms - handed.claimed_ms
        if apart_ms > max(_CLAIM_OFF_MS, _CLAIM_OFF_SHARE * handed.seen_ms):
            yield Flag(
                "clocks_disagree",
                f"folder {number}: {handed.claimed_ms:.0f} ms as the process says,"
                f" {handed.seen_ms:.0f} ms by the harness's clock",
            )


def _keep_images(number: int, split: StagedSplit, hand_over: FolderHandOver) -> None:
    def keep(index: int) -> None:
        shape = np.load(split.images[index].hr, mmap_mode="r").shape
        file, _ = hand_over.handed[number].written[index]
        hand_over.keep(number, index, _read(file, shape))

    in_parallel(keep, range(len(split.images)))


def _read(file: Path, shape: tuple[int, ...]) -> Image:
    height, width = shape[:2]
    try:
        data = read_foreign(file, height * width * _BYTES_A_PIXEL + _BESIDE_PIXELS)
        if not data.startswith(_SIGNATURE) or len(data) < len(_SIGNATURE) + 16:
            raise UserError("is no PNG image")
        # Before it is decoded: a small file may promise a gigapixel.
        size = struct.unpack_from(">II", data, len(_SIGNATURE) + 8)
        if size != (width, height):
            raise UserError(f"is {size[0]}x{size[1]} px, HR is {width}x{height}")
        return decode_uint(data, file.name)
    except UserError as error:
        reason = f"the SR image {file.name} {printable_line(error.what)}"
        raise SubmissionFailed("invalid", reason) from error
