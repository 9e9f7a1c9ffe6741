"""The data folders of the Real-Time challenge: GT/NAME.png and LR2/NAME.jpg or LR3/NAME.jpg.

The official scripts zip two sorted lists and drop what is left over on one side; here that is an
error, as is a GT that is not exactly `scale` times its LR.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from esr.base.errors import UserError
from esr.challenge.protocol import Protocol
from esr.datasets.image_folders import IMAGE_SUFFIXES
from esr.datasets.image_pairs import DataRequest, ImagePair, Split

_REMEDY = "make it with python -m esr rtsr HR_DIR DIR --scale {scale}"


def find_splits(request: DataRequest, protocol: Protocol, scale: int) -> list[Split]:
    """Find the data sets that a run needs.

    `data_dir` holds GT/ itself, or the sets that are named, or those of the challenge.

    Raises:
        UserError: a folder or an image of a pair is missing, or the challenge has no such scale.
    """
    if scale not in protocol.scales:
        tracks = " and ".join(f"x{known}" for known in protocol.scales)
        raise UserError(f"{protocol.name} has no track of x{scale}, but of {tracks}")
    if not request.data_dir.is_dir():
        raise UserError("no such folder", where=f"--data_dir {request.data_dir}")
    if request.hybrid_test:
        raise UserError(f"{protocol.name} has no such set", where="--hybrid_test")
    return [
        Split(role, folder.resolve().name, scale, _pairs(folder, scale))
        for role, folder in _folders(request, protocol, scale)
    ]


def scales_there(request: DataRequest, protocol: Protocol) -> list[int]:
    """List the scales that the first data set has LR images of; none if there is no such set."""
    try:
        return [
            scale
            for scale in protocol.scales
            if (_folders(request, protocol, scale)[0][1] / f"LR{scale}").is_dir()
        ]
    except UserError:  # Whoever looks for the images will say it.
        return []


def _folders(request: DataRequest, protocol: Protocol, scale: int) -> list[tuple[str, Path]]:
    root = request.data_dir
    if request.datasets:
        roles = ["valid", *request.datasets[1:]]
        sets = zip(roles, request.datasets, strict=True)
        return [(role, _set_folder(root, name)) for role, name in sets]
    if (root / "GT").is_dir():
        return [("valid", root)]
    roles_of = {"valid": protocol.valid}
    if request.include_test:
        roles_of["test"] = protocol.test
    return [(role, _first(root, role, names, scale)) for role, names in roles_of.items()]


def _set_folder(root: Path, name: str) -> Path:
    if Path(name).name != name or not (root / name).is_dir():
        raise UserError(f"no such data set in {root}", where=f"--dataset {name}")
    return root / name


def _first(root: Path, role: str, names: tuple[str, ...], scale: int) -> Path:
    for name in names:
        if (root / name / "GT").is_dir():
            return root / name
    expected = " or ".join([f"{name}/GT" for name in names])
    raise UserError(
        f"no {role} set here: expected a folder GT or {expected}, and LR{scale} beside it",
        where=f"--data_dir {root}",
        remedy=_REMEDY.format(scale=scale),
    )


def _pairs(folder: Path, scale: int) -> tuple[ImagePair, ...]:
    truths = _images(folder / "GT", ".png", scale)
    lows = _images(folder / f"LR{scale}", ".jpg", scale)
    for stem in sorted(truths.keys() ^ lows.keys()):
        alone, other = (
            (truths[stem], f"LR{scale}/{stem}.jpg")
            if stem in truths
            else (lows[stem], f"GT/{stem}.png")
        )
        raise UserError(
            f"has no counterpart: expected {other}",
            where=alone,
            remedy="add it, or remove this one",
        )
    pairs = tuple(ImagePair(truth.name, lows[stem], truth) for stem, truth in truths.items())
    for pair in pairs:
        _check_size(pair, scale)
    return pairs


def _images(folder: Path, suffix: str, scale: int) -> dict[str, Path]:
    if not folder.is_dir():
        raise UserError("no such folder", where=folder, remedy=_REMEDY.format(scale=scale))
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        if path.suffix != suffix:
            raise UserError(f"the challenge has {suffix} files here", where=path)
        if not path.name.isprintable():
            raise UserError("the name cannot be printed", where=ascii(str(path)))
        found[path.stem] = path
    if not found:
        raise UserError("no image in this folder", where=folder)
    return found


def _check_size(pair: ImagePair, scale: int) -> None:
    (width, height), truth = _size(pair.lr), _size(pair.hr)
    if truth != (width * scale, height * scale):
        raise UserError(
            f"is {width}x{height} px; {pair.hr.name}, {truth[0]}x{truth[1]} px, is not x{scale} of"
            " that",
            where=pair.lr,
            remedy=_REMEDY.format(scale=scale),
        )


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, Image.DecompressionBombError, SyntaxError) as error:
        raise UserError("damaged, or not an image", where=path) from error
