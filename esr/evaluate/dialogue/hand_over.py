"""LR images handed to a worker one at a time, its SR images taken back, by the parent's clock.

The worker runs somebody else's code, which can change what the worker believes of the time. It
cannot change what the parent sees: when an LR image was there to be read, when the worker said that
it was restored, and when the SR image was written. A worker hears of no image before its turn, and
its SR image is taken note of before the next one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from esr.audit.seen_by_parent import SeenImage
from esr.base import json_file
from esr.datasets.staging import StagedSplit
from esr.evaluate.dialogue import lr_files, sr_files
from esr.evaluate.dialogue.deployed_passes import DeployedPasses
from esr.evaluate.dialogue.further_images import FurtherImages, FurtherPlan, Seen
from esr.evaluate.dialogue.machine_load import LoadMeter
from esr.evaluate.dialogue.timed_passes import (
    Scorer,
    TimedPass,
    TimedPasses,
    out_of_turn,
    read_runtime,
)
from esr.evaluate.dialogue.worker_progress import Handler, WorkerProgress, hear_word
from esr.measure.channel import TAKE
from esr.measure.job import Job, JobFailure, JobFolder, SubmissionFailed
from esr.records.measurement import Measurement, Stage

Begun = Literal["pass", "further"]
"""What begins within the stage "restore", behind the images that are scored."""


@dataclass
class HandedImage:
    """One image on its way, by the parent's clock."""

    place: tuple[int, int]
    """(data set, image)."""
    lr: Path
    """As it was staged."""
    given_ns: int = 0
    restored_ns: int = 0
    saved_ns: int = 0
    claimed_ms: float = 0.0
    """Its runtime, as the worker says."""
    noted: sr_files.Noted = ()
    """Of the SR file as it was handed over."""

    @property
    def lr_bytes(self) -> int:
        """Size of LR: three bytes a pixel, and a short header."""
        return self.lr.stat().st_size

    @property
    def seen_ms(self) -> float:
        """From the LR image to the end of the forward pass, reading LR included."""
        return (self.restored_ns - self.given_ns) / 1e6

    @property
    def saving_ms(self) -> float:
        """From there to the SR image."""
        return (self.saved_ns - self.restored_ns) / 1e6


class HandOver:
    """What a worker has been given and has said, each in its turn.

    Args:
        splits: its data sets.
        folder: of its job; exists, and no line of the submission has run.
        progress: called with the number of SR images there are.
        further: what it restores behind the images that are scored.
        now_ns: a monotonic clock.
        ways: of `--deploy`, which follow on the measurement.
        entered: called with each stage that begins, and what begins behind the images.
        score: PSNR of the output of a timed pass, given (data set, image) and its file.
    """

    def __init__(
        self,
        splits: Sequence[StagedSplit],
        folder: JobFolder,
        progress: Callable[[int], None],
        further: FurtherPlan | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
        ways: Sequence[tuple[str, ...]] = (),
        entered: Callable[[Stage | Begun], None] = lambda _: None,
        score: Scorer = lambda *_: None,
    ) -> None:
        self._entered = entered
        self.folder, self._progress, self._now_ns = folder, progress, now_ns
        self.handed = [
            HandedImage((number, index), image.lr)
            for number, split in enumerate(splits)
            for index, image in enumerate(split.images)
        ]
        self.passes = TimedPasses(folder, [len(split.images) for split in splits], score)
        self._load: LoadMeter | None = None
        self.busy_cores: float | None = None
        self.deployed = DeployedPasses(folder, len(splits[0].images), ways)
        self._saved = 0
        self._worker = WorkerProgress(entered)
        # Held open, since the submission may put a link in its place.
        self._lr_dir = os.open(folder.lr_image(0, 0).parent, os.O_RDONLY | os.O_DIRECTORY)
        self.further = FurtherImages(
            further or FurtherPlan(), folder, self._lr_dir, self._see_official
        )

    def close(self) -> None:
        """Hand over no more."""
        os.close(self._lr_dir)

    def hear(self, word: str, value: object) -> bytes:
        """Take what the worker says next.

        Returns:
            what to answer; empty for nothing.

        Raises:
            SubmissionFailed: it is out of turn, or no such thing.
        """
        now_ns, handlers = self._now_ns(), self._handlers
        if word in ("pass", "further") and word in handlers:
            self._entered(cast("Begun", word))  # Before its clock runs.
        return hear_word(handlers, word, value, now_ns)

    @property
    def _handlers(self) -> Mapping[str, Handler]:
        if self.answer is not None:
            is_measured = isinstance(self.answer, Measurement)
            return self.deployed.handlers if is_measured else {}
        always = self._worker.handlers(has_all=self.has_all and self.further.is_over)
        if self._current is not None:
            images = {"image": self._give, "restored": self._note_restored}
            return {**always, **images, "saved": self._note_saved}
        if self.stage != "restore":
            return always
        further = self.further.handlers
        if not self.further.is_over:
            return {**always, **further}
        return {**always, "further": further["further"], **self.passes.handlers}

    @property
    def _current(self) -> HandedImage | None:
        """The image whose turn it is, given or not; None when all are back."""
        return self.handed[self._saved] if self._saved < len(self.handed) else None

    @property
    def stage(self) -> Stage | None:
        """How far it says that it has come."""
        return self._worker.stage

    @property
    def answer(self) -> Measurement | JobFailure | None:
        """What it has measured, or why it has not; None until it says so."""
        return self._worker.answer

    @property
    def has_all(self) -> bool:
        """Whether every image that is scored is back."""
        return self._current is None

    def _give(self, value: object, _: int) -> bytes:
        image, place = self._current, json_file.check(tuple[int, int], value)
        if self.stage != "restore" or image is None or image.given_ns or image.place != place:
            raise out_of_turn("image")
        self._load = self._load or LoadMeter()
        name = self.folder.lr_image(*place).name
        with image.lr.open("rb") as source:
            lr_files.put(self._lr_dir, name, source)
        image.given_ns = self._now_ns()
        return TAKE

    def _note_restored(self, value: object, now_ns: int) -> bytes:
        image = self._current
        if image is None or not image.given_ns or image.restored_ns:
            raise out_of_turn("restored")
        image.restored_ns, image.claimed_ms = now_ns, read_runtime(value)
        return b""

    def _note_saved(self, _: object, now_ns: int) -> bytes:
        image = self._current
        if image is None or not image.restored_ns:
            raise out_of_turn("saved")
        image.saved_ns = now_ns
        image.noted = sr_files.note(self.folder.sr_image(*image.place))
        self._saved += 1
        if self._load and self._current is None:
            self.busy_cores = self._load.busy_cores()
        self._progress(self._saved)
        return b""

    def _see_official(self) -> Seen:
        seconds = sum(image.saved_ns - image.given_ns for image in self.handed) / 1e9
        return Seen(seconds, sum(image.lr_bytes for image in self.handed) // 3)

    def excuse(self, failed: SubmissionFailed) -> bool:
        """Whether a broken limit costs no more than ways of `--deploy`."""
        had_answered = isinstance(self.answer, Measurement) and not self.deployed.is_complete
        if had_answered and failed.stage in ("timeout", "limit"):
            self.deployed.cut(failed.reason)
            return True
        return False

    def seen_images(self, job: Job) -> list[SeenImage]:
        """Say how long every image took, by both clocks."""
        scale = job.submission.sidecar.scale
        return [
            SeenImage.of_size(
                image.claimed_ms, image.seen_ms, image.saving_ms, image.lr_bytes / 3e6, scale
            )
            for image in self.handed
        ]

    def seen_shown(self, job: Job, passes: Sequence[TimedPass]) -> list[SeenImage]:
        """Say how long each output took from the end of its timed pass until it was shown."""
        mpx = {image.place: image.lr_bytes / 3e6 for image in self.handed}
        scale = job.submission.sidecar.scale
        return [
            SeenImage.of_size(p.claimed_ms, p.seen.seen_ms, p.showing_ms, mpx[p.place], scale)
            for p in passes
        ]

    def rewritten(self) -> list[tuple[int, int]]:
        """Name the SR images that are not what they were when they were handed over."""
        return [
            image.place
            for image in self.handed
            if image.saved_ns
            and not sr_files.is_as_noted(self.folder.sr_image(*image.place), image.noted)
        ] + self.further.rewritten()
