"""Pairs of LR and HR image files, found by file name, never by replacing text in a path."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

from esr.base.errors import UserError
from esr.datasets.image_folders import SetFolder, list_images
from esr.datasets.name_matching import Choices, Reading, match_names
from esr.images.image_file import read_size

_NAMED_AT_MOST = 3


@dataclass(frozen=True)
class ImagePair:
    """One image to restore and the truth to compare it with."""

    name: str
    """HR file name, as the official log and results spell it: `0801.png`."""
    lr: Path
    hr: Path


@dataclass(frozen=True)
class Misnamed:
    """An image that can be part of no pair because of its name."""

    file: Path
    problem: str
    error: UserError


@dataclass(frozen=True)
class Pairing:
    """The images of a set, each of them once."""

    pairs: tuple[ImagePair, ...]
    hr_alone: tuple[Path, ...]
    """HR without LR."""
    lr_alone: tuple[Path, ...]
    misnamed: tuple[Misnamed, ...]


def pair_images(folder: SetFolder) -> Pairing:
    """Pair every HR image with the LR image of its name, each of them once; nothing stops it."""
    hr_suffix, lr_suffix = folder.layout.suffixes or (None, None)
    hr_by_stem, misnamed_hr = _by_stem(folder.hr, hr_suffix)
    lr_by_stem, misnamed_lr = _by_stem(folder.lr, lr_suffix)
    matching = match_names(
        {
            stem: [name for name in folder.lr_stems(hr) if name in lr_by_stem]
            for stem, hr in hr_by_stem.items()
        }
    )
    pairs, hr_alone = [], []
    unclear = [_ambiguous(group, hr_by_stem, lr_by_stem) for group in matching.ambiguous]
    for stem, hr in hr_by_stem.items():
        if stem in matching.partners:
            pairs.append(ImagePair(hr.name, lr_by_stem.pop(matching.partners[stem]), hr))
        else:
            hr_alone.append(hr)
    misnamed = (*misnamed_hr, *misnamed_lr, *unclear)
    return Pairing(tuple(pairs), tuple(hr_alone), tuple(lr_by_stem.values()), misnamed)


def _ambiguous(
    group: tuple[Choices, Reading, Reading],
    hr_by_stem: dict[str, Path],
    lr_by_stem: dict[str, Path],
) -> Misnamed:
    """Take images that can be paired in two ways out of both lists, and say what they are."""
    choices, *readings = group
    hr = {stem: hr_by_stem.pop(stem) for stem in choices}
    lr = {name: lr_by_stem.pop(name) for names in choices.values() for name in set(names)
          if name in lr_by_stem}  # fmt: skip
    ways = [
        ", ".join(f"{hr[stem].name} with LR {lr[name].name}" for stem, name in differing)
        for first, second in (readings, reversed(readings))
        if (differing := sorted(first.items() - second.items())[:_NAMED_AT_MOST])
    ]
    problem = f"can be paired in two ways: {'; or '.join(ways)}"
    first = next(iter(hr.values()))
    remedy = "rename or remove what is not meant"
    return Misnamed(first, problem, UserError(problem, where=first, remedy=remedy))


def require_pairs(folder: SetFolder) -> tuple[ImagePair, ...]:
    """Pair the images of a set of which none may be left over.

    Raises:
        UserError: HR and LR swapped, HR without LR or the reverse, two images of one name, names
            that can be paired in two ways, one that cannot be printed or has another suffix or size
            than the layout says.
    """
    pairing = pair_images(folder)
    if (swapped := describe_swapped(folder, pairing)) is not None:
        raise UserError(swapped, where=folder.hr, remedy="exchange the two folders")
    for misnamed in pairing.misnamed:
        raise misnamed.error
    for file in (*pairing.hr_alone, *pairing.lr_alone):
        raise _without_partner(file, folder)
    for pair in pairing.pairs if folder.layout.exact_size else ():
        _check_size(pair, folder)
    return pairing.pairs


def describe_swapped(folder: SetFolder, pairing: Pairing) -> str | None:
    """Say that the LR images of a set are the larger ones, as far as its first pair tells."""
    # Where names differ by x4, pairs show only in the folders as they were meant.
    turned = pair_images(replace(folder, hr=folder.lr, lr=folder.hr)) if not pairing.pairs else None
    pairs = [(pair.hr, pair.lr) for pair in pairing.pairs[:1]]
    pairs += [(pair.lr, pair.hr) for pair in turned.pairs[:1]] if turned else []
    for hr, lr in pairs:
        with contextlib.suppress(UserError):  # Whoever decodes it will say more.
            (width, height), (lr_width, lr_height) = read_size(hr), read_size(lr)
            if lr_width > width and lr_height > height:
                return (
                    f"HR and LR are swapped: {hr.name} here is {width}x{height} px, {lr.name} in"
                    f" {lr.parent} is {lr_width}x{lr_height} px"
                )
    return None


def _by_stem(folder: Path | None, suffix: str | None) -> tuple[dict[str, Path], list[Misnamed]]:
    by_stem: dict[str, Path] = {}
    misnamed = []
    for file in list_images(folder) if folder is not None else ():
        if suffix not in (None, file.suffix):
            error = UserError(f"the challenge has {suffix} files here", where=file)
            misnamed.append(Misnamed(file, f"no {suffix} file", error))
        elif not file.name.isprintable():
            problem, where = "cannot be printed", ascii(str(file))
            error = UserError(f"the name {problem}", where=where, remedy="rename it")
            misnamed.append(Misnamed(file, problem, error))
        elif (twin := by_stem.setdefault(file.stem, file)) is not file:
            problem = f"same name as {twin.name}"
            error = UserError(f"has the {problem}", where=file, remedy="remove one of them")
            misnamed.append(Misnamed(file, problem, error))
    return by_stem, misnamed


def expected_lr(hr: Path, folder: SetFolder) -> str:
    """Name the LR file of an HR image."""
    suffix = folder.layout.suffixes[1] if folder.layout.suffixes else hr.suffix
    return f"{folder.lr_stems(hr)[0]}{suffix}"


def _without_partner(file: Path, folder: SetFolder) -> UserError:
    assert folder.hr is not None
    assert folder.lr is not None
    is_hr = file.parent == folder.hr
    if folder.layout.suffixes:  # Then there is but one name that its partner can have.
        hr_name = f"{folder.hr.name}/{file.stem}{folder.layout.suffixes[0]}"
        other = f"{folder.lr.name}/{expected_lr(file, folder)}" if is_hr else hr_name
        remedy = "add it, or remove this one"
        return UserError(f"has no counterpart: expected {other}", where=file, remedy=remedy)
    if is_hr:
        what = f"HR without LR: expected {expected_lr(file, folder)} in {folder.lr}"
        return UserError(what, where=file, remedy="add the LR image or remove the HR image")
    what = f"LR without HR: no image of that name in {folder.hr}"
    return UserError(what, where=file, remedy="add the HR image or remove the LR image")


def _check_size(pair: ImagePair, folder: SetFolder) -> None:
    (width, height), hr_size, scale = read_size(pair.lr), read_size(pair.hr), folder.scale
    if hr_size != (width * scale, height * scale):
        what = f"is {width}x{height} px; {pair.name}, {hr_size[0]}x{hr_size[1]} px, is not x{scale}"
        remedy = (folder.layout.remedy or "").format(scale=scale)
        raise UserError(f"{what} of that", where=pair.lr, remedy=remedy)
