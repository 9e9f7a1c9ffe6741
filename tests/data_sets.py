"""Small data sets of real photographs, for tests of what is done with them."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from harness import write_image
from PIL import Image as Pillow

from esr.images.resample import imresize_uint8

DEMO = Path(__file__).resolve().parents[1] / "data" / "demo" / "HR"
NAMES = ("astronaut", "coffee", "rocket")


def photograph(name: str, height: int = 192, width: int = 256) -> np.ndarray:
    """A part of a picture of the demo set, uint8 RGB (height, width, 3)."""
    image = cv2.cvtColor(cv2.imread(str(DEMO / f"{name}.png")), cv2.COLOR_BGR2RGB)
    return image[60 : 60 + height, 80 : 80 + width].copy()


def bicubic(hr: np.ndarray, scale: int = 4) -> np.ndarray:
    """Its LR; the resampler is tested against published LR elsewhere."""
    height, width = (side - side % scale for side in hr.shape[:2])
    return imresize_uint8(hr[:height, :width], 1 / scale)


def write_set(folder: Path, names: tuple[str, ...] = NAMES, scale: int = 4) -> None:
    """Write HR/NAME.png and LR_bicubic/X{scale}/NAMEx{scale}.png."""
    for name in names:
        hr = photograph(name)
        write_image(folder / "HR" / f"{name}.png", hr)
        lr = folder / "LR_bicubic" / f"X{scale}" / f"{name}x{scale}.png"
        write_image(lr, bicubic(hr, scale))


def other_colors(kind: str, image: Pillow.Image) -> bytes:
    """An image file in `CMYK JPEG`, `YCCK JPEG`, `CMYK TIFF` or `Lab TIFF`, of the same size."""
    mode, stored = kind.split()
    buffer = io.BytesIO()
    if mode == "Lab":
        Pillow.new("LAB", image.size, (128, 10, 20)).save(buffer, stored)
    else:
        image.convert("RGB").convert("CMYK").save(buffer, stored)
    content = bytearray(buffer.getvalue())
    if mode == "YCCK":
        # The last byte of the Adobe marker says how four channels are to be read: 2 is YCCK.
        content[content.index(b"Adobe") + 11] = 2
    return bytes(content)
