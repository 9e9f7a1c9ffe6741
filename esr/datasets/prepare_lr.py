"""LR made from HR, beside the HR images and under the official names: MATLAB's bicubic, or noise.

Beside it what else is in circulation: two variants of it, and the resamplers of other programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from PIL import Image as Pillow

from esr.base import json_file
from esr.base.errors import UserError, cause
from esr.datasets.each_image import map_images
from esr.datasets.image_folders import SetFolder, list_images
from esr.datasets.image_pairs import ImagePair, pair_images
from esr.images import Image
from esr.images.image_file import encode_uint, imread_uint, read_size
from esr.images.official_image import modcrop
from esr.images.resample import BICUBIC_MARGIN_LR_PX, imresize_np, imresize_uint8

_PILLOW = {
    "Pillow bicubic": Pillow.Resampling.BICUBIC,
    "Pillow Lanczos": Pillow.Resampling.LANCZOS,
    "Pillow bilinear": Pillow.Resampling.BILINEAR,
    "Pillow Hamming": Pillow.Resampling.HAMMING,
    "box (mean of each block)": Pillow.Resampling.BOX,
}
_OPENCV = {
    "OpenCV bicubic, without antialiasing": cv2.INTER_CUBIC,
    "OpenCV bilinear, without antialiasing": cv2.INTER_LINEAR,
    "OpenCV area": cv2.INTER_AREA,
    "OpenCV Lanczos, without antialiasing": cv2.INTER_LANCZOS4,
}


@dataclass(frozen=True)
class LRMaker:
    """How LR is made."""

    make: Callable[[Image, str], Image]
    """(HR, its name without suffix) -> LR."""
    crop_px: int
    """HR is cropped to multiples of this before."""


@dataclass(frozen=True)
class PreparedLR:
    """What was done for one set."""

    folder: Path
    """Of the LR images."""
    made: int
    kept: int
    """LR images that were there already."""
    cropped: int
    """HR images, of those made, that are no multiple of what they are cropped to."""


def prepare(folder: SetFolder, maker: LRMaker | None = None) -> PreparedLR:
    """Make the LR images that a set lacks, in parallel.

    Each appears whole or not at all, so that a run that was broken off can be started again.

    Args:
        folder: the set; its HR images are only read.
        maker: what makes one; MATLAB's bicubic by default.

    Raises:
        UserError: an HR image cannot be decoded, an LR image does not fit it or cannot be written.
    """
    if folder.hr is None:
        raise UserError("no HR images to make LR from", where=folder.lr or folder.data_dir)
    if maker is None:
        maker = LRMaker(lambda hr, _: make_lr(hr, folder.scale), folder.scale)
    chosen = maker
    target = _make_target(list_images(folder.hr), folder)
    pairing = pair_images(_as_named_here(replace(folder, lr=target)))
    for misnamed in pairing.misnamed:
        raise misnamed.error
    for pair in pairing.pairs:
        _refuse_misfit(pair, folder.scale, chosen.crop_px)
    missing, kept = pairing.hr_alone, len(pairing.pairs)
    sizes = map_images(lambda file: _make(file, target, folder, chosen), missing, folder.name)
    cropped = sum(any(side % chosen.crop_px for side in size) for size in sizes)
    return PreparedLR(target, len(missing), kept, cropped)


def _as_named_here(folder: SetFolder) -> SetFolder:
    """Take LR images for those of a run that was broken off, where their names allow it."""
    assert folder.hr is not None
    assert folder.lr is not None
    ours = {folder.lr_stems(hr)[0] for hr in list_images(folder.hr)}
    if any(lr.stem not in ours for lr in list_images(folder.lr)):
        return folder
    only = replace(folder.layout, lr_names=folder.layout.lr_names[:1])
    return replace(folder, layout=only)


def _make_target(files: list[Path], folder: SetFolder) -> Path:
    """Choose the folder that holds LR of this scale already, or else one that holds nothing."""
    candidates = folder.lr_folders
    stems = {path: {lr.stem for lr in list_images(path)} for path in candidates if path.is_dir()}
    # First what has the scale in its name, then what is named like HR.
    started = [
        path
        for names in zip(*map(folder.lr_stems, files), strict=True)
        for path in stems
        if stems[path] & set(names)
    ]
    empty = [path for path in candidates if not stems.get(path)]
    target = next(iter([*started, *empty]), candidates[0])
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot be made ({cause(error)})", where=target) from error
    return target


def _refuse_misfit(pair: ImagePair, scale: int, crop_px: int) -> None:
    try:
        width, height = ((side - side % crop_px) // scale for side in read_size(pair.hr))
        fits = read_size(pair.lr) == (width, height)
    except UserError:
        fits = False
    if not fits:
        what = f"is there already, but is not x{scale} of {pair.name}"
        raise UserError(what, where=pair.lr, remedy="move it away and run again")


def _make(hr_file: Path, target: Path, folder: SetFolder, maker: LRMaker) -> tuple[int, int]:
    hr = imread_uint(hr_file)
    if min(hr.shape[:2]) < maker.crop_px:
        what = f"smaller than {maker.crop_px} px"
        raise UserError(what, where=hr_file, remedy="leave the image out")
    with json_file.replacing(target / f"{folder.lr_stems(hr_file)[0]}.png") as file:
        file.write(encode_uint(maker.make(hr, hr_file.stem), ".png"))
    return hr.shape[0], hr.shape[1]


def make_lr(hr: Image, scale: int) -> Image:
    """Reduce HR, cropped to a multiple of the scale, with MATLAB's bicubic kernel."""
    return imresize_uint8(modcrop(hr, scale), 1 / scale)


def make_lr_rounded_once(hr: Image, scale: int) -> Image:
    """Make LR in float arithmetic, rounded in the end, as BasicSR's port of `imresize` does."""
    unit = modcrop(hr, scale).astype(np.float32) / 255
    lr = imresize_np(unit, 1 / scale) * 255
    return cast(Image, np.clip(lr, 0, 255).round().astype(np.uint8))


def make_lr_replicated_border(hr: Image, scale: int) -> Image:
    """Make LR as older MATLAB did, its border repeated instead of reflected."""
    margin = BICUBIC_MARGIN_LR_PX * scale
    around = ((margin, margin), (margin, margin), (0, 0))
    padded: Any = np.pad(modcrop(hr, scale), around, mode="edge")
    inner = slice(BICUBIC_MARGIN_LR_PX, -BICUBIC_MARGIN_LR_PX)
    return imresize_uint8(padded, 1 / scale)[inner, inner]


def list_resampled(hr: Image, scale: int) -> Iterator[tuple[str, Image]]:
    """Make what else LR could be, by the name of what makes it."""
    source = modcrop(hr, scale)
    size = source.shape[1] // scale, source.shape[0] // scale
    for name, kernel in _PILLOW.items():
        yield name, np.asarray(Pillow.fromarray(source).resize(size, kernel))
    for name, flag in _OPENCV.items():
        yield name, cast(Image, cv2.resize(source, size, interpolation=flag))
    yield "nearest neighbour (every first pixel)", source[::scale, ::scale]
    middle = scale // 2
    yield "nearest neighbour (the middle pixel)", source[middle::scale, middle::scale]
