"""What a worker claims, against what the parent saw of the same images.

The worker's clock can be replaced by the submission that runs beside it, the parent's cannot
(`esr.evaluate.dialogue.hand_over`). Between "here is LR" and "it is restored" an honest worker
reads LR and puts it on its device: 1 to 5 ms on a CPU, on an idle machine as on a busy one. What it
takes afterwards goes into converting and writing SR.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from esr.records.measurement import Flag

ANSWER_MS = 15.0
"""Until either side is awake and has heard what the other said, on a machine that is busy."""
READ_MS, READ_MS_PER_MPX = 7.0, 20.0
SAVE_MS, SAVE_MS_PER_MPX = 60.0, 150.0
"""A slow disk writes 20 MB in a second."""
NOISE_SHARE = 0.1
"""Of what was seen."""
FEW, FEW_MS = 3, 100.0
"""So many may all have met the same stall, of so long."""
IMAGES_SHARE = 0.75
"""Of the images: a machine that is kept busy by others is late for some, never for nearly all."""
HIDDEN_SHARE = 0.4
"""Of all that was seen, for those who forge the runtimes of some images alone."""


@dataclass(frozen=True)
class SeenPass:
    """A pass over images that are on the device already, by both clocks."""

    claimed_ms: float
    """Runtime, by the worker."""
    seen_ms: float
    """From the word to go until the worker said that it had passed, by the parent."""
    reading_ms: float = 0.0
    """What else may honestly have happened meanwhile."""

    @property
    def hidden_ms(self) -> float:
        """What was seen beyond the claim and beyond reading; negative if there is more room."""
        return self.seen_ms - self.claimed_ms - self.reading_ms

    @property
    def is_plausible(self) -> bool:
        """Whether the claim fits into what was seen, and fills it."""
        noise_ms = NOISE_SHARE * self.seen_ms
        fits = self.claimed_ms <= self.seen_ms + 1.0 + noise_ms
        return fits and self.hidden_ms <= ANSWER_MS + noise_ms


@dataclass(frozen=True)
class SeenImage(SeenPass):
    """An image that is read, restored and saved, by both clocks."""

    saving_ms: float = 0.0
    """From the end of the forward pass to the SR image, by the parent."""
    saving_allowed_ms: float = 0.0

    @classmethod
    def of_size(
        cls, claimed_ms: float, seen_ms: float, saving_ms: float, lr_mpx: float, scale: int
    ) -> SeenImage:
        """Work out what reading and saving may take.

        Args:
            claimed_ms: its runtime, by the worker.
            seen_ms: from its LR image to the end of its forward pass, by the parent.
            saving_ms: from there to its SR image, by the parent.
            lr_mpx: size of LR in millions of pixels.
            scale: of SR.
        """
        reading_ms = READ_MS + READ_MS_PER_MPX * lr_mpx
        allowed_ms = SAVE_MS + SAVE_MS_PER_MPX * lr_mpx * scale**2
        return cls(claimed_ms, seen_ms, reading_ms, saving_ms, allowed_ms)


def compare_clocks(images: Sequence[SeenPass], which: str) -> Iterator[Flag]:
    """Flag claims that the parent's clock does not bear out.

    Args:
        images: all of one kind.
        which: what kind.
    """
    if len(images) < FEW:
        images = [replace(image, reading_ms=image.reading_ms + FEW_MS) for image in images]
    suspicious = [not image.is_plausible for image in images]
    hidden_ms = sum(max(0.0, i.hidden_ms) for i in images if not i.is_plausible)
    seen_ms = sum(image.seen_ms for image in images)
    much = hidden_ms > max(HIDDEN_SHARE * seen_ms, ANSWER_MS * len(images))
    if _too_many(suspicious) or much:
        claimed = statistics.median(image.claimed_ms for image in images)
        seen = statistics.median(image.seen_ms for image in images)
        yield Flag(
            "runtime_not_as_seen",
            f"{which}: {claimed:.2f} ms are claimed, the parent saw {seen:.2f} ms (medians)",
        )


def compare_saving(images: Sequence[SeenImage]) -> Iterator[Flag]:
    """Flag work that goes on when the clock has stopped."""
    if _too_many([image.saving_ms > image.saving_allowed_ms for image in images]):
        saving = statistics.median(image.saving_ms for image in images)
        text = f"{saving:.1f} ms (median) from the end of the timed pass to the SR image"
        yield Flag("works_after_the_clock", text)


def repeated_outputs(
    differences: Sequence[int], outputs: int, is_repeatable: bool | None
) -> Iterator[Flag]:
    """Flag timed outputs that differ from the scored ones.

    Args:
        differences: largest difference in grey levels of each that differs.
        outputs: number of all that were compared.
        is_repeatable: whether two passes more over one image give the same output.
    """
    if differences:
        cause = {
            True: "what was timed is not what is scored",
            False: "the network is not deterministic, two untimed passes over one image differ too",
            None: "whether it is deterministic could not be tried",
        }[is_repeatable]
        yield Flag(
            "timed_output_differs",
            f"{len(differences)} of {outputs} outputs of the robust pass differ from the scored"
            f" ones by up to {max(differences)} grey levels: {cause}",
        )


def determinism(is_repeatable: bool | None) -> Iterator[Flag]:
    """Flag a network whose passes differ, where no output was seen to differ from the scored one.

    Args:
        is_repeatable: whether two passes more over one image give the same output.
    """
    if is_repeatable is False:
        text = "two passes over one image differ: the scored output is one of several"
        yield Flag("not_deterministic", text)


def _too_many(suspicious: Sequence[bool]) -> bool:
    return sum(suspicious) > IMAGES_SHARE * len(suspicious)
