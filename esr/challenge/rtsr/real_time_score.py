"""The score of the Real-Time SR challenge: more is better, and bicubic quality is worth nothing.

Source: the organisers' notebook in eduardzamfir/NTIRE23-RTSR. With P the mean RGB PSNR on the test
set, P0 that of bicubic interpolation and t the mean runtime in ms:

    0 if P <= P0, else 2^(P - P0) * 2 / (0.1 * sqrt(t))
"""

from __future__ import annotations

import math

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
    gain_db = psnr_db - bicubic_psnr_db
    if gain_db <= 0:
        return 0.0
    try:
        return math.pow(BASE, gain_db) * FACTOR / (WEIGHT * math.pow(runtime_ms, EXPONENT))
    except OverflowError:  # A PSNR of infinity, or close to it.
        return math.inf
