"""What a submission reaches out for, as flags of its row.

    wrote_files          it wrote, or tried to, outside its private folder
    read_images          it opened image files that are neither its own nor a package's
    read_outside         it opened or listed other places that are neither its own nor the system's
    used_network         it looked up a name, connected, or offered a connection
    started_processes    it started programs or forked; the compilers of PyTorch are not meant
    signalled_processes  it signalled processes that are not its own
    loaded_library       it loaded native code by itself, which is not observed

This makes reaching out conspicuous; what holds it back is Landlock and bubblewrap.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from esr.base.errors import printable_line
from esr.records.measurement import Flag
from esr.sandbox.inside.audit_hook import Event, Kind
from esr.sandbox.inside.caller import Actors, is_importing, within
from esr.sandbox.policy import SYSTEM, interpreter

_IMAGES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".jp2", ".exr"),
    *(".npy", ".npz"),
)
_NAMED_AT_MOST = 5
_KEPT_AT_MOST = 200


class Deeds:
    """Keeps what the submission itself does, and should not.

    Args:
        folder: where it may write.
        own: files and folders of the submission.
        house: what is ours to read; its own doings are not meant.
    """

    def __init__(self, folder: Path, own: Sequence[Path], house: Sequence[Path]) -> None:
        self._seen: list[tuple[str, str]] = []
        self._folder = os.path.realpath(folder)
        self._own = (self._folder, *map(os.path.realpath, own))
        # The child's PYTHONPATH names the harness, whose other folders hold HR and results.
        places = {*map(os.path.realpath, interpreter())} - {
            os.path.realpath(code.parent) for code in house
        }
        self._python = (*map(os.path.realpath, house), *places)
        self._actors = Actors(house)
        self._readable = (*self._own, *self._python, *SYSTEM, "/etc", "/dev", "/sys")
        self._judges: dict[Kind, Callable[[Event], None]] = {
            "read": self._read,
            "list": self._listed,
            "write": self._wrote,
            "connect": self._connected,
            "lookup": lambda event: self._note("used_network", event.arguments[0]),
            "start": self._started,
            "signal": self._signalled,
            "load": lambda event: self._note("loaded_library", event.arguments[0]),
        }

    def judge(self, event: Event) -> None:
        """Keep an event that should not be.

        Raises:
            PermissionError: it would signal processes that are not the submission's own.
        """
        if (judge := self._judges.get(event.kind)) is not None:
            judge(event)

    def flags(self) -> Iterator[Flag]:
        """Make one flag of each kind of deed."""
        by_flag: dict[str, dict[str, None]] = defaultdict(dict)
        for flag, what in self._seen:
            by_flag[flag][what] = None
        for name, seen in by_flag.items():
            rest = len(seen) - _NAMED_AT_MOST
            named = ", ".join(list(seen)[:_NAMED_AT_MOST])
            yield Flag(name, printable_line(named + (f" and {rest} more" if rest > 0 else "")))

    def _note(self, flag: str, what: object) -> None:
        if self._actors.who() == "submission" and len(self._seen) < _KEPT_AT_MOST:
            self._seen.append((flag, _text(what)))

    def _read(self, event: Event) -> None:
        for place in map(os.path.realpath, event.paths):
            if place.lower().endswith(_IMAGES) and not within(place, (*self._own, *self._python)):
                self._note("read_images", place)
            elif not self._is_readable(place):
                self._note("read_outside", place)

    def _listed(self, event: Event) -> None:
        # Python itself lists every folder that it looks for a module or for a package's version in.
        if is_importing():
            return
        for place in map(os.path.realpath, event.paths):
            known = place in map(os.path.realpath, sys.path)
            if not known and not self._is_readable(place):
                self._note("read_outside", place)

    def _is_readable(self, place: str) -> bool:
        if place.startswith("/proc/"):
            owner = place.split("/")[2]
            return not owner.isdigit() or owner == str(os.getpid())
        return within(place, self._readable)

    def _wrote(self, event: Event) -> None:
        for place in map(os.path.realpath, event.paths):
            if not within(place, (self._folder, "/dev", f"/proc/{os.getpid()}")):
                self._note("wrote_files", place)

    def _connected(self, event: Event) -> None:
        _, address = event.arguments
        if isinstance(address, str | bytes):
            place = os.path.realpath(os.fsdecode(address))
            if within(place, (self._folder,)):
                return  # A socket in its own folder.
        what = ":".join(map(_text, address)) if isinstance(address, tuple) else address
        self._note("used_network", what)

    def _started(self, event: Event) -> None:
        self._note("started_processes", event.arguments[0] if event.arguments else event.name)

    def _signalled(self, event: Event) -> None:
        number, _ = event.arguments
        if number in (0, os.getpid()):
            return
        try:
            foreign = number < 0 or os.getsid(number) != os.getsid(0)
        except ProcessLookupError:  # A group whose leader has ended.
            foreign = False
        if foreign:
            self._note("signalled_processes", f"process {number}")
            raise PermissionError(f"process {number} is none of the submission's own")


def _text(what: object) -> str:
    if isinstance(what, bytes):
        return os.fsdecode(what)
    return what if isinstance(what, str) else str(what)
