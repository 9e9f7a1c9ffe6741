"""What the files of a data set show together: partners, leftovers, number, duplicates, hashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from esr.datasets.checking.data_finding import DataFinding
from esr.datasets.image_folders import SetFolder, list_images
from esr.datasets.image_pairs import Pairing, expected_lr
from esr.datasets.manifest import MANIFEST

_DESCRIPTIONS = (".md", ".txt", ".json", ".toml", ".csv")


def find_unpaired(folder: SetFolder, pairing: Pairing) -> Iterator[DataFinding]:
    """Name the images that are part of no pair, where an evaluation stops at the first."""
    for misnamed in pairing.misnamed:
        yield DataFinding("name", misnamed.file, misnamed.problem)
    for hr in pairing.hr_alone:
        yield DataFinding("missing_lr", hr, f"expected {expected_lr(hr, folder)}")
    for lr in pairing.lr_alone if folder.hr is not None else ():
        yield DataFinding("missing_hr", lr)


def find_leftovers(folder: SetFolder) -> Iterator[DataFinding]:
    """Name the files beside the images that belong to nothing."""
    for place in folder.folders:
        images = set(list_images(place))
        for path in sorted(place.iterdir()):
            wanted = path in images or path.is_dir() or path.name == MANIFEST
            if not wanted and path.suffix.lower() not in _DESCRIPTIONS:
                yield DataFinding("leftover", path)


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
