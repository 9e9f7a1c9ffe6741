"""HR images to random pairs of LR and HR crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from utils.errors import UserError
from utils.resample import imresize_uint8
from utils.utils_image import imread_uint, modcrop

Image = NDArray[np.uint8]
"""RGB, (height, width, 3), 0..255."""


@dataclass(frozen=True)
class TrainingPair:
    """An HR image and the LR image made of it."""

    lr: Image
    hr: Image
    """Exactly `scale` times as high and as wide."""


def read_pairs(files: Sequence[Path], scale: int) -> list[TrainingPair]:
    """Decode HR images into memory and make each one's LR image with MATLAB's bicubic kernel."""
    images = (modcrop(imread_uint(file), scale) for file in files)
    return [TrainingPair(imresize_uint8(hr, 1 / scale), hr) for hr in images]


def hold_out(files: Sequence[Path], count: int) -> tuple[list[Path], list[Path]]:
    """Split files into those to train on and `count` to validate on, spread over the list.

    Raises:
        UserError: nothing would be left to train on.
    """
    if len(files) <= count:
        raise UserError(
            f"{len(files)} images are too few to hold out {count}", remedy="lower --hold_out"
        )
    held = {files[index * len(files) // count] for index in range(count)}
    return [file for file in files if file not in held], sorted(held)


@dataclass(frozen=True)
class Sampler:
    """Random aligned crops of training pairs, flipped and rotated."""

    pairs: Sequence[TrainingPair]
    batch_size: int
    patch_px: int
    """Side of an LR crop."""
    seed: int

    def __post_init__(self) -> None:
        smallest = min(min(pair.lr.shape[:2]) for pair in self.pairs)
        if smallest < self.patch_px:
            raise UserError(
                f"an LR image is only {smallest} px high or wide", where=f"--patch {self.patch_px}"
            )

    def batch(self, iteration: int) -> tuple[Tensor, Tensor]:
        """Draw the batch of an iteration, the same one whenever it is asked for.

        Returns:
            LR (N, 3, p, p) and HR (N, 3, s*p, s*p), float32 in 0..255.
        """
        rng = np.random.default_rng((self.seed, iteration))
        crops = [self._crop(rng) for _ in range(self.batch_size)]
        return stack([lr for lr, _ in crops]), stack([hr for _, hr in crops])

    def _crop(self, rng: np.random.Generator) -> tuple[Image, Image]:
        pair = self.pairs[int(rng.integers(len(self.pairs)))]
        scale = pair.hr.shape[0] // pair.lr.shape[0]
        top, left = (int(rng.integers(side - self.patch_px + 1)) for side in pair.lr.shape[:2])
        turns, flip = int(rng.integers(4)), bool(rng.integers(2))

        def cut(image: Image, scale: int) -> Image:
            side = self.patch_px * scale
            rows = slice(top * scale, top * scale + side)
            columns = slice(left * scale, left * scale + side)
            turned = np.rot90(image[rows, columns], turns)
            return turned[:, ::-1] if flip else turned

        return cut(pair.lr, 1), cut(pair.hr, scale)


def stack(images: Sequence[Image]) -> Tensor:
    """Stack N images of one size to float32 (N, 3, height, width) in 0..255."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
