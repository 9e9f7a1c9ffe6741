"""How far the figures of a network that draws random numbers move from pass to pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from esr.records.measurement import Flag


@dataclass(frozen=True)
class PsnrSpread:
    """What one network made of one image, more than once."""

    name: str
    """Of the image."""
    scored_db: float
    again_db: tuple[float, ...]
    """Of the passes behind the one that is scored, as far as their output is another image."""

    @property
    def range_db(self) -> tuple[float, float]:
        """The least and the most of all."""
        every = (self.scored_db, *self.again_db)
        return min(every), max(every)

    @property
    def spread_db(self) -> float:
        """From the least to the most; infinite PSNR is no further from itself."""
        least, most = self.range_db
        return 0.0 if least == most else most - least


def random_output(spreads: Sequence[PsnrSpread]) -> Iterator[Flag]:
    """Flag a network whose passes over one image differ, and say by how much.

    Args:
        spreads: of the images that came out otherwise when they were restored again; of all of
            them the one that moves furthest is named.
    """
    if not spreads:
        return
    widest = max(spreads, key=lambda spread: spread.spread_db)
    least, most = widest.range_db
    passes = len(widest.again_db)
    yield Flag(
        "random_output",
        f"{widest.name} has {widest.scored_db:.4f} dB as scored, and from {least:.4f} to"
        f" {most:.4f} dB with {passes} more pass{'es' * (passes > 1)}, a spread of"
        f" {widest.spread_db:.4f} dB; generators are seeded before it is built",
    )
