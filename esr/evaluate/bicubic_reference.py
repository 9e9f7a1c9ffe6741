"""The bicubic reference of the Real-Time SR challenge, whose PSNR is the zero of its score.

Source: SR script of eduardzamfir/NTIRE23-RTSR, `interpolate` of PyTorch with align_corners false
and no antialiasing. OpenCV's kernel is the same (a = -0.75), and needs no PyTorch in the parent;
where a value lies exactly between two grey levels, one in 400 at x3, they may round differently.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from esr.base.threads import in_parallel
from esr.datasets.staging import StagedImage, StagedSplit
from esr.images import Image
from esr.images.rtsr_metrics import psnr_rgb


def enlarge(lr: Image, scale: int) -> Image:
    """Enlarge uint8 RGB (h, w, 3) to (scale*h, scale*w, 3), clamped and rounded half to even."""
    size = lr.shape[1] * scale, lr.shape[0] * scale
    wide = cv2.resize(lr.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    rounded: Image = np.rint(wide.clip(0, 255)).astype(np.uint8)
    return rounded


@cache
def bicubic_psnr_db(split: StagedSplit) -> float:
    """Mean RGB PSNR of the reference over a data set, in dB; calculated once a run."""

    def psnr(image: StagedImage) -> float:
        return psnr_rgb(enlarge(np.load(image.lr), split.scale), np.load(image.hr), 0)

    values = in_parallel(psnr, split.images)
    return sum(values) / len(values)
