"""The clone's modules and ours under the same names: both have a package `utils`.

While a clone is at work its modules are those that Python finds. Our own are put aside, and back
for an import that one of our own modules makes meanwhile.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from esr.submissions.clone_session.patched import in_place

_SHARED = "utils"
HOUSE = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def world_of(mirror: Path) -> Iterator[None]:
    """Make a copy of a clone the place where modules are found and relative paths begin."""
    ours = _taken()
    before = (list(sys.path), Path.cwd(), sys.dont_write_bytecode, list(sys.argv))
    elsewhere = {HOUSE, before[1].resolve()}
    kept = [entry for entry in sys.path if Path(entry).resolve() not in elsewhere]
    sys.path[:] = [str(mirror), *kept]
    sys.dont_write_bytecode = True
    sys.argv = ["test_demo.py"]
    os.chdir(mirror)
    importlib.invalidate_caches()
    try:
        with in_place([(builtins, "__import__", _importer(ours))]):
            yield
    finally:
        _taken()
        sys.modules.update(ours)
        sys.path[:], sys.dont_write_bytecode, sys.argv = before[0], before[2], before[3]
        os.chdir(before[1])


def modules_in(mirror: Path) -> list[str]:
    """List the files of the modules that were imported from a copy."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return [file for file in files if isinstance(file, str) and _is_below(file, mirror)]


def forget(mirror: Path) -> None:
    """Let every module of a copy be imported anew."""
    # Packages without a file of their own are known by what lies in them.
    packages = {
        name.partition(".")[0]
        for name, module in sys.modules.items()
        if _is_below(str(getattr(module, "__file__", None)), mirror)
    }
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]


def _is_below(file: str, folder: Path) -> bool:
    return file.startswith(f"{folder}{os.sep}")


def _taken() -> dict[str, ModuleType]:
    """Take every module of the shared package out of Python's table."""
    names = [name for name in sys.modules if name.partition(".")[0] == _SHARED]
    return {name: sys.modules.pop(name) for name in names}


def _importer(ours: dict[str, ModuleType]) -> Any:  # noqa: ANN401
    usual, house = builtins.__import__, HOUSE / _SHARED

    def importing(
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if name.partition(".")[0] != _SHARED or level:
            return usual(name, globals, locals, fromlist or (), level)
        if not _is_below(str((globals or {}).get("__file__")), house):
            return usual(name, globals, locals, fromlist or (), level)
        theirs, path = _taken(), list(sys.path)
        sys.modules.update(ours)
        sys.path.insert(0, str(HOUSE))
        try:
            return usual(name, globals, locals, fromlist or (), level)
        finally:
            ours.update(_taken())
            sys.modules.update(theirs)
            sys.path[:] = path

    return importing
