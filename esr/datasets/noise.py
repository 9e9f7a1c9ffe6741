"""Noisy images made of clean ones, as the denoising challenges make them.

Source: `NTIRE2023_denoising.py` of ofsoundof/NTIRE2023_Dn50, `add_noise.py` of
AHupuJR/NTIRE2025_Dn50_challenge and csguoh/NTIRE2026_Dn50_challenge, which do the same. There no
seed is set, so that the official images cannot be made again. Here every image has a seed of its
own, made of that of the protocol and of its name: neither the order nor the other images of a set
change it. `numpy.random.seed` with it, and then the official `add_noise`, give the same levels.
"""

from __future__ import annotations

import zlib

import numpy as np

from esr.images import Image
from esr.images.official_image import modcrop

CROP_PX = 8
"""HR is cropped to multiples of this before."""


def add_noise(clean: Image, sigma: float, seed: int) -> Image:
    """Add Gaussian noise of one standard deviation to every value; clip, round half to even.

    Args:
        clean: uint8 RGB (H, W, 3).
        sigma: standard deviation in grey levels of 255.
        seed: of `numpy.random.RandomState`, 0 to 2^32 - 1.

    Returns:
        uint8 RGB of the same shape
    """
    noise = np.random.RandomState(seed).normal(0, sigma / 255, clean.shape)
    noisy = (clean / 255 + noise) * 255
    levels: Image = np.round(np.clip(noisy, 0, 255)).astype(np.uint8)
    return levels


def make_noisy(hr: Image, stem: str, sigma: float, seed: int) -> Image:
    """Make the noisy image of an HR image: cropped at the bottom and right first.

    Args:
        hr: uint8 RGB (H, W, 3).
        stem: name of its file, without suffix.
        sigma: as `add_noise`.
        seed: of the whole set.
    """
    return add_noise(modcrop(hr, CROP_PX), sigma, image_seed(stem, seed))


def image_seed(stem: str, seed: int) -> int:
    """Make the seed of one image: that of the set plus the CRC-32 of its name in UTF-8."""
    return (seed + zlib.crc32(stem.encode())) % 2**32
