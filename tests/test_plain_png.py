"""The fast decoder: the same pixels as Pillow and OpenCV, or none at all."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from esr.images.image_file import imread_uint
from esr.images.plain_png import decode_plain_png

pytest.importorskip("imagecodecs")

STORED_AT_MOST = 65535


def _pixels(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth and noisy parts, so that every row filter is chosen somewhere."""
    rng = np.random.default_rng(seed)
    ramp = np.add.outer(np.arange(height), 2 * np.arange(width))[..., None] + [0, 40, 80]
    noise = rng.integers(0, 60, (height, width, 3)) * (rng.random((height, 1, 1)) < 0.5)
    return ((ramp + noise) % 256).astype(np.uint8)


def _png(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def _with_chunk(png: bytes, kind: bytes, content: bytes) -> bytes:
    """Add a chunk behind IHDR."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return png[:33] + struct.pack(">I", len(content)) + kind + content + checksum + png[33:]


@pytest.mark.parametrize("seed", range(40))
def test_the_pixels_are_those_that_were_written(seed: int) -> None:
    height, width = np.random.default_rng(seed).integers(1, 300, 2).tolist()
    pixels = _pixels(height, width, seed)
    by_pillow = _png(Image.fromarray(pixels), compress_level=seed % 10)
    by_opencv = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
    for png in (by_pillow, by_opencv):
        decoded = decode_plain_png(png)
        assert decoded is not None
        assert np.array_equal(decoded, pixels)


@pytest.mark.parametrize("height", [STORED_AT_MOST - 1, STORED_AT_MOST, STORED_AT_MOST + 1])
def test_image_data_that_just_fill_a_stored_block(height: int) -> None:
    # A row of one pixel is 4 bytes with its filter, so 65535 rows are a whole number of blocks.
    pixels = _pixels(height, 1)
    decoded = decode_plain_png(_png(Image.fromarray(pixels)))
    assert decoded is not None
    assert np.array_equal(decoded, pixels)


def test_harmless_chunks_do_not_matter() -> None:
    pixels = _pixels(9, 11)
    png = _with_chunk(
        _png(Image.fromarray(pixels), dpi=(72, 72)), b"gAMA", struct.pack(">I", 45455)
    )
    decoded = decode_plain_png(png)
    assert decoded is not None
    assert np.array_equal(decoded, pixels)


def test_every_other_kind_of_file_is_left_to_opencv() -> None:
    rgb = Image.fromarray(_pixels(40, 30))
    plain = _png(rgb)
    deep = cv2.imencode(".png", np.zeros((9, 9, 3), np.uint16))[1].tobytes()
    others = {
        "alpha": _png(rgb.convert("RGBA")),
        "grey": _png(rgb.convert("L")),
        "palette": _png(rgb.convert("P")),
        "16 bits": deep,
        "transparent colour": _with_chunk(plain, b"tRNS", bytes(6)),
        "animation": _with_chunk(plain, b"acTL", bytes(8)),
        "significant bits": _with_chunk(plain, b"sBIT", bytes((5, 5, 5))),
        "interlaced": plain[:28] + b"\1" + plain[29:],
        "no PNG": b"text",
        "nothing": b"",
        "signature alone": plain[:8],
        "header alone": plain[:33],
        "no pixels": plain[:16] + bytes(8) + plain[24:],
        "a billion pixels": plain[:16] + struct.pack(">II", 2**15, 2**15) + plain[24:],
        "another size": plain[:16] + struct.pack(">II", 30, 39) + plain[24:],
        "another chunk at the end": plain + plain[8:33],
    }
    assert decode_plain_png(plain) is not None
    assert [name for name, png in others.items() if decode_plain_png(png) is not None] == []


@pytest.mark.parametrize("part", range(1, 40))
def test_a_damaged_file_is_never_decoded_to_other_pixels(part: int) -> None:
    pixels = _pixels(60, 50)
    good = _png(Image.fromarray(pixels))
    at = len(good) * part // 40
    flipped = bytearray(good)
    flipped[at] ^= 0x10
    for damaged in (good[:at], bytes(flipped)):
        decoded = decode_plain_png(damaged)
        assert decoded is None or np.array_equal(decoded, pixels)
    assert decode_plain_png(good[:at]) is None


def test_the_shipped_images_are_those_of_opencv(root: Path) -> None:
    files = sorted((root / "data" / "demo").rglob("*.png"))
    assert len(files) >= 16
    for file in files:
        expected = cv2.cvtColor(cv2.imread(str(file), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        assert np.array_equal(imread_uint(file), expected)
