"""The data sets that a run needs, in the roles that they play in its results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.base.did_you_mean import suggest
from esr.base.errors import UserError
from esr.base.visible_text import one_line
from esr.challenge.data_set_registry import Layout, registry
from esr.challenge.protocol import Protocol
from esr.datasets.image_folders import (
    OWN,
    SetFolder,
    describe_imageless,
    find_set,
    list_images,
    say_where_to_move,
    sets_below,
)
from esr.datasets.image_pairs import ImagePair, require_pairs

OFFICIAL_ROLES = ("valid", "test", "hybrid_test")
"""What the official script calls its data sets."""

_PREPARE = "make them: python -m esr data prepare {data_dir} --scale {scale}"


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
    """Find the data sets that a run needs, in the layouts of its protocol.

    Args:
        request: where to look and for what.
        protocol: names of the official sets, the first that is there counts.
        scale: factor between LR and HR sides.

    Raises:
        UserError: a folder or an image of a pair is missing, or no track is of this scale.
    """
    tracks = {track.scale for track in protocol.tracks}
    if not tracks & {None, scale}:
        known = " and ".join(f"x{of_track}" for of_track in protocol.scales)
        raise UserError(f"{protocol.name} has no track of x{scale}, but of {known}")
    return [
        Split(role, folder.name, scale, require_pairs(_with_lr(folder)))
        for role, folder in _folders(request, protocol, scale)
    ]


def scales_of(request: DataRequest, protocol: Protocol) -> list[int]:
    """List the scales of the protocol that there are LR images of."""
    try:
        first = {scale: _folders(request, protocol, scale)[0][1] for scale in protocol.scales}
    except UserError:  # Whoever looks for the images will say it.
        return []
    return [scale for scale, folder in first.items() if folder.lr is not None]


def _folders(request: DataRequest, protocol: Protocol, scale: int) -> list[tuple[str, SetFolder]]:
    if not request.data_dir.is_dir():
        raise UserError("no such folder", where=f"--data_dir {request.data_dir}")
    if request.hybrid_test and not protocol.hybrid_test:
        raise UserError(f"{protocol.name} has no such set", where="--hybrid_test")
    layouts = registry().choose(protocol.layouts)

    def find(key: str) -> SetFolder:
        return find_set(request.data_dir, key, scale, layouts)

    is_own = find(OWN).hr is not None
    if (is_own or request.datasets) and (request.include_test or request.hybrid_test):
        flag = "--hybrid_test" if request.hybrid_test else "--include_test"
        raise UserError("needs the folders of the challenge", where=flag, remedy="see --data_dir")
    if request.datasets:
        _check_names(request.datasets)
        # The first set fills the official 'valid' columns, so that every table has them.
        roles = ("valid", *request.datasets[1:])
        named = zip(roles, map(find, request.datasets), strict=True)
    elif is_own:
        named = zip(("valid",), (find(OWN),), strict=True)
    else:
        official = _official_names(request, protocol)
        folders = (_first(role, list(map(find, names)), layouts[0]) for role, names in official)
        named = zip((role for role, _ in official), folders, strict=True)
    return [(role, _with_hr(folder)) for role, folder in named]


def _check_names(datasets: Sequence[str]) -> None:
    for name, times in Counter(datasets).items():
        if times > 1:
            raise UserError("is named more than once", where=f"--dataset {name}")
        if name in OFFICIAL_ROLES or Path(name).name != name:
            raise UserError(
                "cannot be the name of a data set",
                where=f"--dataset {name}",
                remedy="rename the folder, and name its parent with --data_dir",
            )


def _official_names(request: DataRequest, protocol: Protocol) -> list[tuple[str, tuple[str, ...]]]:
    # As in 2023: the hybrid test replaces validation and test.
    if request.hybrid_test:
        return [("hybrid_test", protocol.hybrid_test)]
    test = [("test", protocol.test)] if request.include_test else []
    return [("valid", protocol.valid), *test]


def _first(role: str, folders: Sequence[SetFolder], layout: Layout) -> SetFolder:
    for folder in folders:
        if folder.hr is not None:
            return folder
    names = [folder.key for folder in folders]
    keys = [OWN, *names] if layout.is_folder else names
    expected = " or ".join(str(layout.hr_folder(Path(), key)) for key in keys)
    known = folders[0].known
    secret = known is not None and known.hr_public == "no"
    data_dir, scale = folders[0].data_dir, folders[0].scale
    sets = [one_line(of.name, 60) for of in sets_below(data_dir, scale)]
    raise UserError(
        f"no {role} set here: expected a folder {expected}"
        f"{'; the HR of this set is not public' if secret else ''}",
        where=f"--data_dir {data_dir}",
        remedy=(known.instead if known and secret else None)
        or (layout.remedy or "").format(scale=scale)
        or (f"it holds other sets: --dataset {' '.join(sets)}" if sets else None)
        or (say_where_to_move(data_dir) if list_images(data_dir) else None)
        or "see docs/data.md, or name a set with --dataset",
    )


def _with_hr(folder: SetFolder) -> SetFolder:
    data_dir, key, hr = folder.data_dir, folder.key, folder.hr
    if hr is not None and list_images(hr):
        return folder
    if hr is None and not (data_dir / key).is_dir():
        there = sorted(path.name for path in data_dir.iterdir() if path.is_dir())
        what = f"no such data set in {data_dir}; folders there: {', '.join(there) or 'none'}"
        sets = [of.name for of in sets_below(data_dir, folder.scale)]
        raise UserError(what, where=f"--dataset {key}", remedy=suggest(key, [*sets, *there]))
    place = hr or folder.layout.hr_folder(data_dir, key)
    raise UserError(
        f"no HR images here ({describe_imageless(place)})",
        where=place,
        remedy="put the images there or choose another --data_dir",
    )


def _with_lr(folder: SetFolder) -> SetFolder:
    if folder.lr is not None:
        return folder
    data_dir, scale, candidates = folder.data_dir, folder.scale, folder.lr_folders
    missing = next(iter(folder.imageless), candidates[0])
    state = describe_imageless(missing)
    remedy = folder.layout.remedy or _PREPARE
    raise UserError(
        state if len(candidates) == 1 else f"no LR images of scale {scale} here ({state})",
        where=missing,
        remedy=remedy.format(data_dir=data_dir, scale=scale),
    )
