"""What a network returned becomes an SR image, in memory or as a file: the official bytes.

On the host strip by strip (`levels`), on another device where the values are (`device_levels`).
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from esr.images import Image, levels
from esr.images.device_levels import convert_on_device
from esr.images.image_file import StrPath
from esr.images.levels import Extremes

if TYPE_CHECKING:
    from torch import Tensor

Array = npt.NDArray[Any]


def tensor2levels(
    img: Tensor, data_range: float, helper: Executor | None = None
) -> tuple[Image, Extremes]:
    """Convert as the official `tensor2uint`, and say what the smallest and the largest value were.

    Args:
        img: (1, C, H, W) in [0, data_range], left as it is; dimensions of size 1 are dropped.
        data_range: what becomes 255.
        helper: one more thread.
    """
    if (converted := _convert_on_device(img, data_range)) is not None:
        return converted
    values = _on_the_host(img)
    if values.ndim != 3:
        row = values.reshape(1, -1)
        flat = np.empty(row.shape, np.uint8)
        extremes = levels.scale(row, data_range, np.empty_like(row), flat)
        return flat.reshape(values.shape), extremes
    channels, height, width = values.shape
    image = np.empty((height, width, channels), np.uint8)

    def put(top: int, strip: Image) -> None:
        image[top : top + len(strip)] = strip

    return image, levels.convert(values, data_range, put, helper)


def save_uint(
    img: Tensor, data_range: float, path: StrPath, helper: Executor | None = None
) -> Extremes:
    """Save what `tensor2uint` makes of (1, C, H, W) as .npy, without ever holding all of it.

    Args:
        img: as there.
        data_range: as there.
        path: of the file.
        helper: one more thread.

    Returns:
        as `tensor2levels`; NaN has no level, and what is saved is of no use then.

    Raises:
        ValueError: it has not three dimensions of more than 1.
        OSError: it cannot be written.
    """
    if (converted := _convert_on_device(img, data_range)) is not None:
        image, extremes = converted
        with _saving(path, image.shape) as put:
            put(0, image)
        return extremes
    values = _on_the_host(img)
    if values.ndim != 3:
        raise ValueError(f"no image: {tuple(img.shape)}")
    channels, height, width = values.shape
    with _saving(path, (height, width, channels)) as put:
        return levels.convert(values, data_range, put, helper)


@contextmanager
def _saving(path: StrPath, shape: tuple[int, ...]) -> Iterator[Callable[[int, Image], None]]:
    """Write a .npy file of uint8 strip by strip, each by its first row."""
    row_bytes = math.prod(shape[1:])
    with Path(path).open("wb", buffering=0) as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()

        def put(top: int, strip: Image) -> None:
            written = os.pwrite(file.fileno(), strip.data, start + top * row_bytes)
            if written < strip.nbytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

        yield put


def _convert_on_device(img: Tensor, data_range: float) -> tuple[Image, Extremes] | None:
    """Convert where the values are; None if they are on the host, or there is no room for it."""
    if not _is_image_on_device(img):
        return None
    import torch

    try:
        return convert_on_device(img.detach().squeeze(), data_range)
    except torch.cuda.OutOfMemoryError:  # The network fits all the same.
        return None


def _is_image_on_device(img: Tensor) -> bool:
    return img.device.type != "cpu" and img.squeeze().ndim == 3


def _on_the_host(img: Tensor) -> Array:
    values: Array = img.detach().squeeze().float().cpu().numpy()
    return values
