"""The modules and parameters of a network, as PyTorch keeps them and whatever the network says.

A submission may override `parameters`, `named_modules` or a parameter's `numel`, put a dictionary
of its own in the place of PyTorch's, or a property before it. So nothing of the kind is asked
here: attributes are read where Python keeps them, and a tensor's size with PyTorch's own function.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

_ATTRIBUTES = vars(nn.Module)["__dict__"]
_NUMEL, _ELEMENT_SIZE = torch.Tensor.numel, torch.Tensor.element_size
_TABLES = ("_parameters", "_buffers", "_modules")

_OF_MODULES = (
    *("parameters", "named_parameters", "_named_members", "modules", "named_modules"),
    *("children", "named_children", "__class__", "__dict__", "__getattribute__", *_TABLES),
)
"""What counters, the official one among them, learn the parameters and layers from."""
_OF_TENSORS = (
    *("numel", "nelement", "size", "shape", "dtype", "element_size", "__len__", "__class__"),
    *("__getattribute__", "__torch_function__", "__torch_dispatch__"),
)


def own_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """List a network and all modules in it, each once, under the first of its names."""
    seen: set[int] = set()
    todo: list[tuple[str, object]] = [("", model)]
    while todo:
        name, module = todo.pop()
        if not _is_a(module, nn.Module) or id(module) in seen:
            continue
        assert isinstance(module, nn.Module)
        seen.add(id(module))
        yield name, module
        below = list(table(module, "_modules").items())
        todo += [(_join(name, key), part) for key, part in reversed(below)]


def own_parameters(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """List the parameters of a network, each once, under the first of its names."""
    return _own_tensors(model, "_parameters")


def own_buffers(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """List the buffers of a network, each once, under the first of its names."""
    return _own_tensors(model, "_buffers")


def _own_tensors(model: nn.Module, which: str) -> Iterator[tuple[str, Tensor]]:
    seen: set[int] = set()
    for path, module in own_modules(model):
        for key, value in table(module, which).items():
            if _is_a(value, Tensor) and id(value) not in seen:
                assert isinstance(value, Tensor)
                seen.add(id(value))
                yield _join(path, key), value


def attributes(module: nn.Module) -> dict[str, object]:
    """Read the attributes of a module where Python keeps them."""
    return dict(_ATTRIBUTES.__get__(module))


def table(module: nn.Module, which: str) -> Mapping[str, object]:
    """Read `_parameters`, `_buffers` or `_modules` of a module."""
    kept = _ATTRIBUTES.__get__(module).get(which)
    if kept is None and isinstance(module, torch.jit.ScriptModule):
        kept = getattr(module, which, None)  # Its tables are those of the script that it became.
    if _is_a(kept, dict):
        return dict(zip(dict.keys(kept), dict.values(kept), strict=True))
    return dict(kept.items()) if kept is not None and _is_pytorchs(type(kept)) else {}


def elements(tensor: Tensor) -> int:
    """Count the elements of a tensor; 0 if its size is not settled yet."""
    with torch._C.DisableTorchFunction():
        return 0 if is_lazy(tensor) else _NUMEL(tensor)


@dataclass(frozen=True)
class Registered:
    """The parameters of a network."""

    elements: int
    wide_elements: int
    """Numbers of at most 32 bits that they hold beyond one an element."""
    wide: tuple[str, ...]
    """Types of those that hold more than one."""
    overridden: tuple[str, ...]
    """What the network has put in the place of PyTorch's functions that tell of parameters."""


def registered(model: nn.Module) -> Registered:
    """Count the parameters of a network by PyTorch's own functions."""
    parameters = [tensor for _, tensor in own_parameters(model)]
    wide = [tensor for tensor in parameters if _numbers(tensor) > 1]
    with torch._C.DisableTorchFunction():
        kinds = sorted({str(tensor.dtype) for tensor in wide})
    return Registered(
        elements=sum(map(elements, parameters)),
        wide_elements=sum(elements(tensor) * (_numbers(tensor) - 1) for tensor in wide),
        wide=tuple(kinds),
        overridden=tuple(dict.fromkeys(_overridden(model))),
    )


def _numbers(parameter: Tensor) -> int:
    """Count the numbers that an element may hold; a wide integer may be several narrow ones."""
    with torch._C.DisableTorchFunction():
        if is_lazy(parameter):
            return 1
        plain = parameter.is_floating_point() or parameter.is_complex()
        return max(1, _ELEMENT_SIZE(parameter) // (4 if plain else 1))


def _overridden(model: nn.Module) -> Iterator[str]:
    for path, module in own_modules(model):
        place = f" of {path}" if path else ""
        yield from (f"{what}{place}" for what in _overrides(module, nn.Module, _OF_MODULES))
        kept = _ATTRIBUTES.__get__(module)
        for which in _TABLES:
            if which in kept and not _is_pytorchs(type(kept[which])):
                yield f"{which} (a {type(kept[which]).__name__}){place}"
        for key, value in table(module, "_parameters").items():
            if value is None:
                continue
            name = _join(path, key)
            if not _is_a(value, Tensor):
                yield f"a {type(value).__name__} for the parameter {name}"
            else:
                yield from (f"{what} of {name}" for what in _overrides(value, Tensor, _OF_TENSORS))


def _overrides(value: object, kind: type, names: tuple[str, ...]) -> Iterator[str]:
    """Name the attributes of an object that stand before those that its kind has of PyTorch."""
    of_its_own = vars(kind)["__dict__"].__get__(value) if "__dict__" in vars(kind) else {}
    for name in names:
        holders = [cls for cls in type(value).__mro__ if name in vars(cls)]
        if name == "__dict__":  # Each class has a descriptor of it; a property hides it.
            is_foreign = any(isinstance(vars(cls)[name], property) for cls in holders)
        else:
            is_foreign = bool(holders) and not _is_pytorchs(holders[0])
        if is_foreign or (name in of_its_own and name not in _TABLES):
            yield name


def _is_a(value: object, kind: type) -> bool:
    # Not `isinstance`, which believes a `__class__` that is a property.
    return kind in type(value).__mro__


def _is_pytorchs(cls: type) -> bool:
    """Tell whether a class is Python's or PyTorch's, and no other that only says so."""
    module, name = type.__getattribute__(cls, "__module__"), cls.__qualname__.split(".")
    found: object = sys.modules.get(module) if isinstance(module, str) else None
    for part in name:
        found = getattr(found, part, None)
    return found is cls and module.split(".")[0] in ("torch", "builtins", "collections")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
