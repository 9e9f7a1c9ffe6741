"""The official names: tensors, PSNR and SSIM, each against a second opinion."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.metrics
import torch
from harness import PATIENCE_S
from PIL import Image

import utils.utils_image as util

PAIRS = 50


def _pair(seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Two similar uint8 images of odd and even sizes, RGB or grey, and a border."""
    rng = np.random.default_rng(seed)
    shape = (*rng.integers(23, 120, 2).tolist(), *((), (1,), (3,))[seed % 3])
    first = rng.integers(0, 256, shape, dtype=np.uint8)
    noise = rng.integers(-40, 41, shape)
    return first, (first + noise).clip(0, 255).astype(np.uint8), seed % 6


def _inside(img: np.ndarray, border: int) -> np.ndarray:
    return img[border : len(img) - border, border : img.shape[1] - border].astype(np.float64)


@pytest.mark.parametrize("seed", range(PAIRS))
def test_psnr_is_that_of_scikit_image(seed: int) -> None:
    sr, hr, border = _pair(seed)
    expected = skimage.metrics.peak_signal_noise_ratio(
        _inside(hr, border), _inside(sr, border), data_range=255
    )
    assert util.calculate_psnr(sr, hr, border) == pytest.approx(expected, rel=1e-14)
    as_float = util.calculate_psnr(sr.astype(np.float32), hr, border)
    assert as_float == util.calculate_psnr(sr, hr, border)


@pytest.mark.parametrize("seed", range(PAIRS))
def test_ssim_is_that_of_scikit_image(seed: int) -> None:
    sr, hr, border = _pair(seed)
    expected = skimage.metrics.structural_similarity(
        _inside(sr, border), _inside(hr, border), data_range=255, channel_axis=2 if sr.ndim == 3 else None,
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False, win_size=11,
    )  # fmt: skip
    assert util.calculate_ssim(sr, hr, border) == pytest.approx(expected, abs=1e-12)


def test_ssim_of_an_image_of_many_strips_and_of_a_view() -> None:
    rng = np.random.default_rng(0)
    sr, hr = rng.integers(0, 256, (2, 300, 40, 3), dtype=np.uint8)
    expected = np.mean([util.ssim(sr[..., channel], hr[..., channel]) for channel in range(3)])
    assert util.calculate_ssim(sr, hr) == pytest.approx(expected, abs=1e-13)
    turned = util.calculate_ssim(sr.transpose(1, 0, 2)[::-1], hr.transpose(1, 0, 2)[::-1])
    assert turned == pytest.approx(expected, abs=1e-13)


def test_psnr_is_exact_where_a_sum_in_float32_is_not() -> None:
    sr = np.random.default_rng(1).integers(0, 256, (600, 700, 3), dtype=np.uint8)
    hr = np.roll(sr, 1, axis=0)
    squares = sum(int(d) ** 2 for d in (sr.astype(int) - hr).ravel().tolist())
    assert util.calculate_psnr(sr, hr) == 20 * math.log10(255 / math.sqrt(squares / sr.size))


@pytest.mark.parametrize("seed", range(40))
def test_psnr_is_the_official_formula_to_the_last_digit(seed: int) -> None:
    sr, hr, border = _pair(seed)
    error = np.mean((_inside(sr, border) - _inside(hr, border)) ** 2)
    assert util.calculate_psnr(sr, hr, border) == 20 * math.log10(255.0 / math.sqrt(error))


@pytest.mark.parametrize("shape", [(1, 1, 3), (1356, 2040, 3), (700, 1)])
def test_psnr_of_the_largest_and_the_smallest_difference(shape: tuple[int, ...]) -> None:
    black, white = np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)
    assert util.calculate_psnr(black, white) == 0
    almost = black.copy()
    almost.flat[-1] = 1
    expected = 20 * math.log10(255.0 / math.sqrt(np.mean(almost.astype(np.float64) ** 2)))
    assert util.calculate_psnr(black, almost) == expected
    assert util.calculate_psnr(white, white.copy()) == math.inf


def test_equal_images_have_infinite_psnr_and_ssim_one() -> None:
    img = np.random.default_rng(2).integers(0, 256, (30, 31, 3), dtype=np.uint8)
    assert util.calculate_psnr(img, img.copy(), border=4) == math.inf
    assert util.calculate_ssim(img, img.copy(), border=4) == 1


def test_the_border_is_not_compared() -> None:
    hr = np.random.default_rng(3).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    sr = hr.copy()
    sr[:4], sr[-4:], sr[:, :4], sr[:, -4:] = 0, 0, 0, 0
    assert util.calculate_psnr(sr, hr, border=4) == math.inf
    assert util.calculate_psnr(sr, hr, border=3) < math.inf
    assert util.calculate_ssim(sr, hr, border=4) == 1


@pytest.mark.parametrize("score", [util.calculate_psnr, util.calculate_ssim])
def test_images_that_cannot_be_compared_are_refused(score) -> None:
    img = np.zeros((32, 32, 3), np.uint8)
    with pytest.raises(ValueError, match="equal shapes"):
        score(img, img[:, :31])
    with pytest.raises(ValueError, match=r"left inside|at least"):
        score(img, img, border=16)


def test_ssim_refuses_four_channels() -> None:
    img = np.zeros((32, 32, 4), np.uint8)
    with pytest.raises(ValueError, match="channels"):
        util.calculate_ssim(img, img)


def test_scores_are_those_another_program_recorded(shared: Path) -> None:
    golden = shared / "networks" / "golden"
    expected = json.loads((golden / "rtsr_protocol.json").read_text())["metrics_for_arrays_sr_hr"]
    with np.load(golden / "rtsr_protocol.npz") as arrays:
        sr, hr = arrays["sr"], arrays["hr"]
    assert util.calculate_psnr(sr, hr) == expected["psnr_rgb"]
    assert util.calculate_ssim(sr, hr) == pytest.approx(expected["ssim_rgb"], abs=1e-12)
    sr_y, hr_y = util.rgb2ycbcr(sr), util.rgb2ycbcr(hr)
    assert util.calculate_psnr(sr_y, hr_y) == expected["psnr_y_first"]
    assert util.calculate_ssim(sr_y, hr_y) == pytest.approx(expected["ssim_y_first"], abs=1e-12)


def test_a_whole_chain_gives_the_recorded_set5_figures(shared: Path) -> None:
    """Read, to a tensor in [0, 1], x2, to uint8, scores: another program's record of Set5."""
    facts = json.loads((shared / "networks" / "facts_prfdn.json").read_text())
    row = facts["rtsr_style_on_demo_set5_hr"]["rows"]["x2_nojpeg"]
    expected = row["bicubic(torch, align_corners False, clamped)"]
    psnr, ssim, ssim_y = {}, [], []
    for path in sorted((shared / "data" / "Set5" / "HR").glob("*.png")):
        hr = util.modcrop(util.imread_uint(path), 6)
        lr_size = hr.shape[1] // 2, hr.shape[0] // 2
        lr = np.asarray(Image.fromarray(hr).resize(lr_size, Image.Resampling.BICUBIC))
        sr_tensor = torch.nn.functional.interpolate(
            util.uint2tensor4(lr, 1.0), scale_factor=2, mode="bicubic", align_corners=False
        )
        sr = util.tensor2uint(sr_tensor, 1.0)
        psnr[path.stem] = util.calculate_psnr(sr, hr)
        ssim.append(util.calculate_ssim(sr, hr))
        ssim_y.append(util.calculate_ssim(util.rgb2ycbcr(sr), util.rgb2ycbcr(hr)))
    # Equal to the last digit where this was written. On another CPU the interpolation may differ in
    # its last bit, and each pixel that falls exactly between two levels is worth 1e-6 dB.
    assert psnr == pytest.approx(expected["psnr_rgb_per_image"], abs=1e-5)
    assert np.mean(ssim) == pytest.approx(expected["mean"]["ssim_rgb"], abs=1e-6)
    assert np.mean(ssim_y) == pytest.approx(expected["mean"]["ssim_y_rounded"], abs=1e-6)


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_uint2tensor4_divides_once_in_float32_and_keeps_the_strides(data_range: float) -> None:
    img = np.arange(3 * 256, dtype=np.uint8).reshape(16, 16, 3)
    tensor = util.uint2tensor4(img, data_range)
    assert tensor.dtype == torch.float32
    expected = img.astype(np.float32) / np.float32(255 / data_range)
    assert np.array_equal(tensor[0].permute(1, 2, 0).numpy(), expected)
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(util.uint2tensor4(img[..., 0], data_range), tensor[:, :1])
    assert np.array_equal(util.tensor2uint(tensor, data_range), img)


def test_tensor2uint_clamps_rounds_half_to_even_and_leaves_its_input() -> None:
    values = torch.tensor([-3.0, 0.5, 1.5, 2.5, 253.5, 254.5, 254.51, 300.0]).reshape(1, 1, 2, 4)
    before = values.clone()
    assert util.tensor2uint(values, 255.0).tolist() == [[0, 0, 2, 2], [254, 254, 255, 255]]
    assert torch.equal(values, before)
    assert util.tensor2uint(values.repeat(1, 3, 1, 1), 255.0).flags.c_contiguous


@pytest.mark.parametrize("data_range", [1.0, 255.0, 2.0, 0.7])
def test_tensor2uint_gives_the_official_bytes(data_range: float) -> None:
    """Compared with the official NumPy expression, at and beside every rounding boundary."""
    boundaries = np.arange(-2, 514, dtype=np.float32) / np.float32(510) * np.float32(data_range)
    odd = np.array([np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 1e-40], np.float32)
    near = [boundaries]
    for _ in range(4):
        near = [np.nextafter(near[0], -np.inf), *near, np.nextafter(near[-1], np.inf)]
    values = np.concatenate([*near, odd, np.random.default_rng(0).random(3000, np.float32)])
    values = np.resize(values * np.float32(1), (1, 3, 40, len(values) // 40))
    expected = np.clip(values[0], 0, data_range).transpose(1, 2, 0)
    expected = np.uint8((expected * 255.0 / data_range).round())
    assert np.array_equal(util.tensor2uint(torch.from_numpy(values), data_range), expected)
    half = util.tensor2uint(torch.from_numpy(values).half(), data_range)
    assert half.shape == expected.shape


def test_float_images_and_tensors_convert_to_and_fro() -> None:
    img = np.random.default_rng(4).random((7, 9, 3), dtype=np.float32)
    assert np.array_equal(util.tensor2single(util.single2tensor4(img)), img)
    assert util.tensor2single(torch.tensor([[-1.0, 2.0], [0.25, 1.0]])).tolist() == [
        [0, 1],
        [0.25, 1],
    ]
    assert util.single2tensor3(img).shape == (3, 7, 9)
    levels = util.single2uint(img * 1.5 - 0.25)
    assert levels.dtype == np.uint8
    assert {0, 255} <= set(levels.ravel().tolist())
    assert np.array_equal(util.single2uint(util.uint2single(levels)), levels)
    assert torch.equal(util.uint2tensor3(levels), util.uint2tensor4(levels, 1.0)[0])


@pytest.mark.parametrize("shape", [(20, 24), (3, 20, 24)])
def test_imresize_is_imresize_np_on_tensors(shape: tuple[int, ...]) -> None:
    img = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    resized = util.imresize(img, 1 / 4)
    assert resized.shape == (*shape[:-2], 5, 6)
    channel = util.imresize_np(img.reshape(-1, 20, 24)[-1].numpy(), 1 / 4)
    assert np.array_equal(resized.reshape(-1, 5, 6)[-1].numpy(), channel)


def test_modcrop_and_shave_copy_the_right_part() -> None:
    img = np.arange(11 * 14 * 3, dtype=np.uint16).reshape(11, 14, 3)
    assert np.array_equal(util.modcrop(img, 4), img[:8, :12])
    assert np.array_equal(util.modcrop(img[..., 0], 3), img[:9, :12, 0])
    assert np.array_equal(util.shave(img, 2), img[2:9, 2:12])
    assert not np.shares_memory(util.modcrop(img, 1), img)
    with pytest.raises(ValueError, match="dimensions"):
        util.modcrop(img[None], 4)


def test_augment_img_has_the_eight_orientations_in_the_official_order() -> None:
    img = np.arange(2 * 3 * 3).reshape(2, 3, 3)
    turned, upside_down, mirrored = img.swapaxes(0, 1), img[::-1], img[:, ::-1]
    half_turn = img[::-1, ::-1]
    expected = [
        *(img, turned, upside_down, upside_down.swapaxes(0, 1)),
        *(mirrored, mirrored.swapaxes(0, 1), half_turn, half_turn.swapaxes(0, 1)),
    ]
    for mode, orientation in enumerate(expected):
        assert np.array_equal(util.augment_img(img, mode), orientation)
    with pytest.raises(ValueError, match="mode"):
        util.augment_img(img, 8)


def test_scoring_needs_no_torch(root: Path) -> None:
    program = (
        "import sys, numpy as np, utils.utils_image as util\n"
        "img = np.zeros((16, 16, 3), np.uint8)\n"
        "util.calculate_psnr(img, img), util.calculate_ssim(img, img), util.imresize_np(img, 0.5)\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], cwd=root, timeout=PATIENCE_S).returncode
        == 0
    )
