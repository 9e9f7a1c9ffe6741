"""What a submission does beside restoring images, as the rules of `--check` look at it."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from esr.sandbox.inside import audit_hook
from esr.sandbox.inside.audit_hook import Event

Kind = Literal["write", "read", "network", "process"]

_KINDS: dict[audit_hook.Kind, Kind] = {
    "write": "write",
    **dict.fromkeys(("read", "list", "enter"), "read"),
    **dict.fromkeys(("connect", "lookup", "request"), "network"),
    "start": "process",
}
_SYSTEM = ("/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev", "/opt")
_NOWHERE = (os.devnull, "/dev/stdout", "/dev/stderr")


@dataclass(frozen=True)
class SideEffect:
    """Something that was done while somebody watched."""

    kind: Kind
    what: str
    """The path, the address or the command."""


class SideEffects:
    """Keeps what a submission should not do, whoever of its libraries does it.

    Args:
        own: files of the submission, which it may read.
        ours: files that this house writes meanwhile.
        root: the harness; its code may be read, its other folders may not.
    """

    def __init__(self, own: Sequence[Path], ours: Sequence[Path], root: Path) -> None:
        self.seen: list[SideEffect] = []
        self._own = {str(path) for path in own}
        self._stems = {path.stem for path in own}
        self._ours = {str(path) for path in ours}
        self._root = str(root)
        prefixes = (sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *_SYSTEM)
        self._libraries = tuple(
            f"{path}{os.sep}" for path in (*prefixes, root / "esr", root / "utils")
        )
        self._watching = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keep what happens in this block."""
        self._watching = True
        try:
            yield
        finally:
            self._watching = False

    def judge(self, event: Event) -> None:
        """Keep an event that should not be."""
        kind = _KINDS.get(event.kind)
        if not self._watching or kind is None:
            return
        if kind == "read" or event.name == "open":
            found = [_absolute(path) for path in event.paths]
            allowed = self._may_read if kind == "read" else self._may_write
            self.seen += [SideEffect(kind, name) for name in found if not allowed(name)]
        else:
            self.seen.append(SideEffect(kind, _text(event)))

    def _may_write(self, name: str) -> bool:
        return name in self._ours or name in _NOWHERE

    def _may_read(self, name: str) -> bool:
        if name == self._root or name in self._own or name in self._ours:
            return True
        libraries = (*self._libraries, f"{Path.cwd()}{os.sep}")
        return f"{name}{os.sep}".startswith(libraries) or self._is_compiled(name)

    def _is_compiled(self, name: str) -> bool:
        parent, file = os.path.split(name)
        return parent.endswith("__pycache__") and file.split(".")[0] in self._stems


def _absolute(path: str) -> str:
    return os.path.normpath(Path(path).absolute())


def _text(event: Event) -> str:
    # A socket's own text is long and says nothing.
    told = [
        str(part) for part in event.arguments if part is not None and not hasattr(part, "fileno")
    ]
    return " ".join([event.name, *told])
