"""Is `data_range` what the network was made for? One image restored with the other one tells.

The declared range is what is scored, whatever is found here. On Set5 the wrong one costs every
network of the official repositories at least 2.8 dB.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from esr.datasets.staging import StagedImage
from esr.evaluate.score_images import range_note, read_sr
from esr.images.metrics import METRICS
from esr.measure.job import SubmissionFailed
from esr.records.measurement import Flag
from esr.submissions.submission import Measurable

BETTER_DB = 2.0


@dataclass(frozen=True)
class DataRangeVerdict:
    """What looks wrong with the declared range."""

    note: str | None = None
    flags: tuple[Flag, ...] = ()


def judge_data_range(
    image: StagedImage,
    declared_db: float,
    other: tuple[float, Path] | None,
    entry: Measurable,
    border: int,
) -> DataRangeVerdict:
    """Compare an image restored with the declared data_range, with the other, and by bicubic.

    Args:
        image: a decoded pair.
        declared_db: PSNR of the network on it as declared.
        other: the other range, and the SR image it gave; None if the network gave none.
        entry: what was measured.
        border: HR pixels left out on each side, for PSNR.
    """
    below = range_note(image, declared_db, entry, border)
    other_db = None if other is None else psnr_db(image, other[1], border)
    if other is None or other_db is None:
        return DataRangeVerdict(below)
    declared, tried = f"{entry.sidecar.data_range:g}", f"{other[0]:g}"
    if other_db - declared_db > BETTER_DB:
        detail = (
            f"{image.name} has {declared_db:.2f} dB with data_range {declared}, as declared and"
            f" scored, and {other_db:.2f} dB with {tried}"
        )
        note = f"data_range is {tried} rather than {declared}: set it in {_sidecar(entry)}"
        return DataRangeVerdict(note, (Flag("wrong_data_range", detail),))
    return DataRangeVerdict(f"{below}; with {tried} it has {other_db:.2f} dB" if below else None)


def psnr_db(image: StagedImage, sr_file: Path, border: int) -> float | None:
    """Score an SR image; None if the child has left none that can be read."""
    hr = np.load(image.hr, mmap_mode="r")
    try:
        return METRICS["psnr"].function(read_sr(sr_file, hr.shape), hr, border)
    except SubmissionFailed:
        return None


def _sidecar(entry: Measurable) -> str:
    return f"{entry.model_file.stem}.toml"
