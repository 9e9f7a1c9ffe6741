"""`--sandbox`: bubblewrap shows a submission only what it needs, without a network.

It sees the system's programs and libraries, Python, our code and its own files, all read-only; it
writes to its private folder and to a small /tmp. It has process numbers of its own, and all of
them end with it. Options: bwrap(1).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from esr.base.errors import UserError, printable_line
from esr.sandbox import seccomp, shown_system
from esr.sandbox.policy import GIB, Places

_TEMPORARY_BYTES = GIB
"""Of /tmp and of /dev/shm."""
_SIGNALS = 64
_REMEDY = "install or permit bubblewrap (package bubblewrap, 0.7 or newer), or leave out --sandbox"


def check() -> None:
    """Try bubblewrap once, before anything starts.

    Raises:
        UserError: it is absent, or the system does not permit it.
    """
    if shutil.which("bwrap") is None:
        raise UserError("bwrap is not installed", where="--sandbox", remedy=_REMEDY)
    command = ["bwrap", *_walls(), *_system(), "--", "true"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        why = printable_line(tried.stderr) or f"status {tried.returncode}"
        raise UserError(f"bwrap is not permitted here ({why})", where="--sandbox", remedy=_REMEDY)


def status_of_command(status: int) -> int:
    """Say how the command in it has ended, as `subprocess` would.

    Like a shell, bwrap ends with 128 and the number of the signal that has killed its command.
    """
    return 128 - status if 128 < status <= 128 + _SIGNALS else status


@contextmanager
def wrapped(command: Sequence[str], places: Places) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """Put bubblewrap before a command.

    Args:
        command: program and arguments, with paths that are the same inside.
        places: of the submission.

    Yields:
        (the whole command, the file descriptors that it must inherit)
    """
    # Not as arguments: the child can read those of bwrap, and would see what is hidden from it.
    options = b"\0".join(map(os.fsencode, _options(places)))
    program = seccomp.Filter().program
    with _inherited(options + b"\0") as file, _inherited(program) as calls:
        refuse = ["--seccomp", str(calls)] if program else []
        yield ["bwrap", "--args", str(file), *refuse, "--", *command], (file, calls)


@contextmanager
def _inherited(content: bytes) -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        yield file.fileno()


def _options(places: Places) -> list[str]:
    return [
        *_walls(),
        *_system(),
        *_covered(places.hidden, (*shown_system.system_folders(), *shown_system.settings())),
        *_shown((*places.python, *places.own)),
        *(
            option
            for n in (*places.python, *places.own)
            for option in _covered(places.hidden_in(n), (n,))
        ),
        *("--bind", str(places.folder), str(places.folder), "--chdir", str(places.folder)),
        *("--remount-ro", "/dev", "--remount-ro", "/"),
    ]


def _walls() -> Iterator[str]:
    yield from ("--unshare-all", "--new-session", "--die-with-parent")
    yield from ("--cap-drop", "ALL")


def _system() -> Iterator[str]:
    yield from _shown(shown_system.system_folders())
    yield from _shown(shown_system.settings())
    # Root may write the kernel's settings whatever rights it has given up: a program named in
    # kernel.core_pattern would run outside. What is mounted for writing shows no sign of that.
    yield from ("--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev")
    for device in shown_system.gpus():
        yield from ("--dev-bind-try", str(device), str(device))
    for folder in ("/tmp", "/dev/shm"):
        yield from ("--perms", "1777", "--size", str(_TEMPORARY_BYTES), "--tmpfs", folder)


def _shown(places: Iterator[Path] | Sequence[Path]) -> Iterator[str]:
    for place in places:
        if place.exists():
            yield from ("--ro-bind", str(place), str(place))


def _covered(hidden: Iterable[Path], shown: Iterable[Path]) -> Iterator[str]:
    for place in hidden:
        if any(place.is_relative_to(other) for other in shown) and place.is_dir():
            yield from ("--tmpfs", str(place))
