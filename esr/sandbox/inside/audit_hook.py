"""What this process does to the world, told by Python's audit hooks (PEP 578) as it happens.

Only what is seen is here. Whether it matters is for a judge to say: `audit_events` tells for
the flags of a row and for `--check`.

Code in other languages raises no events, nor do forked processes report theirs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

OnFiles = Literal["read", "list", "enter", "write"]
Kind = OnFiles | Literal["connect", "lookup", "request", "start", "signal", "load", "trace"]

_OPENS = "open"
_TWO_PATHS = ("os.rename", "os.link", "os.symlink")
_KINDS: dict[str, Kind] = {
    _OPENS: "read",
    **dict.fromkeys(("os.listdir", "os.scandir"), "list"),
    "os.chdir": "enter",
    **dict.fromkeys(("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.utime"), "write"),
    **dict.fromkeys(("os.chmod", "os.chown", "os.setxattr", *_TWO_PATHS), "write"),
    **dict.fromkeys(("socket.connect", "socket.bind"), "connect"),
    **dict.fromkeys(("socket.sendto", "socket.sendmsg"), "connect"),
    **dict.fromkeys(("socket.getaddrinfo", "socket.gethostbyname"), "lookup"),
    "socket.gethostbyaddr": "lookup",
    "urllib.Request": "request",
    **dict.fromkeys(("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"), "start"),
    **dict.fromkeys(("os.fork", "os.forkpty", "pty.spawn"), "start"),
    **dict.fromkeys(("os.kill", "os.killpg"), "signal"),
    "ctypes.dlopen": "load",
    **dict.fromkeys(("sys.setprofile", "sys.settrace", "sys.addaudithook"), "trace"),
    "sys.monitoring.register_callback": "trace",
}
_ON_FILES: tuple[Kind, ...] = get_args(OnFiles)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True)
class Event:
    """Something that is about to be done."""

    kind: Kind
    name: str
    """Python's own: https://docs.python.org/3/library/audit_events.html."""
    arguments: tuple[Any, ...]
    """As that page lists them."""
    paths: tuple[str, ...]
    """As they were given; without files that are open already, which are numbers."""


def install(judge: Callable[[Event], None]) -> None:
    """Tell a judge of all that is done from now on; Python has no way to end it.

    Args:
        judge: refuses what is about to be done by raising `PermissionError`.
    """
    # A copy of our own: the submission can reach the module's.
    find = dict(_KINDS).get

    def hook(name: str, arguments: tuple[Any, ...]) -> None:
        # Called for thousands of events: all but a few must cost next to nothing.
        kind = find(name)
        if kind is not None:
            try:
                judge(_event(kind, name, arguments))
            except (PermissionError, RecursionError):
                raise
            except Exception:  # An odd argument is for the call itself to refuse.
                return

    sys.addaudithook(hook)


def _event(kind: Kind, name: str, arguments: tuple[Any, ...]) -> Event:
    if name == _OPENS:
        _, _, flags = arguments
        kind = "write" if flags & _WRITING else "read"
    paths = tuple(_paths(name, arguments)) if kind in _ON_FILES else ()
    return Event(kind, name, arguments, paths)


def _paths(name: str, arguments: tuple[Any, ...]) -> Iterator[str]:
    for path in arguments[: 2 if name in _TWO_PATHS else 1]:
        if path is None:
            yield os.curdir
        elif not isinstance(path, int):
            yield os.fsdecode(path)
