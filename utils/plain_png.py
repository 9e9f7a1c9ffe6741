"""8-bit RGB PNG files, which nearly every data set consists of, by a decoder faster than OpenCV's.

Only files about which no two decoders can disagree are taken: no palette, no alpha or transparent
colour, no interlacing, no animation, and nothing damaged. OpenCV decides about all others.
"""

from __future__ import annotations

import struct
from typing import Any, cast

import numpy as np
import numpy.typing as npt

try:
    import imagecodecs
except ImportError:  # It exists for fewer machines than OpenCV, which gives the same pixels.
    imagecodecs = None

Image = npt.NDArray[np.uint8]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB_8_BIT = bytes((8, 2, 0, 0, 0))
"""Depth, colour type, compression, filter, interlacing: the end of IHDR (PNG specification 11.2)."""
_HARMLESS = {b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"pHYs", b"tEXt", b"zTXt", b"iTXt", b"tIME"}
"""Chunks that change no pixel."""


def decode_plain_png(data: bytes) -> Image | None:
    """Decode to uint8 RGB (H, W, 3); None for whatever is not plain, undamaged 8-bit RGB."""
    if imagecodecs is None or not _is_plain(data):
        return None
    try:
        image: Any = imagecodecs.png_decode(data)
    except Exception:  # It raises classes of its own.
        return None
    height, width = struct.unpack_from(">II", data, 16)[::-1]
    plain = image.dtype == np.uint8 and image.shape == (height, width, 3)
    return cast(Image, image) if plain else None


def _is_plain(data: bytes) -> bool:
    if not data.startswith(_SIGNATURE) or data[12:16] != b"IHDR" or data[24:29] != _RGB_8_BIT:
        return False
    at = 33
    while data[at + 4 : at + 8] in _HARMLESS:
        at += 12 + int(struct.unpack_from(">I", data, at)[0])
    return data[at + 4 : at + 8] == b"IDAT" and data[-8:-4] == b"IEND"
