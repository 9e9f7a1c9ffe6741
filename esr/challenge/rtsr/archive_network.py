"""`srmodel()` of a submission archive, called in the child.

Its folder is the first to import from while it is imported and builds its network, and the last
afterwards: a file of its own that is called like a library is not what our counters import.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from torch import nn

from esr.base.errors import UserError
from esr.base.house import ROOT

_FUNCTION = "srmodel"


def import_arch(model_file: Path) -> nn.Module:
    """Import a model file and build its network, weights included.

    Args:
        model_file: `arch.py`; its folder is the working folder and the first to import from.

    Raises:
        UserError: there is no such function, or it returns no network.
    """
    with _at_home(model_file.parent):
        module = _import(model_file)
        build = getattr(module, _FUNCTION, None)
        if not callable(build):
            raise UserError(f"defines no {_FUNCTION}()", where=model_file.name)
        network = build()
    if not isinstance(network, nn.Module):
        kind = type(network).__name__
        raise UserError(f"{_FUNCTION}() returned a {kind}, no network", where=model_file.name)
    return network


def _import(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UserError("is no Python file", where=path.name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def _at_home(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    # For good: the modules that it imports late are its own as well, and `utils` is not ours.
    path = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
    sys.path[:] = [str(folder), *path]
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        # At the end now: what our counters are yet to import shall not be found there.
        sys.path[:] = [*path, str(folder)]
