"""Whose code is running: read from the call stack, innermost first."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from itertools import dropwhile
from types import FrameType
from typing import Literal

from esr.base.house import CODE
from esr.sandbox.inside import audit_hook

Caller = Literal["submission", "harness", "compiler", "library"]

_THROUGH = ("numpy", "torch", "PIL", "cv2")
"""Packages that act for whoever calls them."""
_COMPILERS = ("torch/_inductor", "torch/_dynamo", "torch/_functorch", "triton")
_HOOK = audit_hook.__file__


class CallerFinder:
    """Tells the submission's code from that of others."""

    def __init__(self) -> None:
        self._house = tuple(map(os.path.realpath, CODE))
        self._standard = os.path.realpath(sysconfig.get_path("stdlib"))
        self._packages = tuple(
            os.path.realpath(path) for path in sys.path if path.endswith("-packages")
        )

    def find(self) -> Caller:
        """Find who acts: the innermost that does not act for its caller."""
        callers = (caller for file in _files() if (caller := self._whose(file)) is not None)
        return next(callers, "submission")

    def _whose(self, file: str) -> Caller | None:
        if file.startswith("<frozen"):
            return None
        place = os.path.realpath(file)
        if within(place, self._house):
            return "harness"
        package = next((at for at in self._packages if within(place, (at,))), None)
        if package is not None:
            return _of_package(place[len(package) + 1 :])
        return None if within(place, (self._standard,)) else "submission"


def is_importing() -> bool:
    """Say whether Python itself acts, to import something."""
    return next(_files(), "").startswith("<frozen importlib")


def _files() -> Iterator[str]:
    # Whose code is on the call stack, innermost first, from below the hook that was called.
    return (file for file in dropwhile(lambda file: file != _HOOK, _stack()) if file != _HOOK)


def _stack() -> Iterator[str]:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        yield frame.f_code.co_filename
        frame = frame.f_back


def _of_package(file: str) -> Caller | None:
    if within(file, _COMPILERS):
        return "compiler"
    return None if within(file, _THROUGH) else "library"


def within(place: str, folders: Sequence[str]) -> bool:
    """Say whether a path is one of the folders or lies in one; both are resolved."""
    return any(place == folder or place.startswith(f"{folder}/") for folder in folders)
