"""The question of `python -m esr data check` that every evaluation asks of a few images."""

from __future__ import annotations

import math

import numpy as np

from esr.datasets.checking.bicubic_quarter import quarter_psnr_db
from esr.datasets.checking.data_findings import DataFinding
from esr.datasets.checking.lr_origin import examine
from esr.datasets.lr_verdict import LrVerdict
from esr.datasets.prepare_lr import make_lr
from esr.datasets.staging import StagedImage, StagedSplit

SAMPLE = 5
"""Images of a set."""


def judge_lr(split: StagedSplit) -> LrVerdict:
    """Compare LR of images spread over a set with the bicubic of their HR; name the first other.

    Args:
        split: a decoded set.
    """
    count = len(split.images)
    places = sorted({round(place) for place in np.linspace(0, count - 1, min(SAMPLE, count))})
    images = [split.images[place] for place in places]
    odd = [image for image in images if not _is_bicubic(image, split.scale)]
    if not odd or (finding := _examine(odd[0], split.scale)) is None:
        return LrVerdict(len(images), 0)
    what = f"{finding.headline} ({finding.detail})" if finding.detail else finding.headline
    return LrVerdict(len(images), len(odd), f"{odd[0].name}: {what}", finding.is_defect)


def _is_bicubic(image: StagedImage, scale: int) -> bool:
    if math.isinf(quarter_psnr_db(image, scale)):
        return True
    # Where the scale is no power of two, a part may be rounded otherwise than the whole.
    return np.array_equal(np.load(image.lr), make_lr(np.load(image.hr), scale))


def _examine(image: StagedImage, scale: int) -> DataFinding | None:
    lr, hr = np.load(image.lr), np.load(image.hr)
    return examine(lr, hr, make_lr(hr, scale), scale, image.lr_file or image.lr)
