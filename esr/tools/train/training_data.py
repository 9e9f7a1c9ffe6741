"""HR images to random pairs of LR and HR crops."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from esr.base import json_file
from esr.base.errors import UserError
from esr.base.sha256 import hash_text
from esr.images import Image
from esr.images.image_file import imread_uint, is_image_file
from esr.images.official_image import modcrop
from esr.images.resample import imresize_uint8
from esr.tools.train.recipe import RecipeSource


@dataclass(frozen=True)
class TrainingPair:
    """An HR image and the LR image made of it."""

    lr: Image
    hr: Image
    """Exactly `scale` times as high and as wide."""


def find_images(source: RecipeSource, data_dirs: Sequence[Path]) -> list[Path]:
    """List the image files of a source, in the order of their names.

    Raises:
        UserError: none of the folders has it, or it holds no image.
    """
    folders = [folder / source.folder for folder in data_dirs]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is None:
        places = ", ".join(str(folder) for folder in data_dirs) or "no folder was named"
        raise UserError(
            f"there is no folder {source.folder} below it",
            where=f"--data_dir {places}",
            remedy="put the images there or run another --profile",
        )
    files = sorted(path for path in folder.iterdir() if is_image_file(path.name))
    if not files:
        raise UserError("no image in this folder", where=folder)
    return files[: source.first]


def hold_out(files: Sequence[Path], count: int) -> set[Path]:
    """Choose `count` files to validate on, spread over the list.

    Raises:
        UserError: nothing would be left to train on.
    """
    if len(files) <= count:
        raise UserError(
            f"{len(files)} images are too few to hold out {count}",
            remedy="lower held_out in the recipe",
        )
    return {files[index * len(files) // count] for index in range(count)}


def read_pairs(files: Sequence[Path], scale: int, cache: Path) -> list[TrainingPair]:
    """Decode HR images and make each one's LR image with MATLAB's bicubic kernel, once.

    Args:
        files: 8-bit images.
        scale: factor between HR and LR sides.
        cache: folder for the decoded arrays; they are mapped into memory, so that data sets
            larger than the memory can be trained on.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda file: _decoded(file, scale, cache), files))


def _decoded(file: Path, scale: int, cache: Path) -> TrainingPair:
    status = file.stat()
    identity = f"{file.resolve()} {status.st_size} {status.st_mtime_ns} {scale}"
    stem = hash_text(identity)[:24]
    places = {kind: cache / f"{stem}_{kind}.npy" for kind in ("lr", "hr")}
    if not all(place.is_file() for place in places.values()):
        hr = modcrop(imread_uint(file), scale)
        images = {"hr": hr, "lr": imresize_uint8(hr, 1 / scale)}
        for kind, place in places.items():
            with json_file.replacing(place) as array:
                np.save(array, images[kind])
    return TrainingPair(*(np.load(place, mmap_mode="r") for place in places.values()))


@dataclass(frozen=True)
class Sampler:
    """Random aligned crops of training pairs, flipped and rotated."""

    pairs: Sequence[TrainingPair]
    batch_size: int
    patch_px: int
    """Side of an LR crop."""
    seed: int
    flips: bool = True
    rotations: bool = True

    def __post_init__(self) -> None:
        smallest = min(min(pair.lr.shape[:2]) for pair in self.pairs)
        if smallest < self.patch_px:
            raise UserError(
                f"an LR image is only {smallest} px high or wide, a crop {self.patch_px} px",
                remedy="lower hr_patch_px in the recipe",
            )

    def batch(self, iteration: int) -> tuple[Tensor, Tensor]:
        """Draw the batch of an iteration, the same one whenever it is asked for.

        Returns:
            LR (N, 3, p, p) and HR (N, 3, s*p, s*p), uint8.
        """
        rng = np.random.default_rng((self.seed, iteration))
        crops = [self._crop(rng) for _ in range(self.batch_size)]
        return stack([lr for lr, _ in crops]), stack([hr for _, hr in crops])

    def batches(self, iteration: int) -> Generator[tuple[Tensor, Tensor], None, None]:
        """Draw the batches from an iteration on, each while the one before is trained on."""
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(self.batch, iteration)
            while True:
                batch = coming.result()
                iteration += 1
                coming = pool.submit(self.batch, iteration)
                yield batch

    def _crop(self, rng: np.random.Generator) -> tuple[Image, Image]:
        pair = self.pairs[int(rng.integers(len(self.pairs)))]
        scale = pair.hr.shape[0] // pair.lr.shape[0]
        top, left = (int(rng.integers(side - self.patch_px + 1)) for side in pair.lr.shape[:2])
        turns = int(rng.integers(4)) if self.rotations else 0
        flip = self.flips and bool(rng.integers(2))

        def cut(image: Image, scale: int) -> Image:
            side = self.patch_px * scale
            rows = slice(top * scale, top * scale + side)
            columns = slice(left * scale, left * scale + side)
            turned = np.rot90(image[rows, columns], turns)
            return turned[:, ::-1] if flip else turned

        return cut(pair.lr, 1), cut(pair.hr, scale)


def stack(images: Sequence[Image]) -> Tensor:
    """Stack N images of one size to uint8 (N, 3, height, width), channels last in memory."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
