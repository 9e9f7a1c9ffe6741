"""Extensions that a submission compiles (`torch.utils.cpp_extension`): watched, never changed.

The compiler writes into the private folder of the submission, below its `HOME`, or into its private
copy of a clone. Names with an underscore are PyTorch's own affair: where a version has other ones,
it compiles all the same, and nothing is told of it.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import inspect
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

import torch

from esr.records.measurement import ExtensionBuild

_MODULE = "torch.utils.cpp_extension"
_BUILDS, _NINJA = "_jit_compile", "_run_ninja_build"
_BUILDS_AT_MOST = 20
_PRINTED_AT_MOST = 4000
_HAS_GPU = torch.cuda.is_available
"""A clone that runs on a CPU is told that there is one."""


class ExtensionWatch:
    """Notes what is compiled."""

    def __init__(self) -> None:
        self._builds: list[ExtensionBuild] = []

    @property
    def builds(self) -> tuple[ExtensionBuild, ...]:
        """All so far, but for those that are too many."""
        return tuple(self._builds[:_BUILDS_AT_MOST])

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch from when PyTorch's module is imported, which takes long and is rarely done."""
        if (module := sys.modules.get(_MODULE)) is not None:
            self._wrap(module)
        finder = _Finder(self._wrap)
        sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            with suppress(ValueError):
                sys.meta_path.remove(finder)

    def _wrap(self, module: ModuleType) -> None:
        builds, ninja = getattr(module, _BUILDS, None), getattr(module, _NINJA, None)
        if builds is not None:
            setattr(module, _BUILDS, self._watched(builds, module))
        if ninja is not None:
            setattr(module, _NINJA, _aloud(ninja))

    def _watched(self, build: Callable[..., Any], module: ModuleType) -> Callable[..., Any]:
        def watched(name: str, *args: object, **kwargs: object) -> object:
            began_s, printed, problem = time.perf_counter(), _Printed(), None
            try:
                return build(name, *args, **kwargs)
            except Exception as error:
                problem = missing(name, _needs_cuda(build, (name, *args), kwargs), module)
                if problem:  # Its type stays: the submission may have another way for that.
                    error.args = (problem,)
                problem = problem or f"{type(error).__name__}: {error}"[:_PRINTED_AT_MOST]
                raise
            finally:
                took_s = time.perf_counter() - began_s
                said = ExtensionBuild(str(name)[:200], took_s, printed.text(), problem)
                self._builds.append(said)

        return watched


def missing(name: str, needs_cuda: bool, module: ModuleType) -> str | None:
    """Say what an extension needs in order to be compiled and this machine has not."""
    lacks = []
    if needs_cuda and not _HAS_GPU():
        lacks.append("a GPU")
    elif needs_cuda and getattr(module, "CUDA_HOME", None) is None:
        lacks.append("the CUDA compiler nvcc")
    compiler = os.environ.get("CXX", "c++")
    if shutil.which(compiler) is None:
        lacks.append(f"a C++ compiler ({compiler})")
    elif shutil.which("ninja") is None:
        lacks.append("ninja")
    if not lacks:
        return None
    return f"needs {' and '.join(lacks)} to build its extension {name}, and there is none here"


def _needs_cuda(
    build: Callable[..., Any], args: Sequence[object], kwargs: dict[str, object]
) -> bool:
    with suppress(TypeError, ValueError):
        given = inspect.signature(build).bind(*args, **kwargs).arguments
        sources = given.get("sources") or ()
        files = [sources] if isinstance(sources, str) else list(sources)
        return bool(given.get("with_cuda")) or any(
            str(file).endswith((".cu", ".cuh")) for file in files
        )
    return False


def _aloud(ninja: Callable[..., Any]) -> Callable[..., Any]:
    """Let the compiler print at once: what it had said before it was killed would be lost."""

    def aloud(build_directory: str, verbose: bool, *args: object, **kwargs: object) -> object:
        return ninja(build_directory, True, *args, **kwargs)

    return aloud


class _Printed:
    """What is printed from now on, read where it is printed to: a file, if all is as usual."""

    def __init__(self) -> None:
        self._begins = self._size()

    def text(self) -> str:
        """Read the end of it."""
        begins, ends = self._begins, self._size()
        if begins is None or ends is None:
            return ""
        begins = max(begins, ends - _PRINTED_AT_MOST)
        with suppress(OSError):  # It may be open for writing alone.
            return os.pread(1, ends - begins, begins).decode("utf-8", "replace")
        return ""

    @staticmethod
    def _size() -> int | None:
        with suppress(OSError):
            status = os.fstat(1)
            if stat.S_ISREG(status.st_mode):
                return status.st_size
        return None


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the module as ever, and has it changed as soon as it is there."""

    def __init__(self, then: Callable[[ModuleType], None]) -> None:
        self._then = then

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Answer for one module alone."""
        if fullname != _MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._then)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: Any, then: Callable[[ModuleType], None]) -> None:  # noqa: ANN401
        self._loader, self._then = loader, then

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._then(module)
