"""What a submission may use and see: limits, and which places are whose."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from esr.base.house import CODE, ROOT
from esr.submissions.submission import Measurable


@dataclass(frozen=True)
class Policy:
    """How a submission is confined."""

    limits: Limits
    sandbox: bool
    """Whether to run it in bubblewrap."""
    hidden: tuple[Path, ...] = ()
    """Folders of HR images and of results."""
    shown: tuple[Path, ...] = ()
    """What it may read beside its own files: its packages."""


@dataclass(frozen=True)
class Places:
    """Folders and files, all resolved, by what a submission may do with them."""

    folder: Path
    """Its private folder, the only one it may write to."""
    own: tuple[Path, ...]
    """Its own files."""
    python: tuple[Path, ...]
    """The interpreter, the packages and this house."""
    hidden: tuple[Path, ...]
    """What it must not see, but for the others that lie in there."""

    def hidden_in(self, place: Path) -> tuple[Path, ...]:
        """What must not be seen of something that it needs."""
        return tuple(other for other in self.hidden if place == other or place in other.parents)

    @property
    def home(self) -> Path:
        """What the child is told is its home."""
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        """What the child is told is the folder for temporary files."""
        return self.folder / "tmp"


def places(
    submission: Measurable, folder: Path, hidden: Iterable[Path], shown: Iterable[Path] = ()
) -> Places:
    """Sort out which places a submission needs and which it must not see.

    Args:
        submission: what is run.
        folder: its private folder.
        hidden: what it must not see, but for what it needs in there.
        shown: what it may read beside its own files.
    """
    return places_of_house(folder, (*own_files(submission), *shown), hidden)


def places_of_house(folder: Path, own: Iterable[Path] = (), hidden: Iterable[Path] = ()) -> Places:
    """Say what a program of this house needs.

    Args:
        folder: its private folder.
        own: what else it may read.
        hidden: what it must not see, but for what it needs in there.
    """
    return Places(
        folder=folder.resolve(),
        own=_distinct(own),
        python=_distinct((*interpreter(), *CODE)),
        hidden=tuple(place for place in _distinct(hidden) if place.exists()),
    )


def own_files(submission: Measurable) -> tuple[Path, ...]:
    """Name the folder of a submission's code, and its checkpoint."""
    return (submission.model_file.parent, *filter(None, [submission.checkpoint]))


def interpreter() -> tuple[Path, ...]:
    """Name where Python and its packages lie, `PYTHONPATH` and editable ones included."""
    prefixes = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    # The first is that of the program; Python's own, the user's and those of .pth files follow.
    found = (*prefixes, *sys.path[1:], *_editable())
    return tuple(path for path in map(Path, filter(None, found)) if path.resolve() != ROOT)


def _editable() -> Iterator[str]:
    """Name the packages that setuptools has installed by a finder, not by a folder in sys.path."""
    for name, module in list(sys.modules.items()):
        if name.startswith("__editable__"):
            yield from map(str, getattr(module, "MAPPING", {}).values())


def _distinct(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(path.resolve() for path in paths))


GIB = 2**30
MEMORY_SHARE = 0.8
"""Of the machine's memory, unless the user says otherwise."""
DISK_GIB = 8.0
PROCESSES_AT_MOST = 1000


@dataclass(frozen=True)
class Limits:
    """Limits of one submission."""

    timeout_s: float
    memory_bytes: int
    """Of all its processes together."""
    disk_bytes: int
    """Of its private folder, beside what is put there before it starts, and SR images."""


def memory_bytes(stated_gib: float | None) -> int:
    """Turn the stated limit, or the machine's memory, into bytes."""
    if stated_gib is not None:
        return int(stated_gib * GIB)
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(MEMORY_SHARE * min(installed, _of_container()))


def _of_container() -> float:
    # A container's own limit, by control groups version 2; "max" if there is none.
    with suppress(OSError, ValueError):
        return int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8"))
    return math.inf
