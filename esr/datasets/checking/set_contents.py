"""Which sets lie in a folder, which files pair up, and what belongs to nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from esr.base.errors import UserError
from esr.challenge.data_set_registry import DataSet, registry
from esr.datasets.checking.data_finding import DataFinding
from esr.datasets.image_folders import OWN, hr_folder, images_in, lr_folder
from esr.datasets.image_pairs import ImagePair
from esr.datasets.manifest import MANIFEST

_LR_ALONE = re.compile(r"(.+)_LR(_bicubic)?")
_DESCRIPTIONS = (".md", ".txt", ".json", ".toml", ".csv")


@dataclass(frozen=True)
class SetFolder:
    """One data set at one scale."""

    name: str
    key: str
    """Its name in its layout: `esr.datasets.image_folders.OWN` for one of the user's own."""
    hr: Path | None
    lr: Path | None
    scale: int

    @property
    def known(self) -> DataSet | None:
        """What the registry knows of it."""
        return registry().find(self.name)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Those of the two that are there."""
        return tuple(folder for folder in (self.hr, self.lr) if folder is not None)


@dataclass(frozen=True)
class SetContents:
    """The files of a set."""

    pairs: tuple[ImagePair, ...]
    alone: tuple[Path, ...]
    """Images without a partner."""
    findings: tuple[DataFinding, ...]


def find_sets(data_dir: Path, scale: int) -> list[SetFolder]:
    """Find the sets in a folder, or the one that it is.

    Raises:
        UserError: no such folder, or no set in it.
    """
    if not data_dir.is_dir():
        raise UserError("no such folder", where=data_dir)
    if (hr := hr_folder(data_dir, OWN)) is not None:
        lr = lr_folder(data_dir, OWN, scale)
        return [SetFolder(data_dir.resolve().name, OWN, hr, lr, scale)]
    names = [name for path in sorted(data_dir.iterdir()) if path.is_dir() for name in _names(path)]
    sets = [_set(data_dir, name, scale) for name in dict.fromkeys(names)]
    found = [one for one in sets if one.folders]
    if not found:
        raise UserError(
            "no data set here: expected HR/, NAME/HR/ or NAME_HR/ with images",
            where=data_dir,
            remedy="see docs/data.md",
        )
    return found


def _names(path: Path) -> Iterator[str]:
    yield path.name
    if path.name.endswith("_HR"):
        yield path.name.removesuffix("_HR")
    if match := _LR_ALONE.fullmatch(path.name):
        yield match[1]


def _set(data_dir: Path, name: str, scale: int) -> SetFolder:
    hr = hr_folder(data_dir, name)
    if hr is not None:
        return SetFolder(name, name, hr, lr_folder(data_dir, name, scale), scale)
    candidates = (
        folder
        for layout in registry().layouts
        for folder in layout.lr_folders(data_dir, name, scale)
    )
    alone = (folder for folder in candidates if folder.is_dir() and images_in(folder))
    return SetFolder(name, name, None, next(alone, None), scale)


def contents(one: SetFolder) -> SetContents:
    """Pair the files of a set by name, as an evaluation does, but go on where it stops."""
    hr, hr_findings = _by_stem(one.hr)
    lr, lr_findings = _by_stem(one.lr)
    pairs, alone = [], []
    findings = [*hr_findings, *lr_findings, *_leftovers(one)]
    for stem, path in hr.items():
        partner = lr.pop(f"{stem}x{one.scale}", None) or lr.pop(stem, None)
        if partner is None:
            alone.append(path)
            findings.append(
                DataFinding("missing_lr", path, f"expected {stem}x{one.scale}{path.suffix}")
            )
        else:
            pairs.append(ImagePair(path.name, partner, path))
    alone += lr.values()
    if one.hr is not None:
        findings += [DataFinding("missing_hr", path) for path in lr.values()]
    return SetContents(tuple(pairs), tuple(alone), tuple(findings))


def _by_stem(folder: Path | None) -> tuple[dict[str, Path], list[DataFinding]]:
    by_stem: dict[str, Path] = {}
    findings = []
    for path in images_in(folder) if folder is not None else ():
        if not path.name.isprintable():
            findings.append(DataFinding("name", path, "cannot be printed"))
        elif path.stem in by_stem:
            findings.append(DataFinding("name", path, f"same name as {by_stem[path.stem].name}"))
        else:
            by_stem[path.stem] = path
    return by_stem, findings


def _leftovers(one: SetFolder) -> Iterator[DataFinding]:
    for folder in one.folders:
        images = set(images_in(folder))
        for path in sorted(folder.iterdir()):
            wanted = path in images or path.is_dir() or path.name == MANIFEST
            if not wanted and path.suffix.lower() not in _DESCRIPTIONS:
                yield DataFinding("leftover", path)
