"""What a submission reaches out for: told from what it may do, and made flags of its row.

    wrote_files          it wrote, or tried to, outside its private folder
    read_images          it opened image files that are neither its own nor a package's
    read_outside         it opened or listed other places that are neither its own nor the system's
    used_network         it looked up a name, connected, or offered a connection
    started_processes    it started programs or forked; the compilers of PyTorch are not meant
    signalled_processes  it signalled processes that are not its own
    loaded_library       it loaded native code by itself, which is not observed
    patched_harness      it has itself called whenever any function is, ours included

This makes reaching out conspicuous; what holds it back is Landlock and bubblewrap.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from esr.base.errors import printable_line
from esr.base.house import CODE
from esr.records.measurement import Flag
from esr.sandbox.inside.audit_hook import Event, Kind
from esr.sandbox.inside.caller import Caller, CallerFinder, is_importing, within
from esr.sandbox.policy import interpreter
from esr.sandbox.shown_system import devices, gpus, system_folders

EffectKind = Literal["write", "read", "enter", "network", "process", "signal", "library", "trace"]

_KINDS: dict[Kind, EffectKind] = {
    "write": "write",
    **dict.fromkeys(("read", "list"), "read"),
    "enter": "enter",
    **dict.fromkeys(("connect", "lookup", "request"), "network"),
    "start": "process",
    "signal": "signal",
    "load": "library",
    "trace": "trace",
}
_FLAGS: dict[EffectKind, str] = {
    "write": "wrote_files",
    "read": "read_outside",
    "network": "used_network",
    "process": "started_processes",
    "signal": "signalled_processes",
    "library": "loaded_library",
    "trace": "patched_harness",
}
_IMAGES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".jp2", ".exr"),
    *(".npy", ".npz"),
)
_NAMED_AT_MOST = 5
_KEPT_AT_MOST = 200


@dataclass(frozen=True)
class SideEffect:
    """Something that is about to be done and that a submission has no need of."""

    kind: EffectKind
    what: str
    """The path, the address, the command."""
    caller: Caller


class EventJudge:
    """Tells what a submission has no need of from what it may do.

    Args:
        folder: its private folder.
        own: files and folders that it may read besides.
        writable: files and folders that it may write.
    """

    def __init__(self, folder: Path, own: Iterable[Path], writable: Iterable[Path]) -> None:
        self._folder = os.path.realpath(folder)
        self._writable = _resolved(writable)
        self._own = (self._folder, *_resolved(own), *_resolved(CODE), *_resolved(interpreter()))
        self._readable = (*self._own, *_resolved(system_folders()), "/etc", *_devices())
        self._callers = CallerFinder()
        self._finders: dict[Kind, Callable[[Event], Iterable[str]]] = {
            **dict.fromkeys(("read", "enter"), self._unreadable),
            "list": self._unlistable,
            "write": self._unwritable,
            "connect": self._addresses,
            "request": lambda event: _addressed(_text(event.arguments[0])),
            "signal": _foreign_processes,
            "trace": _named,
        }

    def find(self, event: Event) -> Iterator[SideEffect]:
        """Name what of an event should not be, and whose code does it."""
        for what in self._finders.get(event.kind, _first_argument)(event):
            yield SideEffect(_KINDS[event.kind], what, self._callers.find())

    def _unreadable(self, event: Event) -> Iterator[str]:
        return (place for place in _resolved(event.paths) if not self._may_read(place))

    def _may_read(self, place: str) -> bool:
        if is_image(place):
            return within(place, self._own)
        if place.startswith("/proc/"):
            owner = place.split("/")[2]
            return not owner.isdigit() or owner == str(os.getpid())
        return within(place, self._readable)

    def _unlistable(self, event: Event) -> Iterable[str]:
        # Python itself lists every folder that it looks for a module or for a package's version in.
        if is_importing():
            return ()
        searched = _resolved(sys.path)
        return (place for place in self._unreadable(event) if place not in searched)

    def _unwritable(self, event: Event) -> Iterator[str]:
        writable = (*self._writable, f"/proc/{os.getpid()}")
        return (place for place in _resolved(event.paths) if not within(place, writable))

    def _addresses(self, event: Event) -> Iterator[str]:
        _, address = event.arguments
        is_path = isinstance(address, str | bytes)
        if is_path and within(os.path.realpath(_text(address)), (self._folder,)):
            return  # A socket in its own folder.
        yield ":".join(map(_text, address)) if isinstance(address, tuple) else _text(address)


class AuditFlags:
    """Keeps the side effects of the submission's own code, for the flags of its row.

    Args:
        folder: where it may write.
        own: files and folders of the submission.
    """

    def __init__(self, folder: Path, own: Sequence[Path]) -> None:
        self._judge = EventJudge(folder, own, (folder, *map(Path, _devices())))
        self._seen: list[tuple[str, str]] = []

    def judge(self, event: Event) -> None:
        """Keep what should not be.

        Raises:
            PermissionError: it would signal processes that are not the submission's own.
        """
        for effect in self._judge.find(event):
            flag = _FLAGS.get(effect.kind)
            if flag == "read_outside" and is_image(effect.what):
                flag = "read_images"
            if flag and effect.caller == "submission" and len(self._seen) < _KEPT_AT_MOST:
                self._seen.append((flag, effect.what))
            if effect.kind == "signal":
                raise PermissionError(f"{effect.what} is none of the submission's own")

    def flags(self) -> Iterator[Flag]:
        """Make one flag of each kind."""
        by_flag: dict[str, dict[str, None]] = defaultdict(dict)
        for flag, what in self._seen:
            by_flag[flag][what] = None
        for name, seen in by_flag.items():
            rest = len(seen) - _NAMED_AT_MOST
            named = ", ".join(list(seen)[:_NAMED_AT_MOST])
            yield Flag(name, printable_line(named + (f" and {rest} more" if rest > 0 else "")))


def _devices() -> tuple[str, ...]:
    return _resolved((*devices(), *gpus()))


def is_image(place: str) -> bool:
    """Tell by its name whether a file holds an image, an array of NumPy included."""
    return place.lower().endswith(_IMAGES)


def _foreign_processes(event: Event) -> Iterator[str]:
    number, _ = event.arguments
    if number in (0, os.getpid()):
        return
    try:
        is_foreign = number < 0 or os.getsid(number) != os.getsid(0)
    except ProcessLookupError:  # A group whose leader has ended.
        is_foreign = False
    if is_foreign:
        yield f"process {number}"


def _addressed(url: str) -> Iterator[str]:
    if not url.startswith(("data:", "file:")):
        yield url


def _named(event: Event) -> Iterator[str]:
    yield event.name


def _first_argument(event: Event) -> Iterator[str]:
    yield _text(event.arguments[0] if event.arguments else event.name)


def _resolved(paths: Iterable[str | Path]) -> tuple[str, ...]:
    return tuple(map(os.path.realpath, paths))


def _text(what: object) -> str:
    return os.fsdecode(what) if isinstance(what, bytes) else str(what)
