"""What a submission may use and see: limits, and which places are whose."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from esr.sandbox.limits import Limits
from esr.submissions.submission import Measurable, Submission

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix")
"""Where the system's programs and libraries lie."""


@dataclass(frozen=True)
class Policy:
    """How a submission is confined."""

    limits: Limits
    sandbox: bool
    """Whether to run it in bubblewrap."""
    hidden: tuple[Path, ...] = ()
    """Folders of HR images and of results."""


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

    @property
    def home(self) -> Path:
        """What the child is told is its home."""
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        """What the child is told is the folder for temporary files."""
        return self.folder / "tmp"


def places(submission: Measurable, folder: Path, hidden: Iterable[Path], root: Path) -> Places:
    """Sort out which places a submission needs and which it must not see.

    Args:
        submission: what is run.
        folder: its private folder.
        hidden: what it must not see; a folder that holds something it needs stays visible.
        root: the harness.
    """
    own = _distinct(own_files(submission))
    python = _distinct((*interpreter(), root / "esr", root / "utils"))
    needed = (folder.resolve(), *own, *python)
    return Places(
        folder=folder.resolve(),
        own=own,
        python=python,
        hidden=tuple(
            place
            for place in _distinct(hidden)
            if place.exists() and not any(other.is_relative_to(place) for other in needed)
        ),
    )


def own_files(submission: Measurable) -> tuple[Path, ...]:
    """Name the folder of a submission's code, and its checkpoint."""
    checkpoint = submission.checkpoint if isinstance(submission, Submission) else None
    return (submission.model_file.parent, *([] if checkpoint is None else [checkpoint]))


def interpreter() -> tuple[Path, ...]:
    """Name where Python and its packages lie, `PYTHONPATH` included."""
    prefixes = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    packages = (path for path in sys.path if "site-packages" in path or "dist-packages" in path)
    stated = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return tuple(map(Path, (*prefixes, *packages, *stated)))


def _distinct(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(path.resolve() for path in paths))
