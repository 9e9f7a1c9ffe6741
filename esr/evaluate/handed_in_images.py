"""The SR images that a submission handed in, against the run of its network here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from esr.base.errors import UserError
from esr.datasets.staging import StagedImage, StagedSplit
from esr.images.image_file import imread_uint
from esr.images.rtsr_metrics import psnr_rgb
from esr.records.measurement import Flag
from esr.records.record import SplitResult

_SAME_DB = 0.01
"""Further apart than runs on different hardware, in either precision, come to be."""


def compare_results(folder: Path, split: StagedSplit, result_here: SplitResult) -> list[Flag]:
    """Say what an organizer would find who compares the images handed in with an own run.

    Args:
        folder: `results/` of the archive; PNG images named like GT.
        split: the images that were restored here.
        result_here: their scores.
    """
    flags, handed_in, here = [], [], []
    for image, result in zip(split.images, result_here.images, strict=True):
        file = folder / f"{Path(image.name).stem}.png"
        try:
            psnr_db = _psnr(file, image)
        except UserError as error:
            flags.append(Flag("submitted_results", f"results/{file.name} {error.what}"))
            continue
        handed_in.append(psnr_db)
        here.append(result.scores["psnr_rgb"])
    if len(flags) > 1:
        others = f" ({len(flags) - 1} more images like this)"
        flags = [Flag("submitted_results", flags[0].detail + others)]
    if handed_in and not _near(sum(handed_in) / len(here), sum(here) / len(here)):
        detail = (
            f"results/ has {sum(handed_in) / len(here):.3f} dB (RGB) on {len(here)} images,"
            f" the network {sum(here) / len(here):.3f} dB when run here"
        )
        flags.append(Flag("submitted_results", detail))
    return flags


def _near(handed_in_db: float, here_db: float) -> bool:
    return handed_in_db == here_db or abs(handed_in_db - here_db) <= _SAME_DB


def _psnr(file: Path, image: StagedImage) -> float:
    hr = np.load(image.hr)
    if not file.is_file():
        raise UserError("is missing")
    try:
        # The header first: a small file may hold more pixels than there is memory.
        with Image.open(file) as opened:
            size = opened.size
    except (OSError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise UserError("cannot be decoded") from error
    if size != (hr.shape[1], hr.shape[0]):
        raise UserError(f"is {size[0]}x{size[1]} px, GT {hr.shape[1]}x{hr.shape[0]}")
    return psnr_rgb(imread_uint(file), hr, 0)
