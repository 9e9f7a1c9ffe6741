"""A lock: exact versions and hashes of what was added for one submission.

A text that pip and uv read (`pip install --require-hashes -r FILE`). Its first line says what was
asked for, a second one what of that the organizer has stated; the packages of the harness, PyTorch
among them, are inherited and not in it.
"""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from esr.base.errors import UserError
from esr.base.foreign_bytes import read_foreign

_BYTES_AT_MOST = 2**22
_HEAD = re.compile(r"# esr environment, Python (\S+), for: (.*)")
_PACKAGE = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.+!-]+ --hash=sha256:[0-9a-f]{64}")
_STATED = "# with: "
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class EnvironmentLock:
    """What was added for one submission."""

    asked: tuple[str, ...]
    """Requirements, as somebody has stated them."""
    packages: tuple[str, ...]
    """`name==version --hash=sha256:...`, sorted; empty if all was there already."""
    python: str = PYTHON
    stated: tuple[str, ...] = ()
    """What of `asked` the organizer has stated (`--with`)."""

    @property
    def key(self) -> str:
        """Name equal environments alike."""
        text = "\n".join((self.python, *self.packages))
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    def text(self) -> str:
        """Say it as a file of requirements."""
        head = f"# esr environment, Python {self.python}, for: {', '.join(self.asked)}"
        stated = (f"{_STATED}{', '.join(self.stated)}",) if self.stated else ()
        return "\n".join((head, *stated, *self.packages, ""))


def lock_line(name: str, version: str, sha256: str) -> str:
    """Say which file was installed, alike whatever has installed it."""
    return f"{canonicalize_name(name)}=={version} --hash=sha256:{sha256}"


def read_lock(path: Path) -> EnvironmentLock | None:
    """Read a lock; None if there is none.

    Raises:
        UserError: it cannot be read, or holds something else.
    """
    try:
        if not path.exists():
            return None
        lines = read_foreign(path, _BYTES_AT_MOST).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UserError("cannot be read (no UTF-8)", where=path) from error
    head = _HEAD.fullmatch(lines[0]) if lines else None
    stated = lines.pop(1) if lines[1:] and lines[1].startswith(_STATED) else _STATED
    packages = tuple(lines[1:])
    if head is None or not all(map(_PACKAGE.fullmatch, packages)):
        remedy = "remove it and prepare the environment again"
        raise UserError("is no lock of an environment", where=path, remedy=remedy)
    asked, with_them = map(_parts, (head[2], stated.removeprefix(_STATED)))
    return EnvironmentLock(asked, packages, head[1], with_them)


def _parts(listed: str) -> tuple[str, ...]:
    return tuple(part for part in listed.split(", ") if part)
