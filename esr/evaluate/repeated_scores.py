"""PSNR of an image that was restored once more, where it came out as another one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from esr.audit.random_output import PsnrSpread, random_output
from esr.evaluate.dialogue.timed_passes import Scorer, TimedPass
from esr.evaluate.score_images import psnr_db
from esr.evaluate.write_job import StartedJob
from esr.records.measurement import Flag

_IMAGES = 10
"""Of a data set: more of them, scored in every round, tell no more and take long."""


def scorer(started: StartedJob) -> Scorer:
    """Make what scores the first images of each data set; of the others nothing is known."""
    protocol = started.request.procedure.protocol

    def score(place: tuple[int, int], sr_file: Path) -> float | None:
        number, index = place
        split = started.splits[number]
        if index >= _IMAGES:
            return None
        return psnr_db(split.images[index], sr_file, protocol.border(split.scale))

    return score


def spread_flags(passes: Sequence[TimedPass], started: StartedJob) -> Iterator[Flag]:
    """Say how far the PSNR of a network that draws random numbers moves from pass to pass.

    Args:
        passes: whose outputs were compared with the scored images.
        started: its job, with the scored images.
    """
    again_db = defaultdict[tuple[int, int], list[float]](list)
    for timed in passes:
        if timed.psnr_db is not None:
            again_db[timed.place].append(timed.psnr_db)
    spreads, score = [], scorer(started)
    for (number, index), figures in again_db.items():
        scored_db = score((number, index), started.folder.sr_image(number, index))
        if scored_db is not None:
            name = started.splits[number].images[index].name
            spreads.append(PsnrSpread(name, scored_db, tuple(figures)))
    yield from random_output(spreads)
