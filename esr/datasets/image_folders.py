"""Where the images of a set lie: the folders of `datasets.toml`, found here alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from esr.base.errors import UserError
from esr.base.visible_text import name_some, one_line
from esr.challenge.data_set_registry import DataSet, Layout, registry

OWN = "."
"""Instead of the name of a set: the user's own, HR and LR in the folder itself."""

SCALES = range(2, 9)
"""Factors between HR and LR that a data set may have."""

_IMAGE_SUFFIXES = (".png", ".bmp", ".jpg", ".jpeg")
_NAMED_AT_MOST = 3


@dataclass(frozen=True)
class SetFolder:
    """One data set at one scale; a folder that is not there is None."""

    name: str
    key: str
    """Its name in its layout: `OWN` for one of the user's own."""
    data_dir: Path
    layout: Layout
    scale: int
    hr: Path | None
    lr: Path | None

    @property
    def known(self) -> DataSet | None:
        """What the registry knows of it."""
        return registry().find(self.name)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Those of the two that are there."""
        return tuple(folder for folder in (self.hr, self.lr) if folder is not None)

    @property
    def lr_folders(self) -> list[Path]:
        """Where its LR images may be, the likeliest first."""
        return self.layout.lr_folders(self.data_dir, self.key, self.scale)

    @property
    def other_scales(self) -> list[int]:
        """Scales of which LR images lie in folders of their own beside these."""
        looked_at = self.lr_folders
        return [
            scale
            for scale in SCALES
            if any(
                path not in looked_at and _has_images(path)
                for path in self.layout.lr_folders(self.data_dir, self.key, scale)
            )
        ]

    @property
    def imageless(self) -> list[Path]:
        """Folders that are there for its images and hold none, the most telling one of a side."""
        lr = [path for path in self.lr_folders if path.is_dir()] if self.lr is None else []
        # A folder with files says more than one that holds the folders of the scales.
        lr.sort(key=lambda path: not any(file.is_file() for file in path.iterdir()))
        hr = [self.hr] if self.hr is not None and not list_images(self.hr) else []
        return [*hr, *lr[:1]]

    def lr_stems(self, hr: Path) -> list[str]:
        """List what the LR image of an HR image may be called, without suffix."""
        return self.layout.lr_stems(hr.stem, self.scale)


def find_set(
    data_dir: Path, key: str, scale: int, layouts: Sequence[Layout] | None = None
) -> SetFolder:
    """Find the folders of a data set, in the first of several layouts that has HR, or else LR.

    Args:
        data_dir: where sets lie.
        key: name of the set, or `OWN` for HR images in `data_dir` itself.
        scale: of the LR images.
        layouts: those of bicubic LR without any; one of them at least is for any set.
    """
    layouts = [layout for layout in layouts or registry().choose() if layout.is_of(key)]
    name = data_dir.resolve().name if key == OWN else key
    expected = next((layout for layout in layouts if layout.is_folder), layouts[0])
    nothing = SetFolder(name, key, data_dir, expected, scale, None, None)
    places = [(layout, layout.hr_folder(data_dir, key)) for layout in layouts]
    existing = [(layout, hr) for layout, hr in places if hr.is_dir()]
    for layout, hr in [*(place for place in existing if list_images(place[1])), *existing]:
        lr = _lr_folder(hr, layout.lr_folders(data_dir, key, scale), layout, scale)
        return replace(nothing, layout=layout, hr=hr, lr=lr)
    for layout in layouts:
        for lr in filter(_has_images, layout.lr_folders(data_dir, key, scale)):
            return replace(nothing, layout=layout, lr=lr)
    return nothing


def _lr_folder(hr: Path, candidates: Sequence[Path], layout: Layout, scale: int) -> Path | None:
    """Choose the first folder that holds LR of these HR images, else the first with any images."""
    filled = list(filter(_has_images, candidates))
    wanted = {stem for path in list_images(hr) for stem in layout.lr_stems(path.stem, scale)}
    fitting = (folder for folder in filled if any(lr.stem in wanted for lr in list_images(folder)))
    return next(fitting, filled[0] if filled else None)


def find_sets(
    data_dir: Path, scale: int, layouts: Sequence[Layout] | None = None
) -> list[SetFolder]:
    """Find the sets in a folder, or the one that it is.

    Args:
        data_dir: the folder.
        scale: of the LR images.
        layouts: those of bicubic LR without any.

    Raises:
        UserError: no such folder, or no set in it.
    """
    if not data_dir.is_dir():
        raise UserError("no such folder", where=data_dir)
    itself = find_set(data_dir, OWN, scale, layouts)
    if itself.hr is not None:
        return [itself]
    existing = sets_below(data_dir, scale, layouts)
    if not existing:
        bicubic = "HR/, NAME/HR/ or NAME_HR/"
        places = dict.fromkeys(str(layout.hr_folder(Path(), "NAME")) for layout in layouts or ())
        raise UserError(
            f"no data set here: expected {' or '.join(places) or bicubic} with images",
            where=data_dir,
            remedy=say_where_to_move(data_dir) if list_images(data_dir) else "see docs/data.md",
        )
    return existing


def say_where_to_move(data_dir: Path) -> str:
    """Say what to do with HR images that lie in the folder of the set itself."""
    return f"move the images into {data_dir / 'HR'}, LR into {data_dir / 'LR_bicubic' / 'X4'}"


def sets_below(
    data_dir: Path, scale: int, layouts: Sequence[Layout] | None = None
) -> list[SetFolder]:
    """List the sets that folders in a folder hold, without the folder itself."""
    folders = [path.name for path in sorted(data_dir.iterdir()) if path.is_dir()]
    layouts = layouts or registry().choose()
    names = (name for folder in folders for of in layouts for name in of.names(folder, scale))
    sets = [find_set(data_dir, name, scale, layouts) for name in dict.fromkeys(names)]
    return [folder for folder in sets if folder.folders]


def list_images(folder: Path) -> list[Path]:
    """List the image files of a folder by name; hidden files are none."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _IMAGE_SUFFIXES and not path.name.startswith(".")
    )


def describe_imageless(folder: Path) -> str:
    """Say what a folder without images holds instead: files by name, and the formats that count."""
    if not folder.is_dir():
        return "no such folder"
    files = sorted(path.name for path in folder.iterdir() if not path.is_dir())
    folders = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if not files and not folders:
        return "empty folder"
    listed = name_some([one_line(name, 60) for name in files or folders], _NAMED_AT_MOST)
    read = f"{', '.join(_IMAGE_SUFFIXES[:-1])} or {_IMAGE_SUFFIXES[-1]}"
    if not files:
        return f"it holds only folders: {listed}; the images must lie in it itself, as {read}"
    hidden = " that is not hidden" if all(name.startswith(".") for name in files) else ""
    return f"it holds {listed}, but no {read}{hidden}"


def _has_images(folder: Path) -> bool:
    return folder.is_dir() and bool(list_images(folder))
