"""LR images handed to a worker a folder at a time, and what it wrote taken note of at once.

Names say nothing of the images: they are numbered, with the `x4` that official names end with. What
the worker has written when its call returns is what counts: it is told apart from what appears
later by bytes at places that nobody can foresee, and read only when no process of it is left.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from esr.base.visible_text import name_some
from esr.datasets.staging import StagedSplit
from esr.evaluate.dialogue import lr_files, sr_files
from esr.evaluate.dialogue.timed_passes import out_of_turn, read_runtime
from esr.evaluate.dialogue.worker_progress import Handler, WorkerProgress, hear_word
from esr.images.image_file import encode_uint
from esr.measure.channel import TAKE
from esr.measure.job import JobFailure, JobFolder, SubmissionFailed
from esr.records.measurement import Measurement, Stage

_NAMED_AT_MOST = 3


@dataclass
class HandedFolder:
    """The images of a data set on their way, by the parent's clock."""

    given_ns: int = 0
    returned_ns: int = 0
    claimed_ms: float = 0.0
    """Runtime of the call, as the worker says."""
    written: list[tuple[Path, sr_files.Noted]] = field(default_factory=list)
    """SR files in the order of the images, with what was noted of each."""

    @property
    def seen_ms(self) -> float:
        """From the folder that is there to the word that the call has returned."""
        return (self.returned_ns - self.given_ns) / 1e6


class FolderHandOver:
    """What a worker has been given and has said, each in its turn.

    Args:
        splits: its data sets.
        folder: of its job; the folders for images exist, and no line of the submission has run.
        progress: called with the number of SR images there are.
        entered: called with each stage that begins.
        now_ns: a monotonic clock.
    """

    def __init__(
        self,
        splits: Sequence[StagedSplit],
        folder: JobFolder,
        progress: Callable[[int], None],
        entered: Callable[[Stage], None] = lambda _: None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._splits, self._folder, self._progress = splits, folder, progress
        self._now_ns = now_ns
        self.handed = [HandedFolder() for _ in splits]
        self._worker = WorkerProgress(entered)
        self._open = ExitStack()
        # Held open, since the submission may put something else in their places.
        self._given = [self._hold(folder.given(number)) for number in range(len(splits))]
        self._returned = [self._hold(folder.returned(number)) for number in range(len(splits))]
        self._sr = self._hold(folder.sr)

    def _hold(self, path: Path) -> int:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._open.callback(os.close, descriptor)
        return descriptor

    def close(self) -> None:
        """Hand over no more."""
        self._open.close()

    def hear(self, word: str, value: object) -> bytes:
        """Take what the worker says next.

        Returns:
            what to answer; empty for nothing.

        Raises:
            SubmissionFailed: it is out of turn, or no such thing.
        """
        now_ns = self._now_ns()
        return hear_word(self._handlers, word, value, now_ns)

    @property
    def _handlers(self) -> Mapping[str, Handler]:
        if self.answer is not None:
            return {}
        always = self._worker.handlers(has_all=self._number is None)
        return {**always, "folder": self._give, "returned": self._note_returned}

    @property
    def stage(self) -> Stage | None:
        """How far it says that it has come."""
        return self._worker.stage

    @property
    def answer(self) -> Measurement | JobFailure | None:
        """What it has measured, or why it has not; None until it says so."""
        return self._worker.answer

    @property
    def _number(self) -> int | None:
        """The data set whose turn it is; None when all are back."""
        waiting = (n for n, handed in enumerate(self.handed) if not handed.returned_ns)
        return next(waiting, None)

    def _give(self, value: object, _: int) -> bytes:
        number = self._number
        if self.stage != "restore" or number is None or value != number:
            raise out_of_turn("folder")
        handed = self.handed[number]
        if handed.given_ns:
            raise out_of_turn("folder")
        split = self._splits[number]
        for index, image in enumerate(split.images):
            png = encode_uint(np.load(image.lr), ".png")
            lr_files.put_bytes(self._given[number], f"{lr_stem(index, split.scale)}.png", png)
        handed.given_ns = self._now_ns()
        return TAKE

    def _note_returned(self, value: object, now_ns: int) -> bytes:
        number = self._number
        if number is None or not self.handed[number].given_ns:
            raise out_of_turn("returned")
        handed, split = self.handed[number], self._splits[number]
        handed.returned_ns, handed.claimed_ms = now_ns, read_runtime(value)
        self._refuse_replaced(self._folder.returned(number), self._returned[number])
        files = self._find(number, split)
        handed.written = [(file, sr_files.note(file)) for file in files]
        self._progress(sum(len(each.written) for each in self.handed))
        return TAKE

    def _find(self, number: int, split: StagedSplit) -> list[Path]:
        """Find the SR file of every image: named as its LR image is, or as that without `x4`."""
        folder, count = self._folder.returned(number), len(split.images)
        found: list[Path] = []
        missing: list[str] = []
        for index in range(count):
            name = f"{lr_stem(index, split.scale)}.png"
            # Not by listing the folder: it may hold millions of others.
            names = [n for n in (name, f"{index:04d}.png") if os.path.lexists(folder / n)]
            found += [folder / choice for choice in names[:1]]
            missing += [name] if not names else []
        if missing:
            named = name_some(missing, _NAMED_AT_MOST)
            reason = f"wrote {len(found)} of {count} images of {split.role}: no {named}"
            raise SubmissionFailed("restore", reason)
        return found

    def _refuse_replaced(self, path: Path, descriptor: int) -> None:
        held = os.fstat(descriptor)
        try:
            now = path.lstat()
        except OSError:
            now = None
        same = now is not None and (now.st_dev, now.st_ino) == (held.st_dev, held.st_ino)
        if not same or now is None or not stat.S_ISDIR(now.st_mode):
            reason = f"its folder {path.parent.name}/{path.name} was replaced by something else"
            raise SubmissionFailed("invalid", reason)

    def excuse(self, _: SubmissionFailed) -> bool:
        """Nothing it says is worth keeping without the rest."""
        return False

    def keep(self, number: int, index: int, sr: np.ndarray) -> None:
        """Put a decoded SR image where all others lie; no process of the submission is left."""
        self._refuse_replaced(self._folder.sr, self._sr)
        lr_files.put_array(self._sr, self._folder.sr_image(number, index).name, sr)

    def refuse_changed(self) -> None:
        """Make sure that what was written is what it was when the calls returned.

        Raises:
            SubmissionFailed: it is not.
        """
        for number, descriptor in enumerate(self._returned):
            self._refuse_replaced(self._folder.returned(number), descriptor)
        files = [each for handed in self.handed for each in handed.written]
        if changed := [file for file, noted in files if not sr_files.is_as_noted(file, noted)]:
            reason = f"{len(changed)} SR images were changed after the call had returned"
            raise SubmissionFailed("invalid", reason)


def lr_stem(index: int, scale: int) -> str:
    """Name an LR image of a folder, without suffix: `0007x4`."""
    return f"{index:04d}x{scale}" if scale > 1 else f"{index:04d}"
