"""The table of metrics."""

from __future__ import annotations

import math

import numpy as np
import pytest
import skimage.color
import skimage.data
import skimage.metrics

from esr.images.metrics import METRICS


def test_every_entry_stands_under_its_own_name() -> None:
    assert list(METRICS)[:4] == ["psnr", "ssim", "psnr_y", "ssim_y"]
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.higher_is_better == (name not in ("lpips", "dists", "niqe"))
        assert metric.unit == ("dB" if "psnr" in name else "")


def test_the_functions_score_a_photograph_as_scikit_image_does() -> None:
    hr = skimage.data.astronaut()
    noise = np.random.default_rng(0).normal(0, 9, hr.shape)
    sr = (hr + noise).round().clip(0, 255).astype(np.uint8)
    inner_sr, inner_hr = sr[4:-4, 4:-4].astype(np.float64), hr[4:-4, 4:-4].astype(np.float64)
    expected = {
        "psnr": skimage.metrics.peak_signal_noise_ratio(inner_hr, inner_sr, data_range=255),
        "ssim": skimage.metrics.structural_similarity(
            inner_sr, inner_hr, data_range=255, channel_axis=2, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False,
        ),
    }  # fmt: skip
    sr_y, hr_y = (skimage.color.rgb2ycbcr(img)[4:-4, 4:-4, 0] for img in (sr, hr))
    expected["psnr_y"] = skimage.metrics.peak_signal_noise_ratio(hr_y, sr_y, data_range=255)
    expected["ssim_y"] = skimage.metrics.structural_similarity(
        sr_y, hr_y, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    actual = {name: METRICS[name].function(sr, hr, 4) for name in expected}
    assert actual == pytest.approx(expected, rel=1e-12)
    assert all(isinstance(value, float) for value in actual.values())


@pytest.mark.parametrize(("name", "best"), [("psnr", math.inf), ("ssim", 1.0)])
def test_more_noise_scores_worse_in_the_stated_direction(name: str, best: float) -> None:
    metric = METRICS[name]
    hr = skimage.data.chelsea()[:200, :200]
    noise = np.random.default_rng(1).normal(0, 1, hr.shape)
    images = (
        (hr + strength * noise).round().clip(0, 255).astype(np.uint8) for strength in (0, 3, 12)
    )
    scores = [metric.function(image, hr, 0) for image in images]
    assert scores[0] == best
    assert sorted(scores, reverse=metric.higher_is_better) == scores
    assert len(set(scores)) == 3
