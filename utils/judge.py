"""SR against HR, in the parent: no submission's code has run here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from utils.errors import UserError
from utils.metrics import METRICS
from utils.staging import Image, StagedImage, in_parallel


def judge(
    images: Sequence[StagedImage], sr_files: Sequence[Path], scale: int, metrics: Sequence[str]
) -> list[dict[str, float]]:
    """Score every SR image of a data set.

    Args:
        images: the decoded pairs.
        sr_files: SR images in the same order, as .npy.
        scale: factor between LR and HR; as in the official script, also the border in pixels that
            is left out of the comparison.
        metrics: names in `utils.metrics.METRICS`.

    Raises:
        UserError: an SR image that is absent, damaged or of the wrong size.
    """

    def score(item: tuple[StagedImage, Path]) -> dict[str, float]:
        image, sr_file = item
        hr = np.load(image.hr, mmap_mode="r")
        sr = read_sr(sr_file, hr.shape)
        return {name: METRICS[name].function(sr, hr, scale) for name in metrics}

    return in_parallel(score, list(zip(images, sr_files, strict=True)))


def read_sr(path: Path, shape: tuple[int, ...]) -> Image:
    """Read what a child left as SR image; it is not trusted.

    Raises:
        UserError: no uint8 array of this shape.
    """
    try:
        # Mapped before it is read: a header that promises a terabyte must not be believed.
        sr = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"the SR image cannot be read ({error})", where=path.name) from error
    if sr.shape != shape or sr.dtype != np.uint8:
        raise UserError(
            f"the SR image is {sr.dtype} of shape {sr.shape}, not uint8 of {shape}", where=path.name
        )
    return cast(Image, sr)
