"""Where the images of a set lie: the folders of `datasets.toml`, and the files in them."""

from __future__ import annotations

from pathlib import Path

from esr.base.errors import UserError
from esr.challenge.data_set_registry import registry

OWN = "."
"""Instead of the name of a set: the user's own, HR and LR in the folder itself."""

IMAGE_SUFFIXES = (".png", ".bmp", ".jpg", ".jpeg")


def hr_folder(data_dir: Path, name: str) -> Path | None:
    """Find the HR images of a set in one of the known layouts; None if there are none.

    Args:
        data_dir: where sets lie.
        name: of the set, or `OWN` for HR images in `data_dir` itself.
    """
    folders = [layout.hr_folder(data_dir, name) for layout in registry().layouts]
    there = [folder for folder in folders if folder.is_dir()]
    return next((folder for folder in there if images_in(folder)), there[0] if there else None)


def lr_folders(data_dir: Path, name: str, scale: int) -> list[Path]:
    """List where the LR images of a set may be, given where its HR images are.

    Raises:
        UserError: no HR images of this set are here.
    """
    hr = hr_folder(data_dir, name)
    for layout in registry().layouts:
        if layout.hr_folder(data_dir, name) == hr:
            return layout.lr_folders(data_dir, name, scale)
    raise UserError("no HR images here", where=data_dir / name)


def lr_folder(data_dir: Path, name: str, scale: int) -> Path | None:
    """Find the LR images of a set: the first folder that holds those of its HR images.

    Raises:
        UserError: no HR images of this set are here.
    """
    there = [
        folder
        for folder in lr_folders(data_dir, name, scale)
        if folder.is_dir() and images_in(folder)
    ]
    stems = {path.stem for path in images_in(hr_folder(data_dir, name) or data_dir)}
    wanted = stems | {f"{stem}x{scale}" for stem in stems}
    fitting = (path for path in there if any(lr.stem in wanted for lr in images_in(path)))
    return next(fitting, there[0] if there else None)


def images_in(folder: Path) -> list[Path]:
    """List the image files of a folder by name; hidden files are none."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )
