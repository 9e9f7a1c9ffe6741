"""The perceptual metrics by name, for whoever calculates none of them."""

from __future__ import annotations

NAMES = ("lpips", "dists", "niqe", "musiq", "maniqa", "clipiqa")
"""As pyiqa calls them."""
NAMES_UP = ("musiq", "maniqa", "clipiqa")
"""Those of which more is better."""
OF_PAIRS = ("lpips", "dists")
"""Those that compare with HR."""
