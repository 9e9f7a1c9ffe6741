"""No training image may be a test image: `python -m esr leakage check FOLDER`.

Perceptual hashes recognise a test image that was rescaled, flipped, turned or encoded anew.
`test_set_hashes.json` holds those of the public test sets, so that their images need not be here;
`python -m esr leakage write DIR Set5 Set14` adds sets laid out as `DIR/Set5/HR/*.png`.

NOT covered: crops. Cutting 2 % off each side already changes up to 67 of 256 bits, and a tenth off
makes some pictures as unlike themselves as any other, so tiles cut from test images pass.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image

from esr.base import json_file
from esr.base.command import Parser, command
from esr.base.errors import UserError
from esr.base.house import ROOT
from esr.challenge.protocol import protocols
from esr.images.image_file import get_image_paths, imread_uint

Bits = npt.NDArray[np.int8]
"""A hash as +1 and -1, (256,), or several of them, (n, 256)."""
Hashes = dict[str, dict[str, str]]
"""Hash in hexadecimal by data set and HR file name."""

HASH_FILE = Path(__file__).with_name("test_set_hashes.json")
DEMO = ROOT / "data" / "demo" / "HR"

HASH_SIZE = 16
"""Lowest frequencies of the DCT in each direction: a hash has 256 bits."""
THUMBNAIL_PX = 4 * HASH_SIZE
"""Side of the square that `imagehash.phash` resamples to; orientations are taken of it."""
DIFFERENT_BITS = 64
"""Two images are the same if no more bits differ, of 256.

Measured on the 227 pictures of Set5, Set14, B100, Urban100 and the demo set: at most 10 bits differ
after rescaling by 0.5 to 2, JPEG of quality 50 and WebP of quality 60 in any orientation, 38 after
taking every fourth pixel; at least 90 between two different pictures in any orientation, and 92
from the 108 training images. Only Set14's face is Set5's head (8 bits).
"""


@dataclass(frozen=True)
class Leak:
    """A training image that is a test image."""

    file: Path
    test_image: str
    different_bits: int


def check_training_data(training_files: Sequence[Path], test_folders: Sequence[Path] = ()) -> None:
    """Refuse training files among which there is a test image.

    Args:
        training_files: 8-bit images of any size.
        test_folders: folders of test images, besides the known sets, the demo set and the official
            validation and test folders beside the training files.

    Raises:
        UserError: one of them is a test image, or an image cannot be read.
    """
    leaks = find_leaks(training_files, test_folders)
    if leaks:
        first, *others = leaks
        more = f" ({len(others)} more files are test images)" if others else ""
        raise UserError(
            f"is the test image {first.test_image}, as it is or rescaled, turned or encoded anew"
            f"{more}",
            where=first.file,
            remedy="remove it: nothing is trained on what it will be measured on",
        )


def find_leaks(training_files: Sequence[Path], test_folders: Sequence[Path] = ()) -> list[Leak]:
    """List every training file that is a test image; arguments as `check_training_data`."""
    folders = dict.fromkeys([DEMO, *test_folders, *official_folders(training_files)])
    tests = _known_hashes(HASH_FILE) | _hashes_of_folders(folders)
    names, bits = list(tests), np.stack(list(tests.values()))

    def find_leak(file: Path) -> Leak | None:
        agreement = _orientations(_thumbnail(file)).astype(np.float32) @ bits.T
        best = int(agreement.max(axis=0).argmax())
        different = (HASH_SIZE**2 - int(agreement[:, best].max())) // 2
        return Leak(file, names[best], different) if different <= DIFFERENT_BITS else None

    with ThreadPoolExecutor() as threads:
        return [leak for leak in threads.map(find_leak, training_files) if leak is not None]


def official_folders(training_files: Iterable[Path]) -> list[Path]:
    """Find the challenge's validation and test HR, as the protocols name them, near these files."""
    roles = [
        (*protocol.valid, *protocol.test, *protocol.hybrid_test)
        for protocol in protocols().values()
    ]
    names = sorted({f"{name}_HR" for role in roles for name in role})
    near = dict.fromkeys(
        folder
        for parent in {file.resolve().parent for file in training_files}
        for folder in [parent, *parent.parents][:3]
    )
    below = [folder / name for folder in near for name in names if (folder / name).is_dir()]
    return sorted({*below, *(folder for folder in near if folder.name in names)})


def hash_image(file: Path) -> imagehash.ImageHash:
    """Hash an image as it stands: the signs of the 256 lowest frequencies of its luma.

    Raises:
        UserError: it cannot be read.
    """
    return _phash(_thumbnail(file))


def _thumbnail(file: Path) -> npt.NDArray[np.uint8]:
    grey = cv2.cvtColor(imread_uint(file), cv2.COLOR_RGB2GRAY)
    side = (THUMBNAIL_PX, THUMBNAIL_PX)
    return np.asarray(Image.fromarray(grey).resize(side, Image.Resampling.LANCZOS))


def _orientations(thumbnail: npt.NDArray[np.uint8]) -> Bits:
    views = [np.rot90(image, turns) for image in (thumbnail, thumbnail[::-1]) for turns in range(4)]
    return np.stack([_bits(_phash(view)) for view in views])


def _phash(thumbnail: npt.NDArray[np.uint8]) -> imagehash.ImageHash:
    return imagehash.phash(Image.fromarray(np.ascontiguousarray(thumbnail)), HASH_SIZE)


def _bits(value: imagehash.ImageHash) -> Bits:
    return np.where(value.hash.ravel(), 1, -1).astype(np.int8)


def _known_hashes(path: Path) -> dict[str, Bits]:
    return {
        f"{dataset}/{name}": _bits(imagehash.hex_to_hash(text))
        for dataset, images in json_file.load(Hashes, path).items()
        for name, text in images.items()
    }


def _hashes_of_folders(folders: Iterable[Path]) -> dict[str, Bits]:
    files = [Path(name) for folder in folders for name in get_image_paths(folder) or ()]
    with ThreadPoolExecutor() as threads:
        return {
            str(file): _bits(value)
            for file, value in zip(files, threads.map(hash_image, files), strict=True)
        }


def write_hashes(data_dir: Path, datasets: Sequence[str], path: Path = HASH_FILE) -> None:
    """Add the HR of data sets to the file of known hashes, or replace what it says of them."""
    hashes: Mapping[str, dict[str, str]] = json_file.load(Hashes, path) if path.exists() else {}
    added = {
        dataset: {
            Path(name).name: str(hash_image(Path(name)))
            for name in get_image_paths(data_dir / dataset / "HR") or ()
        }
        for dataset in datasets
    }
    json_file.dump({**hashes, **added}, path)


@command()
def main(arguments: list[str]) -> None:
    """Check folders for test images, or write the hashes of test sets."""
    parser = Parser("python -m esr leakage", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="look for test images in folders")
    check.add_argument("folder", type=Path, nargs="+")
    check.add_argument("--against", type=Path, nargs="*", default=[], help="more test images")
    write = commands.add_parser("write", help=f"add test sets to {HASH_FILE.name}")
    write.add_argument("data_dir", type=Path)
    write.add_argument("dataset", nargs="+", help="its images are DATA_DIR/DATASET/HR/*")
    options = parser.parse_args(arguments)
    if options.command == "write":
        write_hashes(options.data_dir, options.dataset)
        return
    files = [Path(name) for folder in options.folder for name in get_image_paths(folder) or ()]
    check_training_data(files, options.against)
    sys.stdout.write(f"no test image among {len(files)} images (crops are not recognised)\n")
