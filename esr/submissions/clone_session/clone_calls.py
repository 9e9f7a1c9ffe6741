"""What is called of a clone: `select_model`, and `img_sr = forward(img_lr, model, tile)`.

Some treat one id apart there: they pad its input, or restore it by another function. What is called
for an id is read from `run`, so that the result is the official one.
"""

from __future__ import annotations

import argparse
import ast
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from esr.base.errors import UserError
from esr.submissions.clone.control_flow import Function, Path, constants, functions
from esr.submissions.clone.source_values import MODEL_ID, Unknown, value

RETURNS = "return model, name, data_range, tile"
_RESULTS_AT_LEAST = 3


LOOP = "run"
NETWORK = "model"
ARGUMENTS = frozenset((NETWORK, "tile", "data_range", "device", "args"))
"""Names in a call that the harness has values for."""


@dataclass(frozen=True)
class Selected:
    """What `select_model` returned."""

    network: nn.Module
    name: str
    data_range: float
    tile: int | None
    forward: Callable[[Tensor], Tensor] | None = None
    """The clone's own function; None to restore by our rules."""
    call: str | None = None
    """The same as its source says it."""
    not_done: tuple[str, ...] = ()
    """What else its loop has for this id alone."""


def script_arguments(tree: ast.Module, model_id: int) -> argparse.Namespace:
    """Make the arguments that the clone's own command line would have by default."""
    defaults: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
            for flag in node.args:
                with suppress(Unknown):
                    name = str(value(flag, {})).lstrip("-").replace("-", "_")
                    defaults[name] = _default(node)
    return argparse.Namespace(**{**defaults, "data_dir": ".", "save_dir": ".", MODEL_ID: model_id})


def _default(node: ast.Call) -> object:
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    with suppress(Unknown):
        if "default" in given:
            return value(given["default"], {})
        if "action" in given:
            return {"store_true": False, "store_false": True}.get(str(value(given["action"], {})))
    return None


def arguments_of(
    function: Function, arguments: argparse.Namespace, device: torch.device
) -> list[object]:
    """Say what to call `select_model` with: officially (args, device)."""
    by_name = {"args": arguments, "device": device, MODEL_ID: arguments.model_id}
    by_place = [arguments, device]
    parameters = [*function.args.posonlyargs, *function.args.args]
    required = parameters[: len(parameters) - len(function.args.defaults)]
    names = [parameter.arg for parameter in required]
    unknown = [name for name in names[len(by_place) :] if name not in by_name]
    if unknown:
        raise UserError(f"select_model takes '{unknown[0]}'", remedy="officially (args, device)")
    return [by_name.get(name, by_place[min(index, 1)]) for index, name in enumerate(names)]


def checked(returned: object) -> Selected:
    """Make sure that `select_model` returned what the official script unpacks.

    Raises:
        UserError: it did not.
    """
    if not isinstance(returned, tuple | list) or len(returned) < _RESULTS_AT_LEAST:
        raise _unfit(f"returned {_described(returned)}")
    network, name, data_range, *further = returned
    tile = further[0] if further else None
    if not isinstance(network, nn.Module):
        raise _unfit(f"returned a {type(network).__name__} as the network")
    if not isinstance(name, str):
        raise _unfit(f"returned {name!r:.40} as the name")
    number = isinstance(data_range, int | float) and not isinstance(data_range, bool)
    if not number or not math.isfinite(data_range) or data_range <= 0:
        raise _unfit(f"returned {data_range!r:.40} as data_range")
    if tile is not None and (type(tile) is not int or tile < 1):
        raise _unfit(f"returned {tile!r:.40} as tile")
    return Selected(network, name, float(data_range), tile)


def _unfit(what: str) -> UserError:
    return UserError(f"select_model {what}", remedy=RETURNS)


def _described(returned: object) -> str:
    if isinstance(returned, tuple | list):
        return f"{len(returned)} values"
    return "nothing" if returned is None else f"a {type(returned).__name__}"


@dataclass(frozen=True)
class ForwardCall:
    """The call that restores an image."""

    image: str
    """Name of the LR tensor in it."""
    call: ast.Call
    function: str
    """Name of what is called."""
    names: dict[str, int | float | str | bool | None]
    """What other names in it stand for."""
    further: tuple[str, ...] = ()
    """Other statements of the loop that are executed because of the id."""


def forward_call(tree: ast.Module, model_id: int) -> ForwardCall | None:
    """Read what the loop calls for an id; None if it cannot be told."""
    defined = functions(tree)
    loop = defined.get(LOOP)
    if loop is None:
        return None
    path = Path({**constants(tree), MODEL_ID: model_id}).follow(loop.body)
    calls = [
        candidate
        for statement in path.statements
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)
        if (candidate := _read(statement.value, path, {*defined, NETWORK})) is not None
    ]
    named = [candidate for candidate in calls if "forward" in candidate.function]
    chosen = next(iter(named or calls), None)
    return replace(chosen, further=tuple(_further(path, chosen.call))) if chosen else None


def _further(path: Path, call: ast.Call) -> Iterator[str]:
    for arm in path.arms:
        for statement in arm:
            if call not in ast.walk(statement):
                yield ast.unparse(statement)


def _read(call: ast.Call, path: Path, callable_here: set[str]) -> ForwardCall | None:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    used = {node.id for part in given for node in ast.walk(part) if isinstance(node, ast.Name)}
    if not isinstance(call.func, ast.Name) or call.func.id not in callable_here:
        return None
    unknown = used - ARGUMENTS - path.names.keys()
    if NETWORK not in {call.func.id, *used} or len(unknown) != 1:
        return None
    known = {name: path.names[name] for name in used - ARGUMENTS - unknown}
    return ForwardCall(unknown.pop(), call, call.func.id, known)
