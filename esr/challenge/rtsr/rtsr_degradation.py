"""GT and LR of the Real-Time SR challenge from one image: centre crop, bicubic, JPEG.

Source: preparation script of eduardzamfir/NTIRE23-RTSR; the crop as in torchvision's `CenterCrop`.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from esr.base.errors import UserError
from esr.images.image_file import refuse_other_colors

SCALES = (2, 3)
CROP = (1080, 2040)
"""(height, width) of the validation images; those of the test are 2160 x 3840."""
QUALITY = 90
_DIVISOR = math.lcm(*SCALES)


@dataclass(frozen=True)
class Degradation:
    """How LR is made."""

    scale: int
    """2 or 3."""
    crop: tuple[int, int] | None = CROP
    """(height, width) of GT, cut from the centre; None cuts the whole image at the bottom and at
    the right to a multiple of 6, so that both scales have the same GT."""
    quality: int = QUALITY
    """Of the JPEG; everything else is Pillow's default."""


def read(path: Path) -> Image.Image:
    """Read an image file as 8-bit RGB.

    Raises:
        UserError: it cannot be decoded, or is a JPEG already.
    """
    try:
        with Image.open(path) as image:
            if image.format == "JPEG":
                # The official script writes their LR with quality 100 and encodes GT once more.
                raise UserError(
                    "is a JPEG, which the challenge degrades differently",
                    where=path,
                    remedy="take the lossless original, or convert it to PNG",
                )
            refuse_other_colors(image, path)
            return image.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
        raise UserError(f"cannot be decoded ({error})", where=path) from error


def ground_truth(image: Image.Image, degradation: Degradation) -> Image.Image:
    """Cut GT out of an RGB image; a smaller one is padded with black, as officially.

    Raises:
        UserError: the crop is no multiple of the scale, or nothing is left.
    """
    width, height = image.size
    if degradation.crop is None:
        rows, columns = height - height % _DIVISOR, width - width % _DIVISOR
        if not rows or not columns:
            raise UserError(f"{width}x{height} px are too few")
        return image.crop((0, 0, columns, rows))
    rows, columns = degradation.crop
    if rows % degradation.scale or columns % degradation.scale:
        raise UserError(f"a crop of {rows}x{columns} is no multiple of {degradation.scale}")
    top, left = _start(height, rows), _start(width, columns)
    return image.crop((left, top, left + columns, top + rows))


def _start(length: int, wanted: int) -> int:
    # Padding has its odd pixel at the end; what is cut away is rounded half to even.
    return -((wanted - length) // 2) if wanted > length else round((length - wanted) / 2)


def low_resolution(image: Image.Image, scale: int) -> Image.Image:
    """Reduce GT with Pillow's bicubic (a = -0.5, antialiased)."""
    return image.resize((image.width // scale, image.height // scale), Image.Resampling.BICUBIC)


def encode(image: Image.Image, kind: str, **options: int) -> bytes:
    """Encode GT as PNG or LR as JPEG, whose bytes may differ between builds of libjpeg."""
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    return file.getvalue()
