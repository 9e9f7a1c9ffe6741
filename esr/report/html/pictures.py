"""Pictures of `report.html`: read from `crops/`, and made as small as the page has room for."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from esr.base import json_file
from esr.base.errors import UserError

_PNG = b"\x89PNG\r\n\x1a\n"
_FILE_AT_MOST = 512 * 2**10
_SIDE_AT_MOST_PX = 512

_QUALITIES = (None, 97, 94, 90, 85, 80, 72, 60, 40, 20)
"""Of WebP, the best first; None loses nothing."""

_SAMPLES, _SURELY_MORE = 12, 1.2
"""Pictures that tell what all will take, how far beyond the room is certain."""

_EXTRA_QUALITY, _EXTRA_AT_MOST = 94, 250_000
"""What all pictures may take, in bytes, for those that are not needed to be there."""


@dataclass(frozen=True)
class Album:
    """Pictures of one page, each once however often it is shown."""

    positions: dict[Path, int]
    """By file; what is missing, or no picture of ours, is left out."""
    pngs: tuple[bytes, ...]


@dataclass(frozen=True)
class Pictures:
    """The same as the page holds them."""

    sources: tuple[str, ...]
    """Data URIs."""
    quality: int | None
    """Of WebP; None if nothing was lost."""


def make_album(wanted: Sequence[Path], extra: Sequence[Path]) -> Album:
    """Read the pictures of a page.

    Args:
        wanted: PNG files that the page cannot do without.
        extra: those that are left out where all together would take too much.
    """
    everything = _read_all([*wanted, *extra])
    size = sum(len(_encode(png, _EXTRA_QUALITY)) for png in set(everything.values()))
    files = everything if size <= _EXTRA_AT_MOST else _read_all(wanted)
    pngs = tuple(dict.fromkeys(files.values()))
    positions = {png: position for position, png in enumerate(pngs)}
    return Album({path: positions[png] for path, png in files.items()}, pngs)


def encode_album(album: Album, at_most: int) -> Pictures:
    """Encode the pictures as well as they fit, or else as small as they get.

    Args:
        album: the pictures.
        at_most: letters that all data URIs may take together.
    """
    sample = album.pngs[:: max(1, len(album.pngs) // _SAMPLES)]
    for quality in _QUALITIES:
        expected = sum(len(_embed(png, quality)) for png in sample) * len(album.pngs)
        if expected > _SURELY_MORE * at_most * len(sample) and quality != _QUALITIES[-1]:
            continue
        pictures = Pictures(tuple(_embed(png, quality) for png in album.pngs), quality)
        if sum(map(len, pictures.sources)) <= at_most:
            break
    return pictures


def _embed(png: bytes, quality: int | None) -> str:
    return f"data:image/webp;base64,{base64.b64encode(_encode(png, quality)).decode()}"


def _read_all(paths: Iterable[Path]) -> dict[Path, bytes]:
    return {path: data for path in paths if (data := _read(path)) is not None}


def _read(path: Path) -> bytes | None:
    if not path.exists():
        return None
    try:
        data = json_file.read_bytes(path)
    except UserError:
        return None
    if len(data) > _FILE_AT_MOST or not data.startswith(_PNG) or not _is_small(data):
        return None
    return data if _encode(data, _EXTRA_QUALITY) else None


def _is_small(data: bytes) -> bool:
    """Tell by its head whether a PNG is as small as ours are, before anything decodes it."""
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    return data[12:16] == b"IHDR" and 0 < width <= _SIDE_AT_MOST_PX >= height > 0


@cache
def _encode(data: bytes, quality: int | None) -> bytes:
    """Write a PNG as WebP; nothing if it cannot be read."""
    from PIL import Image

    written = io.BytesIO()
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            picture.convert("RGB").save(
                written, "WEBP", lossless=quality is None, quality=quality or 80, method=4
            )
    except (OSError, ValueError, SyntaxError):  # What Pillow raises for a broken file.
        return b""
    return written.getvalue()
