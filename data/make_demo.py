"""Make the demo set in `data/demo` from the original files: `python -m data.make_demo ORIGINALS`.

ORIGINALS is a folder with the files named below, as the Python packages of `data/README.md` ship
them; that file also says who made each picture and why it may be passed on.
"""

from __future__ import annotations

import argparse
import bz2
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from esr.base.errors import UserError
from esr.base.sha256 import hash_bytes
from esr.images import Image
from esr.images.image_file import imread_uint, imsave
from esr.images.official_image import modcrop
from esr.images.resample import imresize_uint8

SCALES = (2, 3, 4)
RACCOON_SHAPE = (768, 1024, 3)
"""SciPy packs the raccoon as bare RGB bytes."""
DEMO = Path(__file__).resolve().parent / "demo"


@dataclass(frozen=True)
class Photograph:
    """One picture of the set, and the part of its original that it is."""

    original: str
    """File in the folder of originals."""
    name: str
    """Stem of the files made from it."""
    top_left: tuple[int, int]
    """(y, x) of the crop in the original, after the reduction."""
    size: tuple[int, int]
    """(height, width) of HR."""
    sha256: str
    """Of the original: other bytes would silently be another benchmark."""
    reduction: int = 1
    """Factor by which the original is reduced first: sharper, without its JPEG artefacts."""


PHOTOGRAPHS = (
    Photograph("astronaut.png", "astronaut", (0, 0), (512, 512),
               "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"),
    Photograph("chelsea.png", "chelsea", (0, 0), (300, 448),
               "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"),
    Photograph("coffee.png", "coffee", (0, 0), (400, 600),
               "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
    Photograph("grace_hopper.jpg", "hopper", (0, 0), (600, 512),
               "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130"),
    Photograph("hubble_deep_field.jpg", "hubble", (280, 480), (512, 512),
               "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4"),
    Photograph("face.dat", "raccoon", (0, 0), (384, 512),
               "9d8b0b4d081313e2b485748c770472e5a95ed1738146883d84c7030493e82886", reduction=2),
    Photograph("retina.jpg", "retina", (97, 60), (512, 512),
               "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6", reduction=2),
    Photograph("rocket.jpg", "rocket", (3, 0), (424, 640),
               "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c"),
)  # fmt: skip


def make_demo(originals: Path, demo: Path = DEMO) -> None:
    """Write `HR/NAME.png` and, for every scale, `LR_bicubic/X4/NAMEx4.png` of every photograph.

    Raises:
        UserError: an original that is missing or is another file than the one of the table.
    """
    (demo / "HR").mkdir(parents=True, exist_ok=True)
    for photograph in PHOTOGRAPHS:
        hr = crop_hr(photograph, originals / photograph.original)
        imsave(hr, demo / "HR" / f"{photograph.name}.png")
        for scale in SCALES:
            folder = demo / "LR_bicubic" / f"X{scale}"
            folder.mkdir(parents=True, exist_ok=True)
            imsave(make_lr(hr, scale), folder / f"{photograph.name}x{scale}.png")


def make_lr(hr: Image, scale: int) -> Image:
    """Reduce HR, cropped to a multiple of the scale, with MATLAB's bicubic kernel."""
    return imresize_uint8(modcrop(hr, scale), 1 / scale)


def crop_hr(photograph: Photograph, original: Path) -> Image:
    """Cut HR, uint8 RGB (height, width, 3), out of its original.

    Raises:
        UserError: the original is missing or is another file.
    """
    pixels = _read_original(original, photograph.sha256)
    if photograph.reduction != 1:
        pixels = imresize_uint8(pixels, 1 / photograph.reduction)
    (top, left), (height, width) = photograph.top_left, photograph.size
    return pixels[top : top + height, left : left + width]


def _read_original(path: Path, sha256: str) -> Image:
    remedy = "see data/README.md for where it comes from"
    if not path.is_file():
        raise UserError("missing", where=path, remedy=remedy)
    data = path.read_bytes()
    if hash_bytes(data) != sha256:
        raise UserError("not the file this set is made from", where=path, remedy=remedy)
    if path.suffix == ".dat":
        return np.frombuffer(bz2.decompress(data), np.uint8).reshape(RACCOON_SHAPE)
    return imread_uint(path)


def main() -> None:
    """Read the arguments, make the set."""
    parser = argparse.ArgumentParser(description="Make the demo set from the original files.")
    parser.add_argument("originals", type=Path, help="folder with the files of data/README.md")
    parser.add_argument("--demo", type=Path, default=DEMO, help="folder to write to")
    arguments = parser.parse_args()
    try:
        make_demo(arguments.originals, arguments.demo)
    except UserError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
