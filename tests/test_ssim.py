"""SSIM to the last digit: against the official formula on `cv2.filter2D`, on whole images."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from esr.images.ssim import calculate_ssim, ssim


def _official(img1: np.ndarray, img2: np.ndarray, border: int) -> float:
    """What `calculate_ssim` of the official script computes, its three equal passes included."""
    height, width = img1.shape[:2]
    inner = slice(border, height - border), slice(border, width - border)
    x, y = img1[inner].astype(np.float64), img2[inner].astype(np.float64)
    if x.shape[2:] == (1,):
        x, y = x.squeeze(), y.squeeze()
    gaussian = cv2.getGaussianKernel(11, 1.5)
    window = np.outer(gaussian, gaussian.transpose())
    mu1, mu2, s11, s22, s12 = (
        cv2.filter2D(part, -1, window)[5:-5, 5:-5] for part in (x, y, x**2, y**2, x * y)
    )
    mu1_sq, mu2_sq, mu12 = mu1**2, mu2**2, mu1 * mu2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = ((2 * mu12 + c1) * (2 * (s12 - mu12) + c2)) / (
        (mu1_sq + mu2_sq + c1) * ((s11 - mu1_sq) + (s22 - mu2_sq) + c2)
    )
    mean = values.mean()
    return np.array([mean] * 3).mean() if x.ndim == 3 else mean


def _pair(seed: int, largest: int) -> tuple[np.ndarray, np.ndarray, int]:
    rng = np.random.default_rng(seed)
    shape = (*rng.integers(23, largest, 2).tolist(), *((), (1,), (3,))[seed % 3])
    hr = rng.integers(0, 256, shape) if seed % 2 else np.full(shape, rng.integers(0, 256))
    sr = (hr + rng.integers(-3, 4, shape)).clip(0, 255).astype(np.uint8)
    return sr, hr.astype(np.uint8), seed % 6


@pytest.mark.parametrize("seed", range(60))
def test_small_images_of_one_block(seed: int) -> None:
    sr, hr, border = _pair(seed, 160)
    assert calculate_ssim(sr, hr, border) == _official(sr, hr, border)


@pytest.mark.parametrize("seed", range(12))
def test_images_of_many_blocks(seed: int) -> None:
    sr, hr, border = _pair(seed, 700)
    assert calculate_ssim(sr, hr, border) == _official(sr, hr, border)


@pytest.mark.parametrize("side", [11, 12, 21, 245, 246, 247, 250, 251, 252, 491, 492, 493, 497])
def test_sides_at_the_edge_of_a_block(side: int) -> None:
    rng = np.random.default_rng(side)
    for shape in ((side, 40, 3), (40, side, 3)):
        sr, hr = rng.integers(0, 256, (2, *shape), dtype=np.uint8)
        assert calculate_ssim(sr, hr) == _official(sr, hr, 0)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 255), (255, 255), (254, 255)])
def test_extreme_images(low: int, high: int) -> None:
    rng = np.random.default_rng(low + high)
    sr, hr = rng.choice(np.array([low, high], np.uint8), (2, 300, 260, 3))
    assert calculate_ssim(sr, hr, 4) == _official(sr, hr, 4)
    assert calculate_ssim(hr, hr, 4) == 1


def test_float_images() -> None:
    rng = np.random.default_rng(5)
    sr, hr = rng.random((2, 270, 300)) * 255
    assert ssim(sr, hr) == _official(sr, hr, 0)


def test_the_inputs_stay_as_they_are() -> None:
    rng = np.random.default_rng(6)
    sr, hr = rng.random((2, 60, 50, 3)) * 255
    before = sr.copy(), hr.copy()
    ssim(sr, hr)
    assert np.array_equal(sr, before[0])
    assert np.array_equal(hr, before[1])
