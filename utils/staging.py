"""Images decoded once, before anything is measured: LR for children, HR for the parent alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from utils.dataset import ImagePair, Split
from utils.errors import UserError
from utils.utils_image import imread_uint, modcrop

Image = NDArray[np.uint8]
"""uint8 RGB of shape (h, w, 3)."""


@dataclass(frozen=True)
class StagedImage:
    """One decoded pair."""

    name: str
    lr: Image
    hr: Path
    """HR cropped to a multiple of the scale, as .npy: mapped into memory it costs no decoding."""


@dataclass(frozen=True)
class StagedSplit:
    """One decoded data set."""

    role: str
    dataset: str
    scale: int
    images: tuple[StagedImage, ...]


def stage(split: Split, folder: Path) -> StagedSplit:
    """Decode and check every image of a data set, in parallel.

    Args:
        split: what to decode.
        folder: receives the decoded HR images; no child may know of it.

    Raises:
        UserError: an image that cannot be decoded, or an LR that does not fit its HR.
    """
    folder.mkdir(parents=True)

    def decode(item: tuple[int, ImagePair]) -> StagedImage | UserError:
        index, pair = item
        try:
            return _decode(pair, split.scale, folder / f"{index:04d}.npy")
        except UserError as error:
            return error

    with _quiet_opencv():
        decoded = in_parallel(decode, list(enumerate(split.pairs)))
    errors = [image for image in decoded if isinstance(image, UserError)]
    if errors:
        more = f" ({len(errors) - 1} more images like this)" if len(errors) > 1 else ""
        raise UserError(f"{errors[0].what}{more}", where=errors[0].where, remedy=errors[0].remedy)
    images = tuple(image for image in decoded if isinstance(image, StagedImage))
    return StagedSplit(split.role, split.dataset, split.scale, images)


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    # It would announce a damaged image on stderr, beside the one line that says what to do.
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _decode(pair: ImagePair, scale: int, target: Path) -> StagedImage:
    lr = imread_uint(str(pair.lr))
    hr = modcrop(imread_uint(str(pair.hr)), scale)
    needed = (hr.shape[0] // scale, hr.shape[1] // scale)
    if lr.shape[:2] != needed:
        raise UserError(
            f"LR is {_size(lr.shape)} px; x{scale} of {pair.hr.name} needs {_size(needed)}",
            where=pair.lr,
            remedy="make LR from this HR again, or correct the scale",
        )
    try:
        np.save(target, hr)
    except OSError as error:
        raise UserError(
            f"cannot hold the decoded images ({error.strerror})",
            where=target.parent,
            remedy="free some space or point TMPDIR to another disk",
        ) from error
    return StagedImage(pair.name, lr, target)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"


def in_parallel(call: Callable[[Any], Any], items: list[Any]) -> list[Any]:
    """Map over items in threads; decoding and metrics release the interpreter lock."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return list(pool.map(call, items))
