"""Timed passes over images that were restored once, by the parent's clock; outputs compared.

Warm samples and steady blocks: the worker says when a pass begins and ends. Afterwards the parent
asks for one of its outputs, which nobody knew before, and compares it with the scored image.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.audit.seen_by_parent import SeenPass
from esr.base import json_file
from esr.evaluate.dialogue import sr_files
from esr.measure.channel import TAKE
from esr.measure.job import JobFolder, SubmissionFailed

_MS_AT_MOST = 1e9
_PASSES_AT_MOST = 2_000_000
_SR_BYTES_AT_MOST = 2**29

Scorer = Callable[[tuple[int, int], Path], float | None]


@dataclass
class TimedPass:
    """One pass, by the parent's clock."""

    split: int
    images: tuple[int, ...]
    began_ns: int
    ended_ns: int = 0
    claimed_ms: float = 0.0
    """Runtime of all its images together, as the worker says."""
    shown: int | None = None
    """Which of its images the worker was asked to show."""
    shown_ns: int = 0
    difference: int | None = None
    """Largest difference in grey levels from the scored image; None until it was shown."""
    psnr_db: float | None = None
    """Of an output that differs from the scored image."""

    @property
    def place(self) -> tuple[int, int]:
        """(data set, image) of what was shown."""
        return self.split, self.images[self.shown or 0]

    @property
    def showing_ms(self) -> float:
        """From the end of the pass until its output was shown."""
        return (self.shown_ns - self.ended_ns) / 1e6

    @property
    def seen(self) -> SeenPass:
        """Both clocks."""
        return SeenPass(self.claimed_ms, (self.ended_ns - self.began_ns) / 1e6)


class TimedPasses:
    """The passes of a worker, each in its turn.

    Args:
        folder: of its job.
        counts: numbers of images of its data sets.
        score: PSNR of an SR image, given (data set, image) and its file.
    """

    def __init__(
        self, folder: JobFolder, counts: Sequence[int], score: Scorer = lambda *_: None
    ) -> None:
        self._folder, self._counts, self._score = folder, counts, score
        self._all: list[TimedPass] = []

    @property
    def handlers(self) -> Mapping[str, Callable[[object, int], bytes]]:
        """What to do when the worker says a word, given its value and the time in ns."""
        return {"pass": self._begin, "passed": self._end, "shown": self._compare}

    @property
    def complete(self) -> list[TimedPass]:
        """Those whose output was compared."""
        return [timed for timed in self._all if timed.difference is not None]

    def _begin(self, value: object, now_ns: int) -> bytes:
        split, images = json_file.check(tuple[int, tuple[int, ...]], value)
        known = range(len(self._counts))
        count = self._counts[split] if split in known else 0
        if not images or sorted(set(images) & {*range(count)}) != sorted(images):
            raise SubmissionFailed("invalid", "the worker times images that there are not")
        if len(self._all) >= _PASSES_AT_MOST:
            raise SubmissionFailed("invalid", "the worker times images without end")
        if self._all and self._all[-1].difference is None:
            raise out_of_turn("pass")
        self._all.append(TimedPass(split, images, now_ns))
        return TAKE

    def _end(self, value: object, now_ns: int) -> bytes:
        timed = self._current
        if timed is None or timed.shown is not None:
            raise out_of_turn("passed")
        timed.ended_ns, timed.claimed_ms = now_ns, read_runtime(value)
        timed.shown = secrets.randbelow(len(timed.images))
        return str(timed.shown).encode() + TAKE

    def _compare(self, _: object, now_ns: int) -> bytes:
        timed = self._current
        if timed is None or timed.shown is None:
            raise out_of_turn("shown")
        timed.shown_ns = now_ns
        scored = self._folder.sr_image(*timed.place)
        timed.difference = sr_files.compare(self._folder.shown, scored, _SR_BYTES_AT_MOST)
        if timed.difference:
            timed.psnr_db = self._score(timed.place, self._folder.shown)
        return b""

    @property
    def _current(self) -> TimedPass | None:
        last = self._all[-1] if self._all else None
        return last if last is not None and last.difference is None else None


def read_runtime(value: object) -> float:
    """Take what the worker says as a runtime in ms.

    Raises:
        SubmissionFailed: it can be none.
    """
    ms = json_file.check(float, value)
    if not 0 <= ms <= _MS_AT_MOST:  # What is not a number is not between any two.
        raise SubmissionFailed("invalid", f"a runtime of {ms} ms cannot be")
    return ms


def out_of_turn(what: str) -> SubmissionFailed:
    """Say that it is not the time for this."""
    return SubmissionFailed("invalid", f"the worker says '{what[:40]}' out of turn")
