"""A private copy of a clone for the child to work in: whatever it writes, the clone stays as it is.

Copied and not linked, since a child that writes to a link writes to what it leads to. Images and
archives stay behind: no network needs them, and the HR images of a clone's own data are no business
of a child.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from esr.base.errors import UserError, cause
from esr.base.sha256 import hash_file
from esr.submissions.clone.clone_facts import FileHash

_FOLDERS_LEFT = frozenset((".git", "__pycache__", ".venv", "venv", "node_modules"))
_LEFT = ".png .jpg .jpeg .bmp .webp .tif .tiff .ppm .gif .pdf .mp4 .avi .zip .tgz .7z .rar .pyc"
_FROM_OUTSIDE = ".pth .pt .ckpt .pkl .safetensors .bin .py"
"""What a link may lead to that leaves the clone."""


def copy_clone(clone: Path, target: Path) -> None:
    """Copy what the code in a clone may need.

    Raises:
        UserError: a file cannot be read.
        OSError: there is no room for it.
    """
    whole = clone.resolve()

    def left_out(folder: str, names: Sequence[str]) -> set[str]:
        return {name for name in names if _is_left(Path(folder) / name, whole)}

    try:
        shutil.copytree(clone, target, ignore=left_out, copy_function=shutil.copyfile)
    except shutil.Error as error:
        source, _, reason = error.args[0][0]
        raise UserError(f"cannot be copied ({reason})", where=source) from error


def _is_left(path: Path, clone: Path) -> bool:
    leads_to = path.resolve()
    if path.is_dir():
        # A link to a folder may lead anywhere, back to itself included.
        zoo = path.parent.resolve() == clone and path.name == "model_zoo"
        return path.name in _FOLDERS_LEFT or (path.is_symlink() and not zoo)
    suffix = leads_to.suffix.lower()
    outside = not leads_to.is_relative_to(clone) and suffix not in _FROM_OUTSIDE.split()
    return outside or not leads_to.is_file() or suffix in _LEFT.split()


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
