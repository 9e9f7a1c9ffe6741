"""What the parent asks of the helper, in a file of its own, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

NAMES = ("lpips", "dists")
"""LPIPS (Zhang et al., 2018) with AlexNet, and DISTS (Ding et al., 2020); less is better."""


@dataclass(frozen=True)
class PerceptualRequest:
    """Pairs of images to compare."""

    names: tuple[str, ...]
    border: int
    """Pixels left out on each side."""
    pairs: tuple[tuple[str, str], ...]
    """(SR, HR) as .npy files, uint8 RGB (H, W, 3)."""


@dataclass(frozen=True)
class PerceptualAnswer:
    """A value for every pair."""

    values: dict[str, tuple[float, ...]]
    """By the name of the metric."""
