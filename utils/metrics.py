"""The metrics of SR against HR: a new one is one more entry in `METRICS`, here and nowhere else.

Options, scoring, records and tables go through this table. While the SR images are kept, a metric
added later needs no new run of the networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from utils.utils_image import calculate_psnr, calculate_ssim

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Metric:
    """One figure of merit of an SR image; a data set gets the mean over its images."""

    name: str
    """Key on the command line and in records, e.g. `psnr`."""
    unit: str
    """Unit of the value; empty for a pure number."""
    higher_is_better: bool
    window_px: int
    """Smallest side of an image, border left out, that the metric is defined for."""
    decimals: int
    """Digits after the point that tables show."""
    function: Callable[[Image, Image, int], float]
    """(SR, HR, border in pixels left out on each side) -> value; RGB uint8 (H, W, 3)."""


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("psnr", "dB", True, 1, 2, calculate_psnr),
            Metric("ssim", "", True, 11, 4, calculate_ssim),
        )
    }
)
"""Every metric by its name, in the order of the table columns."""
