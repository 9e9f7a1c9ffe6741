"""Packages that a clone imports and that are not installed.

An import that nothing uses is not needed: official model files import torchvision, matplotlib and
tqdm and never call them. In the place of such a package stands one that has every name and says, as
soon as one is used, what is missing. `stand_ins` has the few names that are used often and are
easily told. A module that an installed package has under another name today is found under both.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NoReturn

from esr.submissions.clone_session.stand_ins.stand_in_table import (
    NEVER,
    leads_to_stand_ins,
    moved_to,
    stand_in_for,
)


class AbsentPackages(MetaPathFinder, Loader):
    """Finds the packages that it was told of, after everybody else has been asked."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.moved: dict[str, str] = {}
        """Old names of modules of installed packages, and their new ones."""
        self.stand_ins: set[str] = set()
        """Full names of the stand-ins that were asked for."""

    def add(self, error: ModuleNotFoundError) -> bool:
        """Stand in for what could not be imported; False if that is no package that is absent."""
        name = error.name or ""
        package = name.partition(".")[0]
        if not package or package in self.names:
            return False
        if package in sys.modules or _is_found(package):
            return self._add_moved(name)
        self.names.add(package)
        return True

    def _add_moved(self, name: str) -> bool:
        new = moved_to(name)
        if new is None or name in self.moved or not _is_found(new):
            return False
        self.moved[name] = new
        return True

    @contextlib.contextmanager
    def importable(self) -> Iterator[None]:
        """Let Python find them."""
        sys.meta_path.append(self)
        try:
            yield
        finally:
            sys.meta_path.remove(self)
            for name in [name for name in sys.modules if self._is_ours(name)]:
                del sys.modules[name]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of an absent package."""
        if not self._is_ours(fullname) or fullname.startswith(NEVER):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make a module that has every name, or take the one that it has become."""
        if spec.name in self.moved:
            self.stand_ins.add(f"{spec.name} ({self.moved[spec.name]})")
            return _Moved(spec.name, importlib.import_module(self.moved[spec.name]))
        return _Module(spec.name, self)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""

    def _is_ours(self, name: str) -> bool:
        return name.partition(".")[0] in self.names or name in self.moved


def _is_found(module: str) -> bool:
    with contextlib.suppress(ImportError, ValueError):
        return importlib.util.find_spec(module) is not None
    return False


class _Moved(ModuleType):
    """A module under its old name."""

    def __init__(self, name: str, module: ModuleType) -> None:
        super().__init__(name)
        self._module = module

    def __getattr__(self, name: str) -> object:
        return getattr(self._module, name)


class _Module(ModuleType):
    def __init__(self, name: str, packages: AbsentPackages) -> None:
        super().__init__(name)
        self._packages = packages

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        stand_in = stand_in_for(self.__name__, name)
        if stand_in is not None:
            self._packages.stand_ins.add(full)
            return stand_in
        return importlib.import_module(full) if leads_to_stand_ins(full) else _Absent(full)


class _Absent:
    """Something of an absent package, which can be named and nothing else."""

    def __init__(self, name: str) -> None:
        self._name = name

    def _missing(self, *used: object, **named: object) -> NoReturn:
        package = self._name.partition(".")[0]
        what = f"needs the package {package}, which is not installed ({self._name})"
        raise ModuleNotFoundError(what, name=package)

    __getattr__ = __call__ = __getitem__ = __iter__ = __mro_entries__ = _missing
