"""What is otherwise while a clone is at work: attributes of modules, and where modules are found.

Its folder is the root of imports and of relative paths, as its own script has it. Nothing of ours
stands in its way: the program is `esr`, and the folder that holds our `utils` is not searched
meanwhile.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from esr.base.house import OFFICIAL, ROOT

_COUNTERS = ("fvcore", "thop")
"""Imported already, by `esr.measure.counts.complexity`; a clone may have one of its own."""
Patch = tuple[object, str, object]
"""(owner, name of an attribute it has, what it shall be)."""


@contextlib.contextmanager
def world_of(mirror: Path) -> Iterator[None]:
    """Make a copy of a clone the place where modules are found and relative paths begin."""
    ours = _taken(OFFICIAL.name)
    for package in _COUNTERS:
        if any((mirror / each).exists() for each in (package, f"{package}.py")):
            ours |= _taken(package)
    modules = set(sys.modules)
    before = (list(sys.path), Path.cwd(), sys.dont_write_bytecode, list(sys.argv))
    elsewhere = {ROOT, before[1].resolve()}
    kept = [entry for entry in sys.path if Path(entry).resolve() not in elsewhere]
    sys.path[:] = [str(mirror), *kept]
    sys.dont_write_bytecode = True
    sys.argv = ["test_demo.py"]
    os.chdir(mirror)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        packages = _packages_of(mirror)
        for name in set(sys.modules) - modules:
            if name.partition(".")[0] in packages:
                del sys.modules[name]
        sys.modules.update(ours)
        sys.path[:], sys.dont_write_bytecode, sys.argv = before[0], before[2], before[3]
        os.chdir(before[1])


def modules_in(mirror: Path) -> list[str]:
    """List the files of the modules that were imported from a copy."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return [file for file in files if isinstance(file, str) and _is_below(file, mirror)]


def forget(mirror: Path) -> None:
    """Let every module of a copy be imported anew."""
    for package in _packages_of(mirror):
        _taken(package)


def _packages_of(mirror: Path) -> set[str]:
    # Packages without a file of their own are known by what lies in them.
    return {name.partition(".")[0] for name in sys.modules if _is_of(name, mirror)}


def _taken(package: str) -> dict[str, ModuleType]:
    """Take every module of a package out of Python's table."""
    names = [name for name in sys.modules if name.partition(".")[0] == package]
    return {name: sys.modules.pop(name) for name in names}


def _is_of(name: str, mirror: Path) -> bool:
    return _is_below(str(getattr(sys.modules[name], "__file__", None)), mirror)


def _is_below(file: str, folder: Path) -> bool:
    return file.startswith(f"{folder}{os.sep}")


@contextlib.contextmanager
def in_place(patches: Iterable[Patch]) -> Iterator[None]:
    """Change attributes, and change them back whatever has become of them."""
    before: list[Patch] = []
    try:
        for owner, name, value in patches:
            before.append((owner, name, getattr(owner, name)))
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in reversed(before):
            setattr(owner, name, value)
