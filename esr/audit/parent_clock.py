"""Runtimes that a worker claims, against what the parent saw of the same images.

The worker's clock can be replaced by the submission that runs beside it, the parent's cannot
(`esr.evaluate.hand_over`). Between "here is LR" and "it is restored" an honest worker reads LR and
puts it on its device: 1 to 5 ms on a CPU, on an idle machine as on a busy one. What it takes
afterwards goes into converting and writing SR.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from esr.records.measurement import Flag

READ_MS, READ_MS_PER_MPX = 10.0, 20.0
SAVE_MS, SAVE_MS_PER_MPX = 40.0, 60.0
NOISE_SHARE = 0.1
"""Of what was seen."""
IMAGES_SHARE = 0.25
"""Of the images that may be beyond all this, when something else has kept the machine busy."""


@dataclass(frozen=True)
class SeenImage:
    """One image by both clocks."""

    claimed_ms: float
    """Runtime, by the worker."""
    seen_ms: float
    """From its LR image to the end of its forward pass, by the parent."""
    saving_ms: float
    """From there to its SR image, by the parent."""
    lr_mpx: float
    """Size of LR in millions of pixels."""
    scale: int

    @property
    def hidden_ms(self) -> float:
        """What was seen beyond what is claimed and reading LR; negative if impossible."""
        return self.seen_ms - self.claimed_ms

    @property
    def is_plausible(self) -> bool:
        """Whether the claim fits into what was seen, and reading explains the rest."""
        allowed = READ_MS + READ_MS_PER_MPX * self.lr_mpx + NOISE_SHARE * self.seen_ms
        return -NOISE_SHARE * self.seen_ms - 1.0 <= self.hidden_ms <= allowed

    @property
    def is_saved_at_once(self) -> bool:
        """Whether writing SR explains what came after."""
        sr_mpx = self.lr_mpx * self.scale**2
        return self.saving_ms <= SAVE_MS + SAVE_MS_PER_MPX * sr_mpx


def compare_clocks(images: Sequence[SeenImage]) -> list[Flag]:
    """Flag claims that the parent's clock does not bear out."""
    flags = []
    if _too_many([not image.is_plausible for image in images]):
        claimed, seen = _median(images, "claimed_ms"), _median(images, "seen_ms")
        text = f"{claimed:.2f} ms an image are claimed, the parent saw {seen:.2f} (medians)"
        flags.append(Flag("runtime_not_as_seen", text))
    if _too_many([not image.is_saved_at_once for image in images]):
        saving = _median(images, "saving_ms")
        text = f"{saving:.1f} ms (median) from the end of the timed pass to the SR image"
        flags.append(Flag("works_after_the_clock", text))
    return flags


def _too_many(suspicious: Sequence[bool]) -> bool:
    return sum(suspicious) > IMAGES_SHARE * len(suspicious)


def _median(images: Sequence[SeenImage], name: str) -> float:
    return float(statistics.median(getattr(image, name) for image in images))
