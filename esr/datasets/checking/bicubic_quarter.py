"""How near LR is to the bicubic of HR, by a quarter of an image: what every submission waits for.

`python -m esr data check` looks at whole images.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from esr.datasets.prepare_lr import make_lr
from esr.datasets.staging import StagedImage
from esr.images.official_image import calculate_psnr
from esr.images.resample import BICUBIC_MARGIN_LR_PX


@lru_cache(maxsize=1024)
def quarter_psnr_db(image: StagedImage, scale: int) -> float:
    """Find the PSNR of the last quarter of LR, two borders of it included; inf where it is equal.

    Args:
        image: a decoded pair.
        scale: factor between HR and LR.
    """
    lr = np.load(image.lr, mmap_mode="r")
    hr = np.load(image.hr, mmap_mode="r")
    top, left = (side // 2 for side in lr.shape[:2])
    above, before = min(BICUBIC_MARGIN_LR_PX, top), min(BICUBIC_MARGIN_LR_PX, left)
    part = np.ascontiguousarray(hr[(top - above) * scale :, (left - before) * scale :])
    return calculate_psnr(make_lr(part, scale)[above:, before:], np.array(lr[top:, left:]))
