"""YCbCr against scikit-image and the coefficients of ITU-R BT.601."""

from __future__ import annotations

import numpy as np
import skimage.color

import utils.utils_image as util


def test_ycbcr_is_bt601_as_scikit_image_has_it() -> None:
    rgb = np.random.default_rng(5).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    expected = skimage.color.rgb2ycbcr(rgb)
    for converted in (
        util.rgb2ycbcr(rgb, only_y=False),
        util.bgr2ycbcr(rgb[..., ::-1], only_y=False),
    ):
        assert converted.dtype == np.uint8
        assert np.abs(converted - expected).max() <= 0.5 + 1e-9
    luma = 16 + 219 / 255 * (rgb @ np.array([0.299, 0.587, 0.114]))
    y = util.rgb2ycbcr(rgb)
    assert np.abs(y - luma).max() <= 0.5 + 1e-9
    assert np.array_equal(util.bgr2ycbcr(rgb[..., ::-1]), y)


def test_float_colours_keep_range_dtype_and_their_input() -> None:
    rgb = np.random.default_rng(6).random((16, 16, 3), dtype=np.float32)
    before = rgb.copy()
    ycbcr = util.rgb2ycbcr(rgb, only_y=False)
    assert ycbcr.dtype == np.float32
    np.testing.assert_allclose(255 * ycbcr, skimage.color.rgb2ycbcr(rgb), atol=1e-4)
    np.testing.assert_allclose(util.ycbcr2rgb(ycbcr), rgb, atol=1e-5)
    assert np.array_equal(rgb, before)


def test_ycbcr2rgb_clips_what_is_no_colour() -> None:
    no_colour = np.array([[[255, 255, 255], [0, 0, 0], [235, 128, 128]]], np.uint8)
    rgb = util.ycbcr2rgb(no_colour)
    assert rgb[0, 0].tolist() == [255, 125, 255]
    assert rgb[0, 1].tolist() == [0, 136, 0]
    assert rgb[0, 2].tolist() == [255, 255, 255]
