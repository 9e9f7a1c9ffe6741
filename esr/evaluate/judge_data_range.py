"""Whether the declared data_range is the right one: by bicubic interpolation, and by the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from esr.datasets.staging import StagedImage
from esr.evaluate.score_images import psnr_db
from esr.images.metrics import METRICS, gain_db
from esr.images.resample import imresize_uint8
from esr.records.measurement import Flag
from esr.submissions.submission import SELECT, CloneSubmission, Measurable, is_folder_call

BETTER_DB = 2.0
"""By how much the other data_range must be better."""
_FAR_BELOW_DB = 2.0
"""No network that learnt anything is this far below bicubic; the wrong data_range costs 2.8 dB."""
_PLAIN_DB = 20 * math.log10(255)
"""Bicubic within one grey level, or exact, is the best there is: of a flat image, or of HR that was
enlarged from LR. Honest networks may be any distance below."""
_PLAIN_ENOUGH_DB = 20 * math.log10(255 / 2)
"""An error of two grey levels, beyond which no range is better on such an image. On flat ones the
shipped networks have 51 dB and more, with the wrong range 11 to 47 dB, but on black up to infinity.
"""
_KERNELS_DIFFER_DB = 0.1
"""OpenCV's bicubic is sharper than MATLAB's, and scored 0.03 to 0.5 dB more on 40 photographs."""


def range_note(
    image: StagedImage, sr_psnr: float, submission: Measurable, border: int
) -> str | None:
    """Say where to look if a network is far worse than bicubic interpolation.

    Args:
        image: a decoded pair.
        sr_psnr: PSNR of the network on it, in dB.
        submission: what was measured.
        border: that of the PSNR.
    """
    if (below := _far_below_bicubic_db(image, sr_psnr, submission, border)) is None:
        return None
    return (
        f"{image.name} is {below:.1f} dB below bicubic: check data_range"
        f" ({submission.sidecar.data_range:g}) {_name_place(submission)}"
    )


def _far_below_bicubic_db(
    image: StagedImage, sr_psnr: float, submission: Measurable, border: int
) -> float | None:
    if is_folder_call(submission):
        return None  # It reads and writes images, so that no range is declared.
    scale = submission.sidecar.scale
    if gain_db(_quick_bicubic_db(image, border), sr_psnr) < _FAR_BELOW_DB - _KERNELS_DIFFER_DB:
        return None
    lr, hr = np.load(image.lr), np.load(image.hr, mmap_mode="r")
    bicubic_db = METRICS["psnr"].function(imresize_uint8(lr, scale), hr, border)
    below = gain_db(bicubic_db, sr_psnr)
    return None if below < _FAR_BELOW_DB or bicubic_db >= _PLAIN_DB else below


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
    other_db = None if other is None else psnr_db(image, other[1], border)
    if other is None or other_db is None:
        return DataRangeVerdict(range_note(image, declared_db, entry, border))
    declared, tried = f"{entry.sidecar.data_range:g}", f"{other[0]:g}"
    if _is_better(other_db, declared_db, image, border):
        detail = (
            f"{image.name} has {declared_db:.2f} dB with data_range {declared}, as declared and"
            f" scored, and {other_db:.2f} dB with {tried}"
        )
        note = f"data_range is {tried} rather than {declared}: set it {_name_place(entry)}"
        return DataRangeVerdict(note, (Flag("wrong_data_range", detail),))
    below = _far_below_bicubic_db(image, declared_db, entry, border)
    if below is None:
        return DataRangeVerdict()
    return DataRangeVerdict(
        f"{image.name} is {below:.1f} dB below bicubic with data_range {declared}, as declared, and"
        f" with {tried} it is no better ({other_db:.2f} dB): check the range of its output, and its"
        " checkpoint"
    )


def _is_better(other_db: float, declared_db: float, image: StagedImage, border: int) -> bool:
    if gain_db(other_db, declared_db) <= BETTER_DB:
        return False
    plain = _quick_bicubic_db(image, border) >= _PLAIN_DB
    return not plain or _PLAIN_ENOUGH_DB - declared_db > BETTER_DB


def _quick_bicubic_db(image: StagedImage, border: int) -> float:
    """OpenCV's takes a hundredth of the time, and spares nearly every network the exact one."""
    lr, hr = np.load(image.lr), np.load(image.hr, mmap_mode="r")
    large = cv2.resize(lr, (hr.shape[1], hr.shape[0]), interpolation=cv2.INTER_CUBIC)
    return METRICS["psnr"].function(large, hr, border)


def _name_place(entry: Measurable) -> str:
    """Say where the range is declared, or can be where nobody has declared it."""
    if isinstance(entry, CloneSubmission):
        return f"in {SELECT} of the clone"
    if entry.handed_in_to is not None:
        return "with --rgb_range"
    file = entry.model_file.with_suffix(".toml")
    return (
        f"in {file.name}" if file.exists() else f"in a sidecar {file.name} (which is not there yet)"
    )
