"""PSNR and SSIM of the sister challenges, against their own functions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sister_clones import find_clone, image_pair, official_module

from esr.images.metrics import METRICS
from esr.images.official_image import modcrop

PSNR_Y, SSIM_Y = METRICS["psnr_y_x4"].function, METRICS["ssim_y_x4"].function
PSNR, SSIM = METRICS["psnr"].function, METRICS["ssim"].function


def test_one_grey_level_is_what_the_formulas_say() -> None:
    hr = np.full((40, 48, 3), 100, np.uint8)
    # Error 1 in RGB: 20 log10(255). In luma (65.481 + 128.553 + 24.966) / 255 = 219 / 255 of it.
    assert PSNR(hr + 1, hr, 4) == pytest.approx(20 * math.log10(255), abs=1e-9)
    assert PSNR_Y(hr + 1, hr, 4) == pytest.approx(20 * math.log10(255 * 255 / 219), abs=1e-4)
    assert f"{PSNR(hr + 1, hr, 4):.4f}" == "48.1308"
    assert PSNR_Y(hr, hr, 4) == math.inf
    assert SSIM_Y(hr, hr, 4) == 1


def test_four_pixels_are_left_out_whatever_border_is_named() -> None:
    sr, hr = image_pair(0)  # 61 x 74: 60 x 72 as multiples of 4.
    expected = PSNR_Y(sr, hr, 4), SSIM_Y(sr, hr, 4)
    damaged = sr.copy()
    for outside in (damaged[:4], damaged[56:], damaged[:, :4], damaged[:, 68:]):
        outside[:] = 255 - outside
    for border in (0, 4, 9):
        assert (PSNR_Y(damaged, hr, border), SSIM_Y(damaged, hr, border)) == expected
    damaged[4, 4] ^= 255
    assert PSNR_Y(damaged, hr, 4) < expected[0]
    damaged = sr.copy()
    damaged[55, 67] ^= 255
    assert PSNR_Y(damaged, hr, 4) < expected[0]


def test_unequal_images_are_refused() -> None:
    sr, hr = image_pair(0)
    for function in (PSNR_Y, SSIM_Y):
        with pytest.raises(ValueError, match="equal shapes"):
            function(sr[:-4], hr, 4)


OFFICIAL = {
    0: (38.20853805541992, 0.9566079694825006, 33.31031298801988, 0.9458254866426264),
    1: (38.259765625, 0.9581580849872895, 33.30865151426853, 0.9469574926847223),
    2: (38.10749435424805, 0.9560886631875815, 33.32199228102424, 0.946740422822526),
}
"""Of `image_pair(seed)`: PSNR and SSIM of `modcrop(4)` by utils_image.py of NTIRE2025_ImageSR_x4
(4c857eb) and NTIRE2026_ImageSR_x4 (9a2562b), which agree; of `crop_image` with border 4 by that of
NTIRE2023_Dn50 (2524e74)."""


@pytest.mark.parametrize(("seed", "official"), OFFICIAL.items())
def test_the_figures_are_those_that_the_official_functions_printed(
    seed: int, official: tuple[float, ...]
) -> None:
    sr, hr = image_pair(seed)
    cropped = modcrop(sr, 8), modcrop(hr, 8)
    figures = (PSNR_Y(sr, hr, 4), SSIM_Y(sr, hr, 4), PSNR(*cropped, 4), SSIM(*cropped, 4))
    assert figures == pytest.approx(official, rel=0, abs=1e-9)


@pytest.mark.parametrize("name", ["NTIRE2025_ImageSR_x4", "NTIRE2026_ImageSR_x4"])
def test_the_official_functions_of_a_clone_agree_on_20_pairs(name: str) -> None:
    with official_module(find_clone(name)) as official:
        for seed in range(20):
            sr, hr = image_pair(seed)
            pair = modcrop(sr, 4), modcrop(hr, 4)
            assert PSNR_Y(sr, hr, 4) == pytest.approx(official.calculate_psnr(*pair), abs=1e-9)
            assert SSIM_Y(sr, hr, 4) == pytest.approx(official.calculate_ssim(*pair), abs=1e-9)


def test_the_functions_of_the_denoising_clone_agree_on_20_pairs() -> None:
    with official_module(find_clone("NTIRE2023_Dn50")) as official:
        for seed in range(20):
            ours = [modcrop(image, 8) for image in image_pair(seed)]
            theirs = [official.crop_image(image) for image in image_pair(seed)]
            psnr, ssim = (official.calculate_psnr, official.calculate_ssim)
            assert PSNR(*ours, 4) == pytest.approx(psnr(*theirs, border=4), abs=1e-9)
            assert SSIM(*ours, 4) == pytest.approx(ssim(*theirs, border=4), abs=1e-9)
