"""The SR images that a submission handed in, against the run of its network here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from esr.base.errors import UserError
from esr.challenge.hooks import RestoredImage
from esr.images.image_file import imread_uint, read_size
from esr.images.official_image import calculate_psnr

_SAME_DB = 0.01
"""Further apart than runs on different hardware, in either precision, come to be."""


def compare_images(folder: Path, images: Sequence[RestoredImage]) -> list[str]:
    """Say what an organizer would find who compares the images handed in with an own run.

    Args:
        folder: `results/` of the archive; PNG images named like GT.
        images: those that were restored here.
    """
    unusable, pairs_db = [], []
    for image in images:
        file = folder / f"{Path(image.name).stem}.png"
        try:
            pairs_db.append((_psnr(file, np.load(image.hr)), image.scores["psnr_rgb"]))
        except UserError as error:
            unusable.append(f"results/{file.name} {error.what}")
    more = f" ({len(unusable) - 1} more images like this)" if len(unusable) > 1 else ""
    details = [f"{detail}{more}" for detail in unusable[:1]]
    if not pairs_db:
        return details
    theirs_db, ours_db = (sum(values) / len(values) for values in zip(*pairs_db, strict=True))
    # Equal as well where both are infinite.
    if theirs_db == ours_db or abs(theirs_db - ours_db) <= _SAME_DB:
        return details
    what = f"results/ has {theirs_db:.3f} dB (RGB) on {len(pairs_db)} images"
    return [*details, f"{what}, the network {ours_db:.3f} dB when run here"]


def _psnr(file: Path, hr: np.ndarray) -> float:
    if not file.is_file():
        raise UserError("is missing")
    try:
        width, height = read_size(file)
    except UserError as error:
        raise UserError("cannot be decoded") from error
    if (height, width) != hr.shape[:2]:
        raise UserError(f"is {width}x{height} px, GT {hr.shape[1]}x{hr.shape[0]}")
    return calculate_psnr(imread_uint(file), hr)
