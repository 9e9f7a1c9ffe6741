"""Image files: found, read and written, with the official names and values.

Where the official code goes on with damaged or unsuitable data (a file cut off, 16 bits, an alpha
channel, a folder that is not there), this one raises.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from esr.base.errors import UserError
from esr.images import Image
from esr.images.plain_png import decode_plain_png

Array = npt.NDArray[Any]
StrPath = str | os.PathLike[str]


class NotPlainRgb(UserError):
    """An image that can be decoded, but whose values are no 8-bit RGB or grey."""


_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp")


def is_image_file(filename: str) -> bool:
    """Tell by its extension whether a file is an image."""
    return filename.lower().endswith(_EXTENSIONS)


def get_image_paths(dataroot: StrPath | None) -> list[str] | None:
    """List the images below a folder, at any depth, sorted by path; None for None.

    Raises:
        UserError: no such folder, or no image in it.
    """
    if dataroot is None:
        return None
    files = (path for path in Path(dataroot).rglob("*") if path.is_file())
    paths = sorted(str(path) for path in files if is_image_file(path.name))
    if not paths:
        raise UserError("no image in this folder", where=dataroot)
    return paths


def mkdir(path: StrPath) -> None:
    """Make a folder, and those above it, unless it exists."""
    Path(path).mkdir(parents=True, exist_ok=True)


def mkdirs(paths: StrPath | Iterable[StrPath]) -> None:
    """Make one folder or several, as `mkdir`."""
    for path in [paths] if isinstance(paths, str | os.PathLike) else paths:
        mkdir(path)


def imread_uint(path: StrPath, n_channels: int = 3) -> Image:
    """Read an 8-bit image file.

    Args:
        path: PNG, JPEG, BMP or whatever else OpenCV decodes; EXIF orientation is ignored.
        n_channels: 3 for RGB (H, W, 3), grey repeated three times; 1 for grey (H, W, 1).

    Raises:
        UserError: missing, damaged, not 8-bit, with an alpha channel, or of other colors than RGB.
        ValueError: another `n_channels`.
    """
    if n_channels not in (1, 3):
        raise ValueError(f"n_channels is 1 or 3, not {n_channels}")
    # OpenCV is given bytes, not a path: it then tells a missing file from a damaged one, reads any
    # file name on any system, and rejects a truncated PNG.
    return decode_uint(read_image_file(path), path, n_channels)


def read_image_file(path: StrPath) -> bytes:
    """Read what `decode_uint` decodes.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", where=path) from error


def decode_uint(data: bytes, path: StrPath, n_channels: int = 3) -> Image:
    """Decode the bytes of an image file as `imread_uint` does; `path` is for the message."""
    if n_channels == 3 and (rgb := decode_plain_png(data)) is not None:
        return rgb
    img = _decode(data, cv2.IMREAD_UNCHANGED, path)
    # A format that Pillow does not know has no other colors.
    with contextlib.suppress(*_NOT_OPENED), Pillow.open(io.BytesIO(data)) as image:
        refuse_other_colors(image, path)
    if img.dtype != np.uint8:
        remedy = "convert it to 8 bits a channel"
        raise NotPlainRgb(f"a {8 * img.itemsize}-bit image, not 8-bit", where=path, remedy=remedy)
    if img.ndim == 3 and img.shape[2] != 3:
        what = "an image with an alpha channel"
        raise NotPlainRgb(what, where=path, remedy="save it as plain RGB")
    if n_channels == 3:
        return cast(Image, cv2.cvtColor(img, _RGB_CODES[img.ndim]))
    # OpenCV's decoders have a grey conversion of their own, which the official code gets.
    grey = img if img.ndim == 2 else _decode(data, cv2.IMREAD_GRAYSCALE, path)
    return cast(Image, grey[:, :, None])


def read_size(path: StrPath) -> tuple[int, int]:
    """Read (width, height) from the header: a small file may hold more pixels than memory.

    Raises:
        UserError: it cannot be read, or is no image.
    """
    try:
        with Pillow.open(path) as image:
            return image.size
    except _NOT_OPENED as error:
        raise UserError("damaged, or not an image", where=path) from error


_NOT_OPENED = (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError)
"""What Pillow raises at a header."""
_OTHER_COLORS = {"CMYK": "CMYK", "LAB": "CIE Lab", "HSV": "HSV"}
"""By Pillow's names of modes; it calls YCCK, the usual one of Photoshop's JPEG files, CMYK too."""
_YCCK = 2
"""In the Adobe marker of a JPEG file of four channels (ITU-T T.872, 6.5.3)."""


def refuse_other_colors(image: Pillow.Image, path: StrPath) -> None:
    """Refuse an image whose values are no RGB or grey, by its header.

    Raises:
        NotPlainRgb: they are CMYK, say, which a decoder converts by a formula of its own, without
            the colour profile that they are meant in.
    """
    if (colors := _OTHER_COLORS.get(image.mode)) is not None:
        is_ycck = image.info.get("adobe_transform") == _YCCK
        what = f"a {image.format} image in {'YCCK' if is_ycck else colors} colors, not RGB"
        raise NotPlainRgb(what, where=path, remedy="convert it to RGB with its colour profile")


_RGB_CODES = {2: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB}


def _decode(data: bytes, flags: int, path: StrPath) -> Array:
    # OpenCV 4.10 fills up a truncated JPEG with grey; its end marker is missing then.
    cut_off = data.startswith(b"\xff\xd8") and b"\xff\xd9" not in data[-65536:]
    try:
        img = None if cut_off else cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # no bytes, or a header that promises billions of pixels
        img = None
    if img is None:
        remedy = "copy or download it again"
        raise UserError("damaged, or not an image", where=path, remedy=remedy)
    return cast(Array, img)


def imsave(img: Array, img_path: StrPath) -> None:
    """Write a uint8 image, RGB (H, W, 3) or grey, in the format of the path's extension.

    Raises:
        UserError: the file cannot be written (the official function keeps silent then).
    """
    encoded = encode_uint(img, Path(img_path).suffix)
    try:
        Path(img_path).write_bytes(encoded)
    except OSError as error:
        raise UserError(f"cannot be written ({error.strerror})", where=img_path) from error


def encode_uint(img: Array, extension: str) -> bytes:
    """Encode a uint8 image, RGB (H, W, 3) or grey, in the format of an extension such as `.png`."""
    img = np.squeeze(img)
    bgr = img[:, :, [2, 1, 0]] if img.ndim == 3 else img
    return cv2.imencode(extension, bgr)[1].tobytes()
