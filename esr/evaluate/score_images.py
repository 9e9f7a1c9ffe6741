"""SR against HR, in the parent: no submission's code has run here."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

import cv2
import numpy as np

from esr.base.sha256 import hash_bytes
from esr.base.threads import in_parallel
from esr.challenge.hooks import RestoredImage, hooks_of
from esr.datasets.staging import StagedImage, StagedSplit
from esr.evaluate.dialogue.sr_files import opened
from esr.images import Image
from esr.images.metrics import METRICS, gain_db
from esr.images.perceptual import PerceptualAnswer, perceptual_scores
from esr.images.perceptual_names import NAMES
from esr.images.resample import imresize_uint8
from esr.measure.job import SubmissionFailed
from esr.records.measurement import Flag
from esr.records.record import SplitResult
from esr.submissions.submission import (
    SELECT,
    CloneSubmission,
    Measurable,
    Submission,
    is_folder_call,
)

Found = TypeVar("Found")

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


def score_images(
    images: Sequence[StagedImage], sr_files: Sequence[Path], border: int, metrics: Sequence[str]
) -> list[dict[str, float]]:
    """Score every SR image of a data set.

    Args:
        images: the decoded pairs.
        sr_files: SR images in the same order, as .npy.
        border: HR pixels left out on each side (`Protocol.border`).
        metrics: names in `esr.images.metrics.METRICS`; perceptual ones are left out, which
            `score_perceptually` calculates for the whole data set.

    Raises:
        SubmissionFailed: an SR image that is absent, damaged or of the wrong size.
    """
    return _each(images, sr_files, partial(_score, metrics=metrics, border=border))


def score_alone(
    images: Sequence[StagedImage], sr_files: Sequence[Path], border: int, metrics: Sequence[str]
) -> list[tuple[dict[str, float], None]]:
    """Score as `score_images`, with no hash beside the scores."""
    return [(scores, None) for scores in score_images(images, sr_files, border, metrics)]


def score_perceptually(
    images: Sequence[StagedImage], sr_files: Sequence[Path], metrics: Sequence[str], device: str
) -> PerceptualAnswer | None:
    """Calculate the perceptual ones of these metrics; None if there are none among them.

    Args:
        images: the decoded pairs.
        sr_files: SR images in the same order, as .npy, which `score_images` has checked.
        metrics: names in `esr.images.metrics.METRICS`.
        device: `auto`, `cpu`, `cuda` or `cuda:0`.

    Raises:
        UserError: the process that calculates them failed.
    """
    names = [name for name in metrics if name in NAMES]
    pairs = [(sr_file, image.hr) for image, sr_file in zip(images, sr_files, strict=True)]
    return perceptual_scores(names, pairs, device) if names else None


def hash_images(images: Sequence[StagedImage], sr_files: Sequence[Path]) -> list[str]:
    """Hash the levels of every SR image of a data set.

    Raises:
        SubmissionFailed: an SR image that is absent, damaged or of the wrong size.
    """
    return _each(images, sr_files, lambda sr, _: _hash(sr))


def score_and_hash(
    images: Sequence[StagedImage], sr_files: Sequence[Path], border: int, metrics: Sequence[str]
) -> list[tuple[dict[str, float], str]]:
    """Do both, and read every SR image only once; arguments and errors as of `score_images`."""

    def both(sr: Image, hr: Image) -> tuple[dict[str, float], str]:
        return _score(sr, hr, metrics, border), _hash(sr)

    return _each(images, sr_files, both)


def _each(
    images: Sequence[StagedImage], sr_files: Sequence[Path], call: Callable[[Image, Image], Found]
) -> list[Found]:
    """Call with SR and HR, in one thread a core."""

    def read(item: tuple[StagedImage, Path]) -> Found:
        image, sr_file = item
        hr = np.load(image.hr, mmap_mode="r")
        return call(read_sr(sr_file, hr.shape), hr)

    return in_parallel(read, list(zip(images, sr_files, strict=True)))


def _score(sr: Image, hr: Image, metrics: Sequence[str], border: int) -> dict[str, float]:
    direct = [name for name in metrics if name not in NAMES]
    return {name: METRICS[name].function(sr, hr, border) for name in direct}


def _hash(sr: Image) -> str:
    return hash_bytes(np.ascontiguousarray(sr).data)


def read_lr_size(image: StagedImage) -> tuple[int, int]:
    """Read (height, width) of an LR image from its header."""
    height, width, _ = np.load(image.lr, mmap_mode="r").shape
    return height, width


def read_sr(path: Path, shape: tuple[int, ...]) -> Image:
    """Read what a child left as SR image; it is not trusted.

    Raises:
        SubmissionFailed: no uint8 array of this shape.
    """
    try:
        with opened(path) as (file, _), os.fdopen(os.dup(file), "rb") as reader:
            return _map(reader, shape)
    except SubmissionFailed:
        raise
    except Exception as error:  # NumPy's parser promises nothing about what it raises.
        raise SubmissionFailed("invalid", f"an SR image cannot be read: {error}") from error


def _map(file: BinaryIO, shape: tuple[int, ...]) -> Image:
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("no array of version 1.0")
    promised, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if promised != shape or dtype != np.uint8:
        raise SubmissionFailed("invalid", f"an SR image is no uint8 array of shape {shape}")
    # Mapped, not read: a header that promises a terabyte must not be believed.
    order: Literal["F", "C"] = "F" if is_fortran else "C"
    sr: Image = np.memmap(file, np.uint8, "r", file.tell(), shape, order)
    return sr


def handed_in_flags(submission: Measurable, split: StagedSplit, result: SplitResult) -> list[Flag]:
    """Say how SR images that came with a submission differ from those of its network here."""
    if not isinstance(submission, Submission) or submission.handed_in_to is None:
        return []
    images = [
        RestoredImage(image.name, image.hr, scored.scores)
        for image, scored in zip(split.images, result.images, strict=True)
    ]
    hooks = hooks_of(submission.handed_in_to)
    details = hooks.compare_handed_in(submission.model_file, images)
    return [Flag("submitted_results", detail) for detail in details]


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
    is_clone = isinstance(submission, CloneSubmission)
    place = f"{SELECT} of the clone" if is_clone else _sidecar(submission)
    return (
        f"{image.name} is {below:.1f} dB below bicubic: check data_range"
        f" ({submission.sidecar.data_range:g}) in {place}"
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
        note = f"data_range is {tried} rather than {declared}: set it in {_sidecar(entry)}"
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


def psnr_db(image: StagedImage, sr_file: Path, border: int) -> float | None:
    """Score an SR image; None if the child has left none that can be read."""
    hr = np.load(image.hr, mmap_mode="r")
    try:
        return METRICS["psnr"].function(read_sr(sr_file, hr.shape), hr, border)
    except SubmissionFailed:
        return None


def _sidecar(entry: Measurable) -> str:
    return f"{entry.model_file.stem}.toml"
