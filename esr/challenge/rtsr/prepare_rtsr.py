"""`python -m esr rtsr HR_DIR DIR --scale 2`: a data folder of the Real-Time challenge.

Writes DIR/GT/NAME.png and DIR/LR2/NAME.jpg (LR3 for x3). What is there already is kept.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PIL import Image, ImageChops

from esr.base.command import Parser, command
from esr.base.errors import UserError
from esr.base.json_file import replacing
from esr.base.threads import in_parallel
from esr.challenge.rtsr.rtsr_degradation import (
    CROP,
    QUALITY,
    SCALES,
    Degradation,
    encode,
    ground_truth,
    low_resolution,
    read,
)

_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".jpg", ".jpeg")


def prepare(hr_dir: Path, target: Path, degradation: Degradation) -> list[bool]:
    """Make GT and LR of every image in a folder, in parallel, each file whole or not at all.

    Args:
        hr_dir: lossless RGB images; other files are left alone.
        target: receives GT/ and LR{scale}/.
        degradation: how.

    Returns:
        of each image, whether it is smaller than the crop and got black borders.

    Raises:
        UserError: no image there, one that is no good, or a GT of another crop in `target`.
    """

    def make(source: Path) -> bool:
        try:
            return _prepare_one(source, target, degradation)
        except UserError as error:
            raise UserError(error.what, where=error.where or source, remedy=error.remedy) from error

    return in_parallel(make, _sources(hr_dir))


def _sources(hr_dir: Path) -> list[Path]:
    if not hr_dir.is_dir():
        raise UserError("no such folder", where=hr_dir)
    sources = sorted(
        path
        for path in hr_dir.iterdir()
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
    )
    if not sources:
        raise UserError("no image in this folder", where=hr_dir)
    stems: dict[str, Path] = {}
    for path in sources:
        if (other := stems.setdefault(path.stem, path)) != path:
            raise UserError(f"has the same name as {other.name}", where=path)
    return sources


def _prepare_one(source: Path, target: Path, degradation: Degradation) -> bool:
    image = read(source)
    truth = ground_truth(image, degradation)
    lr_file = target / f"LR{degradation.scale}" / f"{source.stem}.jpg"
    _keep_truth(truth, target / "GT" / f"{source.stem}.png")
    lr = low_resolution(truth, degradation.scale)
    _write(lr_file, encode(lr, "JPEG", quality=degradation.quality))
    return truth.width > image.width or truth.height > image.height


def _keep_truth(truth: Image.Image, file: Path) -> None:
    if not file.exists():
        _write(file, encode(truth, "PNG"))
        return
    # LR of the other scale was made from it.
    existing = read(file)
    if existing.size != truth.size or ImageChops.difference(existing, truth).getbbox() is not None:
        raise UserError(
            "is there already, with other pixels",
            where=file,
            remedy="choose another folder, or the crop it was made with",
        )


def _write(file: Path, data: bytes) -> None:
    with replacing(file) as part:
        part.write(data)


def _parser() -> Parser:
    parser = Parser(
        "python -m esr rtsr",
        allow_abbrev=False,
        description="Make GT and LR of the NTIRE 2023 Real-Time SR challenge: centre crop, Pillow's"
        " bicubic, JPEG.",
    )
    add = parser.add_argument
    add("hr_dir", type=Path, metavar="HR_DIR", help="folder of lossless images")
    add("target", type=Path, metavar="DIR", help="receives GT/ and LR2/ or LR3/")
    add("--scale", type=int, choices=SCALES, required=True, help="the track")
    crop = parser.add_mutually_exclusive_group()
    text = "GT is cut from the centre (default: 1080 2040; the test images: 2160 3840)"
    sides = ("HEIGHT", "WIDTH")
    crop.add_argument("--crop", type=_pixels, nargs=2, default=CROP, metavar=sides, help=text)
    text = "GT is the whole image, cut at the bottom and right to a multiple of 6"
    crop.add_argument("--whole", action="store_true", help=text)
    add("--quality", type=int, choices=range(1, 101), default=QUALITY, metavar="Q", help="of JPEG")
    return parser


def _pixels(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 65500:  # The largest side of a JPEG is 65535.
        raise argparse.ArgumentTypeError(f"'{text}' is no number of pixels")
    return int(text)


@command(interrupted="run it again to go on")
def main(arguments: list[str]) -> None:
    """Prepare a folder and say what was made."""
    given = _parser().parse_args(arguments)
    crop = None if given.whole else (given.crop[0], given.crop[1])
    padded = prepare(given.hr_dir, given.target, Degradation(given.scale, crop, given.quality))
    borders = f", {sum(padded)} padded with black to the crop" if any(padded) else ""
    sys.stdout.write(f"{len(padded)} images in {given.target}{borders}\n")
