"""Pairs of LR and HR image files, found by file name, never by replacing text in a path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.base.errors import UserError
from esr.challenge.data_set_registry import registry
from esr.challenge.protocol import Protocol
from esr.datasets.image_folders import OWN, hr_folder, images_in, lr_folder, lr_folders

OFFICIAL_ROLES = ("valid", "test", "hybrid_test")
"""What the official script calls its data sets."""


@dataclass(frozen=True)
class ImagePair:
    """One image to restore and the truth to compare it with."""

    name: str
    """HR file name, as the official log and results spell it: `0801.png`."""
    lr: Path
    hr: Path


@dataclass(frozen=True)
class Split:
    """A data set in the role it plays in the results."""

    role: str
    """Prefix of its keys in `results.json`: `valid`, `test`, `hybrid_test` or the set's name."""
    dataset: str
    scale: int
    pairs: tuple[ImagePair, ...]


@dataclass(frozen=True)
class DataRequest:
    """What the command line says about data."""

    data_dir: Path
    datasets: tuple[str, ...] = ()
    """Names of sets in `data_dir`; without any, the official folders are looked for."""
    include_test: bool = False
    hybrid_test: bool = False


def find_splits(request: DataRequest, protocol: Protocol, scale: int) -> list[Split]:
    """Find the data sets that a run needs.

    Args:
        request: where to look and for what.
        protocol: names of the official sets, newest first or oldest first.
        scale: factor between LR and HR sides.

    Raises:
        UserError: a folder or an image of a pair is missing.
    """
    if not request.data_dir.is_dir():
        raise UserError("no such folder", where=f"--data_dir {request.data_dir}")
    own = hr_folder(request.data_dir, OWN) is not None
    if (own or request.datasets) and (request.include_test or request.hybrid_test):
        flag = "--hybrid_test" if request.hybrid_test else "--include_test"
        raise UserError("needs the folders of the challenge", where=flag, remedy="see --data_dir")
    if request.datasets:
        return _named_splits(request, scale)
    if own:
        name = request.data_dir.resolve().name
        return [_split("valid", name, _named_folders(request.data_dir, OWN, scale), scale)]
    return [
        _official_split(request.data_dir, role, names, scale)
        for role, names in _official_names(request, protocol)
    ]


def _named_splits(request: DataRequest, scale: int) -> list[Split]:
    for name, times in Counter(request.datasets).items():
        if times > 1:
            raise UserError("is named more than once", where=f"--dataset {name}")
        if name in OFFICIAL_ROLES or Path(name).name != name:
            raise UserError(
                "cannot be the name of a data set",
                where=f"--dataset {name}",
                remedy="rename the folder, and name its parent with --data_dir",
            )
    # The first set fills the official 'valid' columns, so that every table has them.
    roles = ["valid", *request.datasets[1:]]
    return [
        _split(role, name, _named_folders(request.data_dir, name, scale), scale)
        for role, name in zip(roles, request.datasets, strict=True)
    ]


def _official_names(request: DataRequest, protocol: Protocol) -> list[tuple[str, tuple[str, ...]]]:
    # As in 2023: the hybrid test replaces validation and test.
    if request.hybrid_test:
        return [("hybrid_test", protocol.hybrid_test)]
    valid = [("valid", protocol.valid)]
    return [*valid, ("test", protocol.test)] if request.include_test else valid


def _official_split(data_dir: Path, role: str, names: Sequence[str], scale: int) -> Split:
    for name in names:
        if hr_folder(data_dir, name) is not None:
            return _split(role, name, _named_folders(data_dir, name, scale), scale)
    expected = " or ".join(f"{name}_HR" for name in names)
    known = registry().find(names[0])
    secret = known is not None and known.hr_public == "no"
    raise UserError(
        f"no {role} set here: expected a folder {expected}"
        f"{'; the HR of this set is not public' if secret else ''}",
        where=f"--data_dir {data_dir}",
        remedy=(known.instead if known and secret else None)
        or "see docs/data.md, or name a set with --dataset",
    )


def _named_folders(data_dir: Path, name: str, scale: int) -> tuple[Path, Path]:
    hr = hr_folder(data_dir, name)
    if hr is None and not (data_dir / name).is_dir():
        there = (
            ", ".join(sorted(path.name for path in data_dir.iterdir() if path.is_dir())) or "none"
        )
        raise UserError(
            f"no such data set in {data_dir}; folders there: {there}", where=f"--dataset {name}"
        )
    if hr is None or not images_in(hr):
        raise UserError(
            f"no HR images here ({'no such' if hr is None else 'empty'} folder)",
            where=hr or data_dir / name / "HR",
            remedy="put the images there or choose another --data_dir",
        )
    lr = lr_folder(data_dir, name, scale)
    if lr is None:
        expected = lr_folders(data_dir, name, scale)
        missing = next((path for path in expected if path.is_dir()), expected[0])
        raise UserError(
            f"no LR images of scale {scale} here"
            f" ({'empty' if missing.is_dir() else 'no such'} folder)",
            where=missing,
            remedy=f"make them: python -m esr data prepare {data_dir} --scale {scale}",
        )
    return lr, hr


def _split(role: str, dataset: str, folders: tuple[Path, Path], scale: int) -> Split:
    return Split(role, dataset, scale, pair_images(*folders, scale))


def pair_images(lr_dir: Path, hr_dir: Path, scale: int) -> tuple[ImagePair, ...]:
    """Pair every HR image with the LR image of its name, with or without the `x4` suffix.

    Raises:
        UserError: an HR image without LR, or the reverse.
    """
    lr_by_stem = _by_stem(lr_dir)
    pairs = []
    for hr in _by_stem(hr_dir).values():
        lr = lr_by_stem.pop(f"{hr.stem}x{scale}", None) or lr_by_stem.pop(hr.stem, None)
        if lr is None:
            raise UserError(
                f"HR without LR: expected {hr.stem}x{scale}{hr.suffix} in {lr_dir}",
                where=hr,
                remedy="add the LR image or remove the HR image",
            )
        pairs.append(ImagePair(hr.name, lr, hr))
    for lr in lr_by_stem.values():
        raise UserError(
            f"LR without HR: no image of that name in {hr_dir}",
            where=lr,
            remedy="add the HR image or remove the LR image",
        )
    return tuple(pairs)


def _by_stem(folder: Path) -> dict[str, Path]:
    by_stem: dict[str, Path] = {}
    for path in images_in(folder):
        if not path.name.isprintable():
            raise UserError(
                "the name cannot be printed", where=ascii(str(path)), remedy="rename it"
            )
        if path.stem in by_stem:
            other = by_stem[path.stem].name
            raise UserError(
                f"has the same name as {other}", where=path, remedy="remove one of them"
            )
        by_stem[path.stem] = path
    return by_stem
