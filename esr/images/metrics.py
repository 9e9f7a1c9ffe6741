"""The metrics of SR against HR: a new one is one more entry in `METRICS`, here and nowhere else.

Options, scoring, records and tables go through this table. While the SR images are kept, a metric
added later needs no new run of the networks.

The four figures of the NTIRE 2023 Real-Time SR challenge have Y in both published variants. Source:
metric scripts of eduardzamfir/NTIRE23-RTSR, the first one used during the challenge, the final one
of 2023-03-22 for the evaluation. Nothing is left out at the border, whatever the protocol says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from esr.images import Image
from esr.images.color import rgb2ycbcr
from esr.images.luma_x4 import LEFT_OUT_PX, psnr_y_x4, ssim_y_x4
from esr.images.official_image import calculate_psnr
from esr.images.perceptual_names import NAMES, NAMES_UP
from esr.images.ssim import calculate_ssim


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


def gain_db(psnr_db: float, reference_db: float) -> float:
    """By how much a PSNR is better than another; 0 of two infinite ones, which are equally good."""
    return 0.0 if psnr_db == reference_db else psnr_db - reference_db


def may_be_infinite(key: str) -> bool:
    """Tell by its key in official results whether a figure is a PSNR: that of equal images is."""
    return key.endswith(tuple(f"_{metric.name}" for metric in METRICS.values() if metric.unit))


def psnr_y(sr: Image, hr: Image, border: int) -> float:
    """PSNR of Y alone, in dB; Y is not rounded, as in the tests of MDRN, LKDN and BasicSR."""
    return calculate_psnr(_luma(sr), _luma(hr), border)


def ssim_y(sr: Image, hr: Image, border: int) -> float:
    """SSIM of Y alone, Y as for `psnr_y`."""
    return calculate_ssim(_luma(sr), _luma(hr), border)


def _luma(img: Image) -> npt.NDArray[np.float64]:
    luma: npt.NDArray[np.float64] = rgb2ycbcr(img / 255.0) * 255.0
    return luma


Plane = npt.NDArray[Any]

_OFFSET = 16
_Y_OF_RGB = (65.481, 128.553, 24.966)
"""R, G, B in [0, 1] to Y in [16, 235], ITU-R BT.601."""
_Y_OF_RGB_SWAPPED = _Y_OF_RGB[::-1]
"""What the final script applies to RGB, red and blue exchanged. The published figures carry it."""


def whole_image(
    metric: Callable[[Plane, Plane], float], plane: Callable[[Image], Plane] | None = None
) -> Callable[[Image, Image, int], float]:
    """Make a metric of whole images: of RGB, on which both scripts agree, or of one plane."""

    def function(sr: Image, hr: Image, border: int) -> float:
        del border
        return metric(sr, hr) if plane is None else metric(plane(sr), plane(hr))

    return function


def luma_first(img: Image) -> Plane:
    """Y of uint8 RGB (H, W, 3) as during the challenge: uint8 (H, W), rounded half to even."""
    rounded: Plane = (_OFFSET + img @ np.array(_Y_OF_RGB) / 255).round().astype(np.uint8)
    return rounded


def luma_final(img: Image) -> Plane:
    """Y of uint8 RGB (H, W, 3) as in the final script: float32 (H, W), R and B exchanged."""
    luma: Plane = (_OFFSET + img @ np.array(_Y_OF_RGB_SWAPPED) / 255).astype(np.float32)
    return luma


def _perceptual(name: str) -> Callable[[Image, Image, int], float]:
    def function(sr: Image, hr: Image, border: int) -> float:
        # Fidelity needs NumPy and OpenCV alone, as on the server of a competition.
        from esr.images.perceptual import perceptual_score

        return perceptual_score(name, sr, hr, border)

    return function


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("psnr", "dB", True, 1, 2, calculate_psnr),
            Metric("ssim", "", True, 11, 4, calculate_ssim),
            Metric("psnr_y", "dB", True, 1, 2, psnr_y),
            Metric("ssim_y", "", True, 11, 4, ssim_y),
            Metric("psnr_y_x4", "dB", True, 1 + LEFT_OUT_PX, 2, psnr_y_x4),
            Metric("ssim_y_x4", "", True, 11 + LEFT_OUT_PX, 4, ssim_y_x4),
            Metric("psnr_rgb", "dB", True, 1, 2, whole_image(calculate_psnr)),
            Metric("ssim_rgb", "", True, 11, 4, whole_image(calculate_ssim)),
            Metric("psnr_y_first", "dB", True, 1, 2, whole_image(calculate_psnr, luma_first)),
            Metric("ssim_y_first", "", True, 11, 4, whole_image(calculate_ssim, luma_first)),
            Metric("psnr_y_final", "dB", True, 1, 2, whole_image(calculate_psnr, luma_final)),
            Metric("ssim_y_final", "", True, 11, 4, whole_image(calculate_ssim, luma_final)),
            *(Metric(name, "", name in NAMES_UP, 64, 4, _perceptual(name)) for name in NAMES),
        )
    }
)
"""Every metric by its name, in the order of the table columns."""
