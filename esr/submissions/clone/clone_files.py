"""The files of a clone: copied for the child, hashed for the record, with what is told of them.

The child works in a private copy: whatever it writes, the clone stays as it is. Copied and not
linked, since a child that writes to a link writes to what it leads to. Images and archives stay
behind: no network needs them, and the HR images of a clone's own data are no business of a child.

Which commit is checked out is read without running git: a stranger's `.git/config` may name
programs that git would start.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import Field

from esr.base.errors import UserError, cause
from esr.base.json_file import read_bytes
from esr.base.sha256 import hash_file

_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_REF = re.compile(r"ref: (refs/[\w./-]+)")
_LARGEST = 2**34
"""Bytes of a file; one that is empty costs nothing to make, and a disk to copy."""
_FOLDERS_LEFT = frozenset((".git", "__pycache__", ".venv", "venv", "node_modules"))
_LEFT = ".png .jpg .jpeg .bmp .webp .tif .tiff .ppm .gif .pdf .mp4 .avi .zip .tgz .7z .rar .pyc"
_FROM_OUTSIDE = ".pth .pt .ckpt .pkl .safetensors .bin .py"
"""What a link may lead to that leaves the clone."""


@dataclass(frozen=True)
class CloneFacts:
    """What a clone's code has said and used; the child's word."""

    name: str
    """As `select_model` returned it."""
    data_range: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    tile: Annotated[int, Field(ge=1)] | None
    forward: str | None
    """Call in the clone's own loop that restores an image; None if it could not be told and the
    harness restored it by its own rules."""
    modules: tuple[str, ...]
    """Source files that were imported, relative to the clone."""
    checkpoints: tuple[str, ...]
    """Files given to `torch.load`, relative to the clone."""
    trusted: bool
    """Whether its checkpoints were allowed to run code."""
    not_done: tuple[str, ...] = ()
    """Statements that the clone's own loop has for this id alone and the harness does not run."""
    redirected: dict[str, int] = field(default_factory=dict)
    """CUDA calls that were carried out on the CPU, and how often; empty where there is a GPU."""
    absent: tuple[str, ...] = ()
    """Packages that were imported and are not installed, and that nothing has used."""
    stand_ins: tuple[str, ...] = ()
    """What of them the harness has replaced (`esr.submissions.clone_session.stand_ins`)."""


@dataclass(frozen=True)
class FileHash:
    """One file of a clone."""

    path: str
    """Relative to the clone."""
    sha256: str


@dataclass(frozen=True)
class CloneSource:
    """Where a submission comes from that is not one of ours."""

    path: str
    """The clone."""
    git_commit: str | None
    """What is checked out there; its files may differ from it, their hashes are in `files`."""
    facts: CloneFacts
    files: tuple[FileHash, ...]
    """`facts.modules` and `facts.checkpoints`."""


def checked_out(clone: Path) -> str | None:
    """Return the commit; None where that cannot be told."""
    git = clone / ".git"
    head = _text(git / "HEAD").strip()
    if named := _REF.fullmatch(head):
        ref = named[1]
        if ".." in ref:
            return None
        packed = (line.split(" ") for line in _text(git / "packed-refs").splitlines())
        commits = {words[1]: words[0] for words in packed if len(words) == 2}
        head = _text(git / ref).strip() or commits.get(ref, "")
    return head if _COMMIT.fullmatch(head) else None


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8", "replace")
    except UserError:
        return ""


def copy_clone(clone: Path, target: Path, hidden: Sequence[Path] = ()) -> None:
    """Copy what the code in a clone may need.

    Args:
        clone: what is copied.
        target: where to.
        hidden: folders of which nothing is copied, whatever leads there.

    Raises:
        UserError: a file cannot be read, or is too large for any submission.
        OSError: there is no room for it.
    """
    whole = clone.resolve()
    closed = [place.resolve() for place in hidden if not whole.is_relative_to(place.resolve())]

    def left_out(folder: str, names: Sequence[str]) -> set[str]:
        return {name for name in names if _is_left(Path(folder) / name, whole, closed)}

    try:
        shutil.copytree(clone, target, ignore=left_out, copy_function=shutil.copyfile)
    except shutil.Error as error:
        source, _, reason = error.args[0][0]
        raise UserError(f"cannot be copied ({reason})", where=source) from error
    except RecursionError as error:
        raise UserError("its folders nest too deep to be copied", where=clone) from error


def _is_left(path: Path, clone: Path, hidden: Sequence[Path]) -> bool:
    try:
        leads_to = path.resolve()
    except (RuntimeError, OSError):  # A ring of links leads nowhere.
        return True
    if any(leads_to.is_relative_to(place) for place in hidden):
        return True
    if path.is_dir():
        # A link to a folder may lead anywhere, back to itself included.
        zoo = path.parent.resolve() == clone and path.name == "model_zoo"
        return path.name in _FOLDERS_LEFT or (path.is_symlink() and not zoo)
    suffix = leads_to.suffix.lower()
    if suffix == ".zip" and leads_to.is_relative_to(clone / "model_zoo"):
        suffix = ""  # Of weights.
    outside = not leads_to.is_relative_to(clone) and suffix not in _FROM_OUTSIDE.split()
    if outside or not leads_to.is_file() or suffix in _LEFT.split():
        return True
    if (size := leads_to.stat().st_size) > _LARGEST:
        raise UserError(
            f"has {size / 2**30:.4g} GiB, more than {_LARGEST / 2**30:.4g}; make it smaller, or"
            " remove it",
            where=path,
        )
    return False


def hashes(clone: Path, files: Sequence[str]) -> tuple[FileHash, ...]:
    """Hash some files of a clone, whose names a child has told.

    Raises:
        UserError: one does not lie in the clone, or cannot be read.
    """
    hashed = []
    for name in sorted(set(files)):
        path = clone / PurePosixPath(name)
        if not _holds(clone, path):
            raise UserError(f"names a file {name!r} that is not in the clone")
        try:
            hashed.append(FileHash(name, hash_file(path)))
        except OSError as error:
            raise UserError(f"cannot be read ({cause(error)})", where=path) from error
    return tuple(hashed)


def _holds(clone: Path, path: Path) -> bool:
    try:
        return path.is_file() and path.resolve().is_relative_to(clone.resolve())
    except (ValueError, RuntimeError, OSError):  # No name of a file, a ring of links, too long.
        return False


def relative(path: str | os.PathLike[str], mirror: Path) -> str | None:
    """Name a file of the copy as the clone would; None if it lies elsewhere."""
    resolved = Path(path).resolve()
    return resolved.relative_to(mirror).as_posix() if resolved.is_relative_to(mirror) else None
