"""`srmodel()` of a submission archive, called in the child.

Its `utils` has the name of ours. While it is imported and builds its network, ours is out of sight;
afterwards ours is back, for PyTorch and pydantic look modules up by name, and beside it stands what
only the submission has. A module of the same name that is first imported during a forward pass is
ours: that alone is not supported.
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

_OURS = Path(__file__).resolve().parents[2]


def import_arch(model_file: Path, factory: str) -> nn.Module:
    """Import a model file and build its network, weights included.

    Args:
        model_file: `arch.py`; its folder is the working folder and the first to import from.
        factory: name of the function without arguments.

    Raises:
        UserError: there is no such function, or it returns no network.
    """
    with _at_home(model_file.parent):
        module = _import(model_file)
        build = getattr(module, factory, None)
        if not callable(build):
            raise UserError(f"defines no {factory}()", where=model_file.name)
        network = build()
    if not isinstance(network, nn.Module):
        kind = type(network).__name__
        raise UserError(f"{factory}() returned a {kind}, no network", where=model_file.name)
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
    ours = {name: sys.modules.pop(name) for name in list(sys.modules) if _is_utils(name)}
    before = Path.cwd()
    # A `utils` without __init__.py would otherwise be found only after ours.
    path = list(sys.path)
    sys.path[:] = [str(folder), *(entry for entry in path if not _leads_to_us(entry))]
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        # At the end now: what our counters are yet to import shall not be found there.
        sys.path[:] = [*path, str(folder)]
        sys.modules.update(ours)
        ours["utils"].__path__.append(str(folder / "utils"))


def _is_utils(name: str) -> bool:
    return name == "utils" or name.startswith("utils.")


def _leads_to_us(entry: str) -> bool:
    return Path(entry or ".").resolve() == _OURS
