"""The score of the Real-Time SR challenge, and the bicubic reference whose PSNR is its zero.

Source of the score: the organisers' notebook in eduardzamfir/NTIRE23-RTSR. With P the mean RGB PSNR
on the test set, P0 that of bicubic interpolation and t the mean runtime in ms:

    0 if P <= P0, else 2^(P - P0) * 2 / (0.1 * sqrt(t))

Source of the reference: its SR script, `interpolate` of PyTorch with align_corners false and no
antialiasing. OpenCV's kernel is the same (a = -0.75), and needs no PyTorch in the parent; where a
value lies exactly between two grey levels, one in 400 at x3, they may round differently.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from esr.base.threads import in_parallel
from esr.images import Image
from esr.images.official_image import calculate_psnr

BASE = 2.0
FACTOR = 2.0
WEIGHT = 0.1
EXPONENT = 0.5


def real_time_score(psnr_db: float, runtime_ms: float, bicubic_psnr_db: float) -> float:
    """Score a network; infinite if it exceeds a float.

    Args:
        psnr_db: mean PSNR over RGB on the test set, nothing left out at the border.
        runtime_ms: mean runtime of the fixed input; positive.
        bicubic_psnr_db: the same PSNR of bicubic interpolation, on the same images.

    Raises:
        ValueError: a runtime that is not positive.
    """
    if not runtime_ms > 0:
        raise ValueError(f"no network runs in {runtime_ms} ms")
    if psnr_db <= bicubic_psnr_db:  # Both may be infinite, and their difference is undefined.
        return 0.0
    gain_db = psnr_db - bicubic_psnr_db
    try:
        return math.pow(BASE, gain_db) * FACTOR / (WEIGHT * math.pow(runtime_ms, EXPONENT))
    except OverflowError:  # A PSNR of infinity, or close to it.
        return math.inf


def enlarge(lr: Image, scale: int) -> Image:
    """Enlarge uint8 RGB (h, w, 3) to (scale*h, scale*w, 3), clamped and rounded half to even."""
    size = lr.shape[1] * scale, lr.shape[0] * scale
    wide = cv2.resize(lr.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    rounded: Image = np.rint(wide.clip(0, 255)).astype(np.uint8)
    return rounded


@cache
def bicubic_psnr_db(images: tuple[tuple[Path, Path], ...], scale: int) -> float:
    """Mean RGB PSNR of the reference over (LR, HR) .npy files, in dB; calculated once a run."""

    def psnr(files: tuple[Path, Path]) -> float:
        lr, hr = map(np.load, files)
        return calculate_psnr(enlarge(lr, scale), hr)

    values = in_parallel(psnr, images)
    return sum(values) / len(values)
