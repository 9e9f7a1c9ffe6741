"""8-bit RGB PNG files, which nearly every data set consists of, decoded faster than by OpenCV.

Two thirds of the time go into inflating; libdeflate does that in half the time, but only libpng
undoes the filters. So the file is inflated by the one and given to the other as a PNG without
compression. Only files about which no two decoders can disagree are taken: no palette, no alpha or
transparent colour, no interlacing, no animation, and nothing damaged. OpenCV decides about all
others. Source: PNG specification, third edition, sections 5, 10 and 11; RFC 1950 and 1951.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any, cast

import numpy as np

from esr.images import Image

imagecodecs: Any = None
with suppress(
    ImportError
):  # It exists for fewer machines than OpenCV, which gives the same pixels.
    imagecodecs = import_module("imagecodecs")


_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB_8_BIT = bytes((8, 2, 0, 0, 0))
"""Depth, colour type, compression, filter, interlacing: the end of IHDR."""
_HARMLESS = {b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"pHYs", b"tEXt", b"zTXt", b"iTXt", b"tIME"}
"""Chunks that change no pixel."""
_HEADER_BYTES = 33
"""Signature and IHDR."""
_AT_MOST = 2**28
"""Bytes of an image; larger ones are left to OpenCV's own limits."""
_STORED_AT_MOST = 65535
_END = b"\0\0\0\0IEND\xaeB`\x82"


def decode_plain_png(data: bytes) -> Image | None:
    """Decode to uint8 RGB (H, W, 3); None for whatever is not plain, undamaged 8-bit RGB."""
    if imagecodecs is None or not data.startswith(_SIGNATURE) or data[24:29] != _RGB_8_BIT:
        return None
    compressed = _compressed(data)
    width, height = struct.unpack_from(">II", data, 16)
    size = height * (1 + 3 * width)
    if compressed is None or not 0 < size <= _AT_MOST:
        return None
    try:
        # It also compares the checksum of the pixels.
        filtered = imagecodecs.deflate_decode(compressed, out=size)
        if len(filtered) != size:
            return None
        image: Any = imagecodecs.png_decode(_uncompressed(data[:_HEADER_BYTES], filtered))
    except Exception:  # It raises classes of its own.
        return None
    plain = image.dtype == np.uint8 and image.shape == (height, width, 3)
    return cast(Image, image) if plain else None


def _compressed(data: bytes) -> bytes | None:
    """Join the image data; None if the file holds anything that could change how it looks."""
    parts: list[memoryview] = []
    kinds: list[bytes] = []
    for kind, content in _chunks(memoryview(data)):
        if kind == b"IDAT":
            parts.append(content)
        kinds.append(kind)
    first, last = (kinds.index(b"IDAT"), len(kinds) - 1) if parts else (0, 0)
    in_order = kinds[:1] == [b"IHDR"] and kinds[last] == b"IEND"
    others = {*kinds[1:first], *kinds[first + len(parts) : last]}
    return b"".join(parts) if parts and in_order and others <= _HARMLESS else None


def _chunks(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _uncompressed(header: bytes, filtered: bytes) -> Image:
    """Make a PNG of stored blocks (RFC 1951, 3.2.4) in one buffer: each copy takes milliseconds."""
    pixels = _bytes(filtered)
    full, rest = divmod(len(pixels), _STORED_AT_MOST)
    start = len(header) + 10
    middle = start + full * (5 + _STORED_AT_MOST)
    end = middle + 5 + rest
    data = np.empty(end + 20, np.uint8)
    blocks = data[start:middle].reshape(full, 5 + _STORED_AT_MOST)
    blocks[:, :5] = _bytes(struct.pack("<BHH", 0, _STORED_AT_MOST, 0))
    blocks[:, 5:] = pixels[: len(pixels) - rest].reshape(full, _STORED_AT_MOST)
    data[middle : middle + 5] = _bytes(struct.pack("<BHH", 1, rest, rest ^ 0xFFFF))
    data[middle + 5 : end] = pixels[len(pixels) - rest :]
    data[: len(header)] = _bytes(header)
    data[len(header) : start] = _bytes(struct.pack(">I", end + 4 - start + 2) + b"IDAT\x78\x01")
    data[end : end + 4] = _checksum(imagecodecs.deflate_adler32(filtered))
    data[end + 4 : end + 8] = _checksum(imagecodecs.deflate_crc32(data[start - 6 : end + 4]))
    data[end + 8 :] = _bytes(_END)
    return data


def _checksum(value: int) -> Image:
    return _bytes(struct.pack(">I", value))


def _bytes(data: bytes) -> Image:
    return np.frombuffer(data, np.uint8)
