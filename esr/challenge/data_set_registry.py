"""The field's data sets as data: layouts, number of images, licence, addresses. `datasets.toml`.

What is unknown is None there and here; a fact without a source is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass as validated

from esr.base.errors import UserError
from esr.base.toml_file import STRICT, check_tables, read_tables

DATA_SETS = Path(__file__).with_name("datasets.toml")
FACTS = ("images", "names", "hr_public", "licence", "home_page")
"""Fields of a set that need a source."""


@validated(frozen=True, config=STRICT)
class Layout:
    """Where the images of a set lie and what they are called; table `[[layout]]`."""

    name: str
    """What a protocol calls it."""
    hr: str
    """Folder of the HR images; `{name}` is that of the set."""
    lr: Annotated[tuple[str, ...], Field(min_length=1)]
    """Folders of the LR images, `{scale}` filled in too; the first that is there is taken."""
    source: str
    lr_names: Annotated[tuple[str, ...], Field(min_length=1)] = ("{stem}x{scale}", "{stem}")
    """What the LR image of an HR image may be called, without suffix."""
    suffixes: tuple[str, str] | None = None
    """Of HR and of LR; None if any image file will do."""
    exact_size: bool = False
    """Whether HR must be `scale` times LR; otherwise it is cropped to a multiple."""
    bicubic: bool = True
    """Whether LR is MATLAB's bicubic of HR. If so, protocols that name no layout look for this one,
    and `python -m esr data` checks and prepares it."""
    remedy: str | None = None
    """What to do where images are missing; None if the bicubic can be made."""
    sets: tuple[str, ...] = ()
    """Names of the only sets that lie so; any set may without."""

    @property
    def is_folder(self) -> bool:
        """Whether a set is a folder of its own, which can be given as `--data_dir` itself."""
        return self.hr.startswith("{name}/")

    def is_of(self, name: str) -> bool:
        """Whether a set may lie so."""
        return not self.sets or name in self.sets

    def hr_folder(self, data_dir: Path, name: str) -> Path:
        """Folder of the HR images."""
        return data_dir / self.hr.format(name=name)

    def lr_folders(self, data_dir: Path, name: str, scale: int) -> list[Path]:
        """Folders in which the LR images may be."""
        return [data_dir / lr.format(name=name, scale=scale) for lr in self.lr]

    def lr_stems(self, stem: str, scale: int) -> list[str]:
        """List what the LR image of an HR image may be called, likely names first."""
        return [name.format(stem=stem, scale=scale) for name in self.lr_names]

    def names(self, folder: str, scale: int) -> Iterator[str]:
        """List the sets that a folder in `data_dir` may be a part of, by its name."""
        for pattern in (self.hr, *self.lr):
            before, placed, after = pattern.partition("/")[0].partition("{name}")
            after = after.format(scale=scale)
            name = folder.removeprefix(before).removesuffix(after)
            if placed and name and folder == f"{before}{name}{after}":
                yield name


@validated(frozen=True, config=STRICT)
class Archive:
    """One zip archive of a set."""

    url: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Field(gt=0)]
    scale: int | None = None
    """Of the LR images in it; None for HR."""

    @property
    def file(self) -> str:
        """Last part of its address."""
        return self.url.rpartition("/")[2]


@validated(frozen=True, config=STRICT)
class DataSet:
    """What is known of one set; table `[sets.NAME]`."""

    name: str
    source: dict[str, str]
    """Where each fact is from."""
    images: Annotated[int, Field(gt=0)] | None = None
    """Number of pairs."""
    names: str | None = None
    """Of its files, without suffix."""
    hr_public: Literal["yes", "no", "on application"] | None = None
    licence: str | None = None
    home_page: str | None = None
    aliases: tuple[str, ...] = ()
    how: str | None = None
    """How one gets it where no archive is listed."""
    instead: str | None = None
    """What one can do without its HR."""
    archive: tuple[Archive, ...] = ()
    archive_source: str | None = None

    def __post_init__(self) -> None:
        known = {fact for fact in FACTS if getattr(self, fact) is not None}
        if known != set(self.source):
            raise ValueError(f"facts and sources differ: {sorted(known ^ set(self.source))}")
        if bool(self.archive) != bool(self.archive_source):
            raise ValueError("archives need a source")

    def is_partial(self, images: int) -> bool:
        """Tell whether so many images are known not to be the set."""
        return self.images is not None and images != self.images


@validated(frozen=True, config=STRICT)
class Registry:
    """The whole file."""

    layouts: Annotated[tuple[Layout, ...], Field(min_length=1)]
    sets: dict[str, DataSet] = field(default_factory=dict)

    def find(self, name: str) -> DataSet | None:
        """Look up a set by its name or an alias; None for one of the user's own."""
        others = (known for known in self.sets.values() if name in known.aliases)
        return self.sets.get(name) or next(others, None)

    def choose(self, names: Sequence[str] = ()) -> tuple[Layout, ...]:
        """Pick layouts by name; those of bicubic LR without any.

        Raises:
            UserError: there is no such layout.
        """
        by_name = {layout.name: layout for layout in self.layouts}
        if unknown := [name for name in names if name not in by_name]:
            raise UserError(f"no such layout; known are {', '.join(by_name)}", where=unknown[0])
        chosen = [by_name[name] for name in names]
        return tuple(chosen or (layout for layout in self.layouts if layout.bicubic))


@cache
def registry(path: Path = DATA_SETS) -> Registry:
    """Read a file of data sets, once.

    Raises:
        UserError: no TOML, an unknown key, a wrong value, a fact without a source.
    """
    tables = read_tables(path, path)
    sets = {name: {**table, "name": name} for name, table in tables.pop("sets", {}).items()}
    layouts = tables.pop("layout", [])
    return check_tables(Registry, {"layouts": layouts, "sets": sets, **tables}, path)
