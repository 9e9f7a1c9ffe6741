"""SR against HR, in the parent: no submission's code has run here."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

import numpy as np

from esr.base.sha256 import hash_bytes
from esr.base.threads import in_parallel
from esr.datasets.staging import StagedImage
from esr.evaluate.dialogue.sr_files import opened
from esr.images import Image
from esr.images.metrics import METRICS
from esr.images.perceptual import PerceptualAnswer, perceptual_scores
from esr.images.perceptual_names import NAMES
from esr.measure.job import SubmissionFailed

Found = TypeVar("Found")


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


def psnr_db(image: StagedImage, sr_file: Path, border: int) -> float | None:
    """Score an SR image; None if the child has left none that can be read."""
    hr = np.load(image.hr, mmap_mode="r")
    try:
        return METRICS["psnr"].function(read_sr(sr_file, hr.shape), hr, border)
    except SubmissionFailed:
        return None
