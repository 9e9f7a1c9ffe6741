"""LR made from HR: MATLAB's bicubic, beside the HR images, under the official names."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
from PIL import Image as Pillow

from esr.base.errors import UserError, cause
from esr.datasets.checking.set_contents import SetFolder
from esr.datasets.each_image import each
from esr.datasets.image_folders import images_in, lr_folders
from esr.datasets.lr_variants import make_lr
from esr.images import Image
from esr.images.image_file import imread_uint


@dataclass(frozen=True)
class PreparedLR:
    """What was done for one set."""

    folder: Path
    """Of the LR images."""
    made: int
    kept: int
    """LR images that were there already."""
    cropped: int
    """HR images, of those made, that are no multiple of the scale."""


def prepare(one: SetFolder, data_dir: Path) -> PreparedLR:
    """Make the LR images that a set lacks, in parallel.

    Each appears whole or not at all, so that a run that was broken off can be started again.

    Args:
        one: the set; its HR images are only read.
        data_dir: where it lies.

    Raises:
        UserError: an HR image cannot be decoded, an LR image does not fit it or cannot be written.
    """
    if one.hr is None:
        raise UserError("no HR images to make LR from", where=one.lr or data_dir)
    files = images_in(one.hr)
    _refuse_equal_stems(files)
    target = _target(files, lr_folders(data_dir, one.key, one.scale), one.scale)
    there = {path.stem: path for path in images_in(target)}
    missing = []
    for file in files:
        lr = there.get(f"{file.stem}x{one.scale}") or there.get(file.stem)
        missing += [file] if lr is None else []
        if lr is not None:
            _refuse_misfit(lr, file, one.scale)
    sizes = each(lambda file: _make(file, target, one.scale), missing, one.name)
    cropped = sum(bool(height % one.scale or width % one.scale) for height, width in sizes)
    return PreparedLR(target, len(missing), len(files) - len(missing), cropped)


def _target(hr: list[Path], candidates: list[Path], scale: int) -> Path:
    """Choose the folder that holds LR of this scale already, or else one that holds nothing."""
    suffixed = {f"{file.stem}x{scale}" for file in hr}
    bare = {file.stem for file in hr}
    there = {path: {lr.stem for lr in images_in(path)} for path in candidates if path.is_dir()}
    started = [path for path, stems in there.items() if stems & suffixed]
    named_alike = [path for path, stems in there.items() if stems & bare]
    empty = [path for path in candidates if not there.get(path)]
    target = next(iter([*started, *named_alike, *empty]), candidates[0])
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot be made ({cause(error)})", where=target) from error
    return target


def _refuse_misfit(lr: Path, hr: Path, scale: int) -> None:
    try:
        with Pillow.open(lr) as of_lr, Pillow.open(hr) as of_hr:
            fits = of_lr.size == (of_hr.size[0] // scale, of_hr.size[1] // scale)
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        fits = False
    if not fits:
        raise UserError(
            f"is there already, but is not x{scale} of {hr.name}",
            where=lr,
            remedy="move it away and run again",
        )


def _refuse_equal_stems(files: list[Path]) -> None:
    first: dict[str, Path] = {}
    for file in files:
        if (other := first.setdefault(file.stem, file)) is not file:
            what = f"has the same name as {other.name}"
            raise UserError(what, where=file, remedy="remove one of them")


def _make(hr_file: Path, target: Path, scale: int) -> tuple[int, int]:
    hr = imread_uint(hr_file)
    if min(hr.shape[:2]) < scale:
        raise UserError(f"smaller than {scale} px", where=hr_file, remedy="leave the image out")
    _write_png(make_lr(hr, scale), target / f"{hr_file.stem}x{scale}.png")
    return hr.shape[0], hr.shape[1]


def _write_png(image: Image, path: Path) -> None:
    encoded = cv2.imencode(".png", image[..., ::-1])[1]
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(encoded.tobytes())
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"cannot be written ({cause(error)})", where=path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
