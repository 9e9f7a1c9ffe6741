"""Images that a worker restores behind those that are scored, and what is found of each.

They go the way of the scored ones, under numbers that go on from theirs. Which images of the set
they are made of, what was changed, their order, and which are counted is drawn for every submission
anew; a worker hears of each when its turn comes.

changed   a picture of the set that was moved, perhaps mirrored: is it restored as well?
repeated  an image as it is in the set: is what it costs, and what comes out, the same once more?
sized     a part about as large as the official input of the counters: does it cost what they say?
smooth    the same without detail: does the cost depend on that?
"""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from esr.audit.changed_images import Change, Part, draw_change
from esr.base import json_file
from esr.datasets.checking.bicubic_quarter import quarter_psnr_db
from esr.datasets.staging import StagedImage, StagedSplit
from esr.evaluate.dialogue import lr_files, sr_files
from esr.evaluate.dialogue.timed_passes import out_of_turn, read_runtime
from esr.images import Image
from esr.measure.channel import TAKE
from esr.measure.job import FURTHER_IMAGES, FurtherTurn, JobFolder
from esr.records.bounds import check_possible
from esr.records.network_counts import CountedPass

FurtherKind = Literal["changed", "repeated", "sized", "smooth"]

SIDES = (192, 320)
"""LR pixels of what is about as large as the official 256 x 256: multiples of every usual window,
strip and stride up to 64, and with the same sum, so that whatever a network's cost grows by, the
area, its square, or the sides, it is nearly that of the official input."""
_SMOOTH_PX = 12.0
_SHARE = 0.5
"""Of the time beyond the official pass."""
_COUNTED_TIMES = 1.5
"""What counting may add to a pass."""
_BICUBIC_DB = 40.0
"""LR that is made from HR by bicubic interpolation and hardly anything else."""


@dataclass(frozen=True)
class FurtherImage:
    """What is made of an image of the set."""

    kind: FurtherKind
    source: StagedImage
    source_place: tuple[int, int]
    """(data set, image)."""
    place: tuple[int, int]
    """Under which number it is handed over."""
    change: Change | Part
    is_counted: bool

    def make_lr(self) -> Image:
        """Make LR as the worker gets it, uint8 RGB (h, w, 3)."""
        lr = np.ascontiguousarray(self.change.apply(np.load(self.source.lr)))
        if self.kind == "smooth":
            cv2.GaussianBlur(lr, (0, 0), _SMOOTH_PX, dst=lr)
        return lr


def choose_further(
    splits: Sequence[StagedSplit], rng: random.Random | None = None
) -> tuple[FurtherImage, ...]:
    """Draw what a submission restores behind the images that are scored, in the order of its turns.

    Args:
        splits: its data sets.
        rng: unforeseeable by default.
    """
    rng = rng or random.SystemRandom()
    places = [(n, i) for n, split in enumerate(splits) for i in range(len(split.images))]
    changed = rng.sample(places, min(2, len(places)))
    kinds: list[tuple[FurtherKind, tuple[int, int], bool]] = [
        ("changed", changed[0], True),
        ("changed", changed[-1], False),
        ("repeated", rng.choice(places), True),
        *((kind, rng.choice(places), True) for kind in ("sized", "smooth")),
    ]
    assert len(kinds) == FURTHER_IMAGES
    rng.shuffle(kinds)
    numbers = [len(split.images) for split in splits]
    further, sides = [], rng.sample(SIDES, 2)  # The same for both kinds that are compared.
    for kind, (number, index), is_counted in kinds:
        image = splits[number].images[index]
        place = (number, numbers[number])
        numbers[number] += 1
        change = _draw(kind, image, splits[number].scale, sides, rng)
        further.append(FurtherImage(kind, image, (number, index), place, change, is_counted))
    return tuple(further)


def _draw(
    kind: FurtherKind, image: StagedImage, scale: int, sides: Sequence[int], rng: random.Random
) -> Change | Part:
    lr = np.load(image.lr)
    height, width, _ = lr.shape
    if kind == "changed":
        # Bicubic interpolation treats left and right alike; other ways need not.
        symmetric = quarter_psnr_db(image, scale) >= _BICUBIC_DB
        return draw_change(height, width, symmetric=symmetric, rng=rng)
    if kind == "repeated":
        return Change()
    rows, columns = sides
    top, left = (rng.randint(0, max(0, a - b)) for a, b in ((height, rows), (width, columns)))
    return Part(top, left, rows, columns)


@dataclass(frozen=True)
class FurtherPlan:
    """What is to be restored behind the scored images, and within what time."""

    images: tuple[FurtherImage, ...] = ()
    """In the order of their turns."""
    budget_s: float = math.inf
    """For everything beyond the official pass, unless that took longer (`--time_budget`)."""


@dataclass(frozen=True)
class Seen:
    """The official pass, by the parent's clock."""

    seconds: float
    pixels: int
    """Of all LR images."""


@dataclass
class FurtherResult:
    """One of them on its way."""

    image: FurtherImage
    is_restored: bool = False
    is_saved: bool = False
    counted: CountedPass | None = None
    skipped: str | None = None
    """Why the network could not restore it, in the worker's words."""
    noted: sr_files.Noted = ()
    """Of the SR file as it was handed over."""

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to come."""
        return self.is_saved or self.skipped is not None


class FurtherImages:
    """The further images of a worker, each in its turn.

    Args:
        plan: what they are.
        folder: of its job.
        lr_dir: descriptor of the folder of its LR images.
        seen: says what the official pass took, once it is over.
    """

    def __init__(
        self, plan: FurtherPlan, folder: JobFolder, lr_dir: int, seen: Callable[[], Seen]
    ) -> None:
        self._todo, self._folder, self._lr_dir = [*plan.images], folder, lr_dir
        self._budget_s, self._seen = plan.budget_s, seen
        self._began_ns: int | None = None
        self._left_out = 0
        self.results: list[FurtherResult] = []
        self.is_over = not plan.images
        """Whether the worker has been told that there are no more."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """What there was no time for."""
        if not self._left_out:
            return ()
        whole = self._left_out + len(self.results)
        return (f"{self._left_out} of {whole} changed or counted images behind the scored ones",)

    @property
    def handlers(self) -> Mapping[str, Callable[[object, int], bytes]]:
        """What to do when the worker says a word, given its value and the time in ns."""
        return {
            "further": self._give,
            "restored": self._note_restored,
            "counted": self._note_counted,
            "saved": self._note_saved,
            "skipped": self._note_skipped,
        }

    def _give(self, _: object, now_ns: int) -> bytes:
        if self.results and not self.results[-1].is_done:
            raise out_of_turn("further")
        self._began_ns = self._began_ns or now_ns
        lr = self._todo[0].make_lr() if self._todo else None
        if lr is not None and not self._affords(lr, (now_ns - self._began_ns) / 1e9):
            self._left_out, lr = len(self._todo), None
        if lr is None:
            self.is_over = True
            return b"null" + TAKE
        image = self._todo.pop(0)
        file = io.BytesIO()
        np.save(file, lr)
        file.seek(0)
        lr_files.put(self._lr_dir, self._folder.lr_image(*image.place).name, file)
        self.results.append(FurtherResult(image))
        turn = FurtherTurn(image.place, image.is_counted)
        return json_file.to_line(turn).strip() + TAKE

    def _affords(self, lr: Image, spent_s: float) -> bool:
        """Whether there is time for one more; half of all is left for what follows."""
        seen = self._seen()
        height, width, _ = lr.shape
        cost_s = _COUNTED_TIMES * seen.seconds * height * width / max(seen.pixels, 1)
        limit_s = _SHARE * max(self._budget_s, seen.seconds)
        return bool(spent_s + cost_s <= limit_s)

    def _note_restored(self, value: object, _: int) -> bytes:
        result = self._current("restored")
        read_runtime(value)
        result.is_restored = True
        return b""

    def _note_counted(self, value: object, _: int) -> bytes:
        result = self._current("counted")
        if not result.is_restored or not result.image.is_counted or result.counted:
            raise out_of_turn("counted")
        result.counted = check_possible(CountedPass, value)
        return b""

    def _note_saved(self, _: object, __: int) -> bytes:
        result = self._current("saved")
        if not result.is_restored or (result.image.is_counted and result.counted is None):
            raise out_of_turn("saved")
        result.noted = sr_files.note(self._folder.sr_image(*result.image.place))
        result.is_saved = True
        return b""

    def _note_skipped(self, value: object, _: int) -> bytes:
        self._current("skipped").skipped = json_file.check(str, value)[:300]
        return b""

    def _current(self, word: str) -> FurtherResult:
        if not self.results or self.results[-1].is_done:
            raise out_of_turn(word)
        return self.results[-1]

    def rewritten(self) -> list[tuple[int, int]]:
        """Name the SR images that are not what they were when they were handed over."""
        return [
            result.image.place
            for result in self.results
            if result.is_saved
            and not sr_files.is_as_noted(self._folder.sr_image(*result.image.place), result.noted)
        ]
