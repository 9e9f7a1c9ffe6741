"""What can be wrong with a data set or worth knowing, and what its files show together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from esr.datasets.image_folders import SetFolder, describe_imageless, list_images
from esr.datasets.image_pairs import Pairing, describe_swapped, expected_lr
from esr.datasets.manifest import MANIFEST

Kind = Literal[
    "unreadable", "mode", "name", "missing_lr", "missing_hr", "incomplete", "size", "jpeg",
    "resampler", "shifted", "turned", "channels", "other_image", "not_bicubic", "duplicate",
    "manifest", "rounding", "border", "grey", "hr_jpeg", "leftover", "not_public", "no_images",
    "too_small", "small", "other_format", "swapped",
]  # fmt: skip

DEFECTS: dict[Kind, str] = {
    "no_images": "a folder without images",
    "swapped": "the folders of HR and LR are exchanged",
    "unreadable": "cannot be decoded",
    "mode": "not 8-bit RGB or grey",
    "name": "names that cannot be told apart or printed",
    "missing_lr": "HR without LR",
    "missing_hr": "LR without HR",
    "incomplete": "another number of images than the set has",
    "size": "LR does not fit HR",
    "too_small": "too small to be scored",
    "jpeg": "LR is JPEG-compressed",
    "resampler": "LR was made by another resampler",
    "shifted": "LR is shifted",
    "turned": "LR is flipped or turned",
    "channels": "red and blue are exchanged in LR",
    "other_image": "LR shows another picture",
    "not_bicubic": "LR is not the bicubic of HR",
    "duplicate": "the same picture twice",
    "manifest": "not the files of the manifest",
}
"""Each makes figures wrong, incomparable or impossible; with its headline."""

NOTES: dict[Kind, str] = {
    "rounding": "LR is bicubic, but rounded once instead of after each pass",
    "border": "LR is bicubic, but with the replicated border of older MATLAB",
    "grey": "one channel, counted as three equal ones",
    "hr_jpeg": "HR is a JPEG file",
    "other_format": "of another format than its name says; it is read as what it is",
    "small": "too small for some metrics",
    "leftover": "files that belong to nothing",
    "not_public": "HR is not public",
}
"""Each is worth knowing and no mistake."""

_UNREAD_FORMATS = (
    *(".webp", ".tif", ".tiff", ".gif", ".jp2", ".j2k", ".avif", ".heic", ".heif", ".jxl"),
    *(".ppm", ".pgm", ".pnm", ".exr", ".hdr", ".npy", ".mat", ".raw", ".dng", ".ico", ".tga"),
)
_UNREAD = "an image of a format that is not looked for: save it as PNG"
_DESCRIPTIONS = (".md", ".txt", ".json", ".toml", ".csv")


@dataclass(frozen=True)
class DataFinding:
    """One thing about one file, or about a whole set."""

    kind: Kind
    file: Path | None
    detail: str = ""

    @property
    def is_defect(self) -> bool:
        """Whether it must be put right."""
        return self.kind in DEFECTS

    @property
    def headline(self) -> str:
        """Say what it is."""
        return DEFECTS.get(self.kind) or NOTES[self.kind]


def find_unpaired(folder: SetFolder, pairing: Pairing) -> Iterator[DataFinding]:
    """Name the images that are part of no pair, where an evaluation stops at the first."""
    if (swapped := describe_swapped(folder, pairing)) is not None:
        yield DataFinding("swapped", folder.hr, swapped)
    for misnamed in pairing.misnamed:
        yield DataFinding("name", misnamed.file, misnamed.problem)
    for hr in pairing.hr_alone:
        yield DataFinding("missing_lr", hr, f"expected {expected_lr(hr, folder)}")
    for lr in pairing.lr_alone if folder.hr is not None else ():
        yield DataFinding("missing_hr", lr)


def find_imageless(folder: SetFolder) -> Iterator[DataFinding]:
    """Name the folders that an evaluation would look into and find no image in."""
    for place in folder.imageless:
        yield DataFinding("no_images", place, describe_imageless(place))


def find_leftovers(folder: SetFolder) -> Iterator[DataFinding]:
    """Name the files beside the images, or in their place, that belong to nothing."""
    for place in dict.fromkeys((*folder.folders, *folder.imageless)):
        images = set(list_images(place))
        for path in sorted(place.iterdir()):
            wanted = path in images or path.is_dir() or path.name == MANIFEST
            if not wanted and path.suffix.lower() not in _DESCRIPTIONS:
                unread = path.suffix.lower() in _UNREAD_FORMATS and not path.name.startswith(".")
                yield DataFinding("leftover", path, _UNREAD if unread else "")


def check_number(folder: SetFolder, pairing: Pairing) -> Iterator[DataFinding]:
    """Compare the number of images with what the registry knows of the set."""
    known = folder.known
    if folder.hr is None and known is not None and known.hr_public == "no":
        yield DataFinding("not_public", None, known.instead or "")
    elif folder.hr is None:
        yield DataFinding("missing_hr", folder.lr, "no folder of HR images")
    images = len(pairing.pairs if folder.hr is not None else pairing.lr_alone)
    if known is not None and known.is_partial(images):
        yield DataFinding("incomplete", None, f"{images}, but {folder.name} has {known.images}")


def find_duplicates(digests: Mapping[Path, str]) -> Iterator[DataFinding]:
    """Name the pictures that are there twice, by their digests."""
    first: dict[str, Path] = {}
    for path in sorted(digests):
        other = first.setdefault(digests[path], path)
        if other is not path:
            yield DataFinding("duplicate", path, f"the same as {other.name}")


def compare_manifest(
    manifest: Mapping[Path, str], hashes: Mapping[Path, str], folder: SetFolder
) -> Iterator[DataFinding]:
    """Compare the hashes of files with those that a manifest names."""
    governed = {path.parent for path in manifest} & set(folder.folders)
    due = {path: digest for path, digest in manifest.items() if path.parent in governed}
    for path in sorted(due.keys() | hashes.keys()):
        if path not in due:
            if path.parent in governed:
                yield DataFinding("manifest", path, "not named there")
        elif path not in hashes:
            yield DataFinding("manifest", path, "named there, but missing")
        elif hashes[path] != due[path]:
            yield DataFinding("manifest", path, "another file than named there")
