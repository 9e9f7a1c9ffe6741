"""Which class of a model file is the network: by convention the last one.

A file may go on after it with what it returns, with its options or a loss: classes that are no
network, or none that can be built as it is told. They are asked what they are before any is built.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from esr.base.errors import UserError

NetworkClass = type[nn.Module]


def choose_class(module: ModuleType, path: Path, kwargs: Mapping[str, Any]) -> NetworkClass:
    """Choose the last class, or the only one that is a network and can be built.

    Args:
        module: the model file, imported.
        path: the model file.
        kwargs: arguments to build it with.

    Raises:
        UserError: there is no network, or there are several that could be meant.
    """
    remedy = name_it(path)
    classes = list(_classes(module, path))
    if not classes:
        raise UserError("holds no class, so no network", where=path.name)
    networks = [cls for cls in classes if issubclass(cls, nn.Module)]
    if not networks:
        what = f"class '{classes[-1].__name__}' is no torch.nn.Module, and no other is one"
        raise UserError(what, where=path.name, remedy=remedy)
    candidates = [cls for cls in networks if _can_be_built(cls, kwargs) and _takes_an_image(cls)]
    # If none can be built, what the last one lacks is said best by itself.
    if classes[-1] in candidates or not candidates:
        return networks[-1]
    whole = _without_parts(candidates, kwargs)
    if len(whole) == 1:
        return whole[0]
    names = ", ".join(cls.__name__ for cls in whole)
    raise UserError(f"has several networks: {names}", where=path.name, remedy=remedy)


def name_it(path: Path) -> str:
    """Say how the network of a model file is named."""
    return f'name the network with arch = "..." in {path.stem}.toml'


def describe_other_classes(network: nn.Module, keys: Collection[str]) -> str | None:
    """Say which other networks its model file holds, where a checkpoint is not of this one.

    Args:
        network: that was built.
        keys: of the checkpoint's state_dict.

    Returns:
        what to do, with the class whose keys they are if there is one; None if it holds no other
    """
    module = sys.modules.get(type(network).__module__)
    file = getattr(module, "__file__", None)
    if module is None or file is None:
        return None
    path, taken = Path(file), type(network)
    others = [
        cls
        for cls in _classes(module, path)
        if cls is not taken and issubclass(cls, nn.Module) and _can_be_built(cls, {})
    ]
    fitting = [cls.__name__ for cls in others if _has_keys(cls, keys)]
    if len(fitting) == 1:
        arch = f'set arch = "{fitting[0]}" in {path.stem}.toml'
        return f"class {taken.__name__} was taken, but the keys are those of {fitting[0]}: {arch}"
    names = ", ".join(cls.__name__ for cls in others)
    is_last = f"class {taken.__name__} was taken; others: {names}"
    return f"{is_last}; {name_it(path)}" if others else None


def _has_keys(cls: NetworkClass, keys: Collection[str]) -> bool:
    with suppress(Exception):  # A submission may raise anything.
        return cls().state_dict().keys() == {*keys}
    return False


def _classes(module: ModuleType, path: Path) -> Iterator[type]:
    """List the classes that a file defines, in its order; those of other files are not its own."""
    names = list(_defined(ast.parse(path.read_bytes()).body))
    # A class that is defined again stands where it is defined last.
    for number, name in enumerate(names):
        defined = getattr(module, name, None)
        if isinstance(defined, type) and name not in names[number + 1 :]:
            yield defined


def _defined(statements: Sequence[ast.AST]) -> Iterator[str]:
    """Names of classes, those within `if` and `try` included."""
    for statement in statements:
        if isinstance(statement, ast.ClassDef):
            yield statement.name
        elif isinstance(statement, ast.If | ast.Try | ast.With):
            for part in ("body", "handlers", "orelse", "finalbody"):
                yield from _defined(getattr(statement, part, []))
        elif isinstance(statement, ast.ExceptHandler):
            yield from _defined(statement.body)


def _can_be_built(cls: NetworkClass, kwargs: Mapping[str, Any]) -> bool:
    return not inspect.isabstract(cls) and _accepts(cls, (), kwargs)


def _takes_an_image(cls: NetworkClass) -> bool:
    # A loss takes two. `self` and the image; a forward that is set later takes whatever it likes.
    return _accepts(cls.forward, (None, None), {})


def _accepts(call: Any, arguments: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:  # noqa: ANN401
    try:
        inspect.signature(call).bind(*arguments, **kwargs)
    except TypeError:
        return False
    except ValueError:  # Written in C: nothing is known of it.
        return True
    return True


def _without_parts(
    candidates: Sequence[NetworkClass], kwargs: Mapping[str, Any]
) -> Sequence[NetworkClass]:
    """Leave out what cannot be built after all, and what the networks of the others are made of."""
    if len(candidates) == 1:
        return candidates
    inner_types: dict[NetworkClass, set[type]] = {}
    for cls in candidates:
        with suppress(Exception):  # A submission may raise anything.
            inner_types[cls] = {type(module) for module in cls(**kwargs).modules()} - {cls}
    parts = set().union(*inner_types.values())
    return [cls for cls in inner_types if cls not in parts] or candidates
