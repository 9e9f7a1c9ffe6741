"""What a submission opens, starts, connects to and loads, by Python's audit hooks (PEP 578).

    wrote_files          it wrote, or tried to, outside its private folder
    read_images          it opened image files that are neither its own nor a package's
    read_outside         it opened or listed other places that are neither its own nor the system's
    used_network         it looked up a name, connected, or offered a connection
    started_processes    it started programs or forked; the compilers of PyTorch are not meant
    signalled_processes  it signalled processes that are not its own
    loaded_library       it loaded native code by itself, which these hooks do not see

Code in other languages raises no events, nor do forked processes report theirs: this makes reaching
out conspicuous; what holds it back is Landlock and bubblewrap.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.errors import printable_line
from utils.record import Flag
from utils.sandbox.actor import Actors, within
from utils.sandbox.policy import interpreter

_IMAGES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".jp2", ".exr"),
    *(".npy", ".npz"),
)
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix", "/etc")
_DEVICES = ("/dev", "/sys")
_CHANGES = {
    **dict.fromkeys(("os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod"), (0,)),
    **dict.fromkeys(("os.chown", "os.utime", "os.setxattr"), (0,)),
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), (0, 1)),
}
"""Events that change files, and which of their arguments are paths."""
_CONNECTS = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg")
_LOOKS_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_STARTS = (
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"),
    *("os.fork", "os.forkpty", "pty.spawn"),
)
_NAMED_AT_MOST = 5
_KEPT_AT_MOST = 200


@dataclass(frozen=True)
class Event:
    """Something noteworthy that a submission did."""

    flag: str
    what: str


class Observer:
    """Notes what this process does from `install` on.

    Args:
        folder: where it may write.
        own: files and folders of the submission.
        house: `utils` of the harness, whose own doings are not meant.
    """

    def __init__(self, folder: Path, own: Sequence[Path], house: Path) -> None:
        self.events: list[Event] = []
        self._folder = os.path.realpath(folder)
        self._own = (self._folder, *map(os.path.realpath, own))
        self._python = (os.path.realpath(house), *map(os.path.realpath, interpreter()))
        self._actors = Actors(house)
        self._readable = (*self._own, *self._python, *_SYSTEM, *_DEVICES)

    def install(self) -> None:
        """Begin; Python has no way to end it."""
        handlers: dict[str, Callable[..., None]] = {
            "open": self._opened,
            "os.listdir": self._listed,
            "os.scandir": self._listed,
            "os.kill": lambda pid, _: self._signalled(pid, os.getsid),
            "os.killpg": lambda group, _: self._signalled(group, os.getsid),
            "ctypes.dlopen": lambda name: self._note("loaded_library", name),
        }
        for name, indices in _CHANGES.items():
            handlers[name] = lambda *args, at=indices: self._wrote(*(args[i] for i in at))
        handlers |= {name: lambda _, address: self._connected(address) for name in _CONNECTS}
        handlers |= {name: lambda host, *_: self._connected((host,)) for name in _LOOKS_UP}
        for name in _STARTS:
            handlers[name] = lambda *args, event=name: self._note(
                "started_processes", args[0] if args else event
            )
        find = handlers.get

        def hook(event: str, args: tuple[object, ...]) -> None:
            # Called for thousands of events: all but a few must cost next to nothing.
            handler = find(event)
            if handler is not None:
                try:
                    handler(*args)
                except (PermissionError, RecursionError):
                    raise
                except Exception:  # An odd argument is for the call itself to refuse.
                    return

        sys.addaudithook(hook)

    def flags(self) -> Iterator[Flag]:
        """Make one flag of each kind of event."""
        by_flag: dict[str, dict[str, None]] = defaultdict(dict)
        for event in self.events:
            by_flag[event.flag][event.what] = None
        for name, seen in by_flag.items():
            rest = len(seen) - _NAMED_AT_MOST
            named = ", ".join(list(seen)[:_NAMED_AT_MOST])
            yield Flag(name, printable_line(named + (f" and {rest} more" if rest > 0 else "")))

    def _note(self, flag: str, what: object) -> None:
        if self._actors.who() == "submission" and len(self.events) < _KEPT_AT_MOST:
            self.events.append(Event(flag, _text(what)))

    def _opened(self, path: object, mode: object, flags: int) -> None:
        if isinstance(path, int):
            return
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            self._wrote(path)
            return
        place = _real(path)
        if place.lower().endswith(_IMAGES) and not within(place, (*self._own, *self._python)):
            self._note("read_images", place)
        elif not self._is_readable(place):
            self._note("read_outside", place)

    def _listed(self, path: object) -> None:
        if isinstance(path, int):
            return
        place = _real(path or ".")
        # Python itself lists every folder that it looks for a module or for a package's version in.
        importing = sys._getframe(2).f_code.co_filename.startswith("<frozen importlib")
        if not importing and place not in map(_real, sys.path) and not self._is_readable(place):
            self._note("read_outside", place)

    def _is_readable(self, place: str) -> bool:
        if place.startswith("/proc/"):
            owner = place.split("/")[2]
            return not owner.isdigit() or owner == str(os.getpid())
        return within(place, self._readable)

    def _wrote(self, *paths: object) -> None:
        for place in (_real(path) for path in paths if not isinstance(path, int)):
            if not within(place, (self._folder, "/dev", f"/proc/{os.getpid()}")):
                self._note("wrote_files", place)

    def _connected(self, address: object) -> None:
        if isinstance(address, str | bytes) and within(_real(address), (self._folder,)):
            return  # A socket in its own folder.
        what = ":".join(map(_text, address)) if isinstance(address, tuple) else address
        self._note("used_network", what)

    def _signalled(self, number: int, session: Callable[[int], int]) -> None:
        if number in (0, os.getpid()):
            return
        try:
            foreign = number < 0 or session(number) != session(0)
        except ProcessLookupError:  # A group whose leader has ended.
            foreign = False
        if foreign:
            self._note("signalled_processes", f"process {number}")
            raise PermissionError(f"process {number} is none of the submission's own")


def _real(path: object) -> str:
    return os.path.realpath(os.fsdecode(path))  # type: ignore[arg-type]


def _text(what: object) -> str:
    if isinstance(what, bytes):
        return os.fsdecode(what)
    return what if isinstance(what, str) else str(what)
