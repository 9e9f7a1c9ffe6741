"""Packages that a clone imports and that are not installed.

An import that nothing uses is not needed: official model files import torchvision, matplotlib and
tqdm and never call them. In the place of such a package stands one that has every name and says, as
soon as one is used, what is missing. `stand_ins` has the few names that are used often and are
easily told.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NoReturn

from esr.submissions.clone_session.stand_ins import STAND_INS


class AbsentPackages(MetaPathFinder, Loader):
    """Finds the packages that it was told of, after everybody else has been asked."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.stand_ins: set[str] = set()
        """Full names of the stand-ins that were asked for."""

    def add(self, error: ModuleNotFoundError) -> bool:
        """Stand in for what could not be imported; False if that is no package that is absent."""
        package = (error.name or "").partition(".")[0]
        if not package or package in self.names or package in sys.modules:
            return False
        with contextlib.suppress(ImportError, ValueError):
            if importlib.util.find_spec(package) is not None:
                return False
        self.names.add(package)
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
        return ModuleSpec(fullname, self, is_package=True) if self._is_ours(fullname) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make a module that has every name."""
        return _Module(spec.name, self)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""

    def _is_ours(self, name: str) -> bool:
        return name.partition(".")[0] in self.names


class _Module(ModuleType):
    def __init__(self, name: str, packages: AbsentPackages) -> None:
        super().__init__(name)
        self._packages = packages

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        package = self.__name__.partition(".")[0]
        known = STAND_INS.get(package, {})
        if name in known:
            self._packages.stand_ins.add(f"{self.__name__}.{name}")
            return known[name]
        return _Absent(f"{self.__name__}.{name}")


class _Absent:
    """Something of an absent package, which can be named and nothing else."""

    def __init__(self, name: str) -> None:
        self._name = name

    def _missing(self, *used: object, **named: object) -> NoReturn:
        package = self._name.partition(".")[0]
        what = f"needs the package {package}, which is not installed ({self._name})"
        raise ModuleNotFoundError(what, name=package)

    __getattr__ = __call__ = __getitem__ = __iter__ = __mro_entries__ = _missing
