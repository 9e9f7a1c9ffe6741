"""Caches are found; networks to which all inputs are alike never are, however noisy the machine."""

from __future__ import annotations

import numpy as np
import pytest

from esr.images import Image
from esr.measure.caching import Cost, noisy, rank_sum_z, verdict

IMAGE = np.random.default_rng(0).integers(0, 256, (16, 12, 3), np.uint8)


def _with_noise(cost: Cost, rng: np.random.Generator) -> Cost:
    # Heavy tails and spells of another speed: a machine with other jobs on it.
    state = {"spell": 1.0}

    def noisy_cost(image: Image) -> float:
        if rng.random() < 0.1:
            state["spell"] = rng.choice([1.0, 1.5, 3.0])
        return cost(image) * state["spell"] * (1 + rng.pareto(2.0))

    return noisy_cost


@pytest.mark.parametrize("seed", range(5))
def test_honest_networks_on_a_noisy_machine_are_not_suspected(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cost = _with_noise(lambda _: 10.0, rng)
    assert all(verdict(IMAGE, cost, rng) is None for _ in range(400))


def test_a_cache_is_found_on_a_noisy_machine() -> None:
    rng = np.random.default_rng(0)
    cost = _with_noise(lambda image: 0.3 if np.array_equal(image, IMAGE) else 10.0, rng)
    found = [verdict(IMAGE, cost, rng) for _ in range(50)]
    assert all(verdict_ and verdict_[0] == "cached_output" for verdict_ in found)


def test_a_cache_that_ignores_the_lowest_bits_is_found_by_random_images() -> None:
    def cost(image: Image) -> float:
        return 0.3 if np.abs(image.astype(int) - IMAGE).max() < 8 else 10.0

    found = verdict(IMAGE, cost, np.random.default_rng(0))
    assert found is not None
    assert found[0] == "input_dependent_runtime"


def test_a_network_that_spares_itself_a_third_on_smooth_images_may() -> None:
    def cost(image: Image) -> float:
        return 7.0 if np.abs(image.astype(int) - IMAGE).max() < 8 else 10.0

    assert verdict(IMAGE, cost, np.random.default_rng(0)) is None


def test_an_honest_network_costs_six_passes() -> None:
    seen: list[Image] = []

    def cost(image: Image) -> float:
        seen.append(image)
        return 1.0

    assert verdict(IMAGE, cost, np.random.default_rng(0)) is None
    assert len(seen) == 6
    assert sum(np.array_equal(image, IMAGE) for image in seen) == 2


def test_noise_is_one_grey_level_and_stays_in_range() -> None:
    extremes = np.array([[[0, 128, 255]]], np.uint8).repeat(50, 0)
    moved = noisy(extremes, np.random.default_rng(0)).astype(int)
    assert np.abs(moved - extremes).max() == 1


def test_the_rank_sum_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    same, other = rng.normal(0, 1, 12), rng.normal(1, 1, 12)
    expected = stats.mannwhitneyu(
        same, other, alternative="less", method="asymptotic", use_continuity=False
    ).pvalue
    assert stats.norm.cdf(rank_sum_z(same, other)) == pytest.approx(expected)
