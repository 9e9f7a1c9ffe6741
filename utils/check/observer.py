"""What a submission does beside restoring images, as Python's audit hooks see it.

They see what goes through Python's own functions, not what an extension asks of the system itself.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["write", "read", "network", "process"]

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link"), "write"),
    **dict.fromkeys(("os.symlink", "os.truncate", "os.chmod", "os.chown", "os.utime"), "write"),
    **dict.fromkeys(("os.listdir", "os.scandir", "os.chdir"), "read"),
    **dict.fromkeys(("socket.connect", "socket.bind", "socket.sendto"), "network"),
    **dict.fromkeys(("socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"), "network"),
    **dict.fromkeys(("subprocess.Popen", "os.system", "os.exec", "os.spawn"), "process"),
    **dict.fromkeys(("os.fork", "os.forkpty", "os.posix_spawn"), "process"),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_SYSTEM = ("/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev", "/opt")
_NOWHERE = (os.devnull, "/dev/stdout", "/dev/stderr")


@dataclass(frozen=True)
class Event:
    """Something that was done while somebody watched."""

    kind: Kind
    what: str
    """The path, the address or the command."""


class Observer:
    """Keeps the events that a submission should not cause.

    Args:
        own: files of the submission, which it may read.
        ours: files that this house writes meanwhile.
        root: the harness; its `utils/` may be read, its other folders may not.
    """

    def __init__(self, own: Sequence[Path], ours: Sequence[Path], root: Path) -> None:
        self.events: list[Event] = []
        self._own = {str(path) for path in own}
        self._stems = {path.stem for path in own}
        self._ours = {str(path) for path in ours}
        self._root = str(root)
        prefixes = (sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *_SYSTEM)
        self._libraries = tuple(f"{path}{os.sep}" for path in (*prefixes, str(root / "utils")))
        self._watching = False
        sys.addaudithook(self._hook)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keep the events of this block."""
        self._watching = True
        try:
            yield
        finally:
            self._watching = False

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._watching:
            with suppress(Exception):  # It would become the submission's own.
                self._note(event, arguments)

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        kind = _KINDS.get(event)
        if event == "open":
            self._opened(*arguments)
        elif kind == "read":
            self._read(_path(arguments[0] if arguments else None))
        elif kind is not None:
            self.events.append(Event(kind, _text(event, arguments)))

    def _opened(self, path: object, mode: object, flags: object) -> None:
        del mode  # The flags say it too, also for `os.open`.
        name = _path(path)
        if name is None or name in self._ours or name in _NOWHERE:
            return
        if isinstance(flags, int) and flags & _WRITING:
            self.events.append(Event("write", name))
        else:
            self._read(name)

    def _read(self, name: str | None) -> None:
        if name is None or name == self._root or name in self._own or self._is_compiled(name):
            return
        if not f"{name}{os.sep}".startswith((*self._libraries, f"{Path.cwd()}{os.sep}")):
            self.events.append(Event("read", name))

    def _is_compiled(self, name: str) -> bool:
        parent, file = os.path.split(name)
        return parent.endswith("__pycache__") and file.split(".")[0] in self._stems


def _path(path: object) -> str | None:
    # A number is a file that is open already; None is the current folder.
    if path is None:
        return str(Path.cwd())
    if not isinstance(path, str | bytes | os.PathLike):
        return None
    return os.path.normpath(Path(os.fsdecode(path)).absolute())


def _text(event: str, arguments: tuple[object, ...]) -> str:
    # A socket's own text is long and says nothing.
    told = [str(part) for part in arguments if part is not None and not hasattr(part, "fileno")]
    return " ".join([event, *told])
