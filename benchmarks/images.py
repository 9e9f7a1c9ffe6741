"""Images that nobody has to download: 2040x1356 like those of DIV2K, made once and kept.

Each is a random landscape of 1/f noise (the spectrum of photographs), shapes with sharp edges, and
the noise of a sensor, which is what makes a photograph's PNG large. LR comes from our `imresize`,
and the PNG files from Pillow, which chooses the filter row by row, as most programs do.
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from esr.images import Image
from esr.images.resample import imresize_uint8

WIDTH, HEIGHT, SCALE = 2040, 1356, 4
DIFFERENT = 20
"""Larger sets hold the same files several times, under different names."""
_VERSION = 2
_NOISE_SIGMA = 1.5


def image_folder(count: int) -> Path:
    """Make `HR/0801.png` and so on, and LR x4 beside them, unless they are in the cache already."""
    folder = Path(tempfile.gettempdir()) / f"esr-benchmark-images-{_VERSION}" / f"{count}"
    if not (folder / "complete").exists():
        for name in ("HR", f"LR_bicubic/X{SCALE}"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        if count > DIFFERENT:
            _link(image_folder(DIFFERENT), folder, count)
        else:
            with ProcessPoolExecutor() as pool:
                list(pool.map(partial(_write_pair, folder), range(count)))
        (folder / "complete").touch()
    return folder


def pair(folder: Path, number: int) -> tuple[Path, Path]:
    """Name the LR and the HR file of an image."""
    name = f"{801 + number:04d}"
    lr = folder / "LR_bicubic" / f"X{SCALE}" / f"{name}x{SCALE}.png"
    return lr, folder / "HR" / f"{name}.png"


def _link(source: Path, folder: Path, count: int) -> None:
    for number in range(count):
        for old, new in zip(pair(source, number % DIFFERENT), pair(folder, number), strict=True):
            new.unlink(missing_ok=True)
            os.link(old, new)


def _write_pair(folder: Path, number: int) -> None:
    cv2.setNumThreads(1)
    lr_file, hr_file = pair(folder, number)
    hr = photograph(number)
    Pillow.fromarray(hr).save(hr_file)
    Pillow.fromarray(imresize_uint8(hr, 1 / SCALE)).save(lr_file)


def photograph(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Image:
    """Draw a uint8 RGB image (height, width, 3) whose PNG is as large as a photograph's."""
    rng = np.random.default_rng(seed)
    grey = _pink(rng, height, width)
    image = np.stack([0.9 * grey + 0.1 * _pink(rng, height, width) for _ in range(3)], axis=2)
    image = (110 + 38 * image).astype(np.float32)
    for _ in range(60):
        centre = int(rng.integers(width)), int(rng.integers(height))
        axes = int(rng.integers(10, width // 6)), int(rng.integers(10, height // 6))
        shade = np.float32(rng.uniform(0.6, 1.4, 3))
        mask = np.zeros((height, width), np.uint8)
        cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
        image *= 1 + (mask[..., None] / np.float32(255)) * (shade - 1)
    image += rng.normal(0, _NOISE_SIGMA, image.shape).astype(np.float32)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def _pink(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    """Noise whose amplitude falls as 1/f, with mean 0 and standard deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(size=(height, width))) / frequency**1.4
    noise: NDArray[np.float64] = np.fft.irfft2(spectrum, (height, width))
    noise /= noise.std()
    return noise
