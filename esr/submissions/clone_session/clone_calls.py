"""What is called of a clone: `select_model`, and `img_sr = forward(img_lr, model, tile)`.

Some treat one id apart there: they pad its input, or restore it by another function. What is called
for an id is read from `run`, so that the result is the official one.
"""

from __future__ import annotations

import argparse
import ast
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from esr.base.errors import UserError
from esr.submissions.clone.control_flow import Function, Path, constants, functions
from esr.submissions.clone.harmless_calls import Unknown
from esr.submissions.clone.source_values import MODEL_ID, Names, value

RETURNS = "return model, name, data_range, tile"
_RESULTS_AT_LEAST = 3
_TYPES: dict[str, Callable[[str], object]] = {"int": int, "float": float}


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


def script_arguments(tree: ast.Module, model_id: int | str) -> argparse.Namespace:
    """Make the arguments that the clone's own command line would have by default."""
    known, defaults = constants(tree), dict[str, Any]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            for flag in [given["dest"]] if "dest" in given else node.args:
                with suppress(Unknown):
                    name = str(value(flag, known)).lstrip("-").replace("-", "_")
                    defaults[name] = _default(given, known)
    return argparse.Namespace(**{**defaults, "data_dir": ".", "save_dir": ".", MODEL_ID: model_id})


def _default(given: Mapping[str | None, ast.expr], known: Names) -> object:
    with suppress(Unknown):
        if "default" in given:
            default = value(given["default"], known)
            # As argparse does it: what is given as a text goes through the type.
            kind = _TYPES.get(ast.unparse(given.get("type", ast.Name("str"))), str)
            with suppress(ValueError):
                return kind(default) if isinstance(default, str) else default
        if "action" in given:
            return {"store_true": False, "store_false": True}.get(str(value(given["action"], {})))
    return None


def arguments_of(
    function: Function, arguments: argparse.Namespace, device: torch.device
) -> list[object]:
    """Say what to call `select_model` with: officially (args, device)."""
    by_name = {
        **{"args": arguments, "device": device, MODEL_ID: arguments.model_id},
        "logger": logging.getLogger("clone"),
    }
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
    """The expression that restores an image; mostly a call, or something made of one."""

    image: str
    """Name of the LR tensor in it."""
    call: ast.expr
    functions: frozenset[str]
    """Names of the script's top that it needs."""
    names: dict[str, int | float | str | bool | None]
    """What other names in it stand for."""
    further: tuple[str, ...] = ()
    """Other statements of the loop that are executed because of the id."""


def forward_call(tree: ast.Module, model_id: int | str) -> ForwardCall | None:
    """Read what the loop calls for an id; None if it cannot be told."""
    loop = functions(tree).get(LOOP)
    if loop is None:
        return None
    path = Path({**constants(tree), MODEL_ID: model_id}).follow(loop.body)
    at_top = frozenset(_bound_at_top(tree))
    calls = [
        candidate
        for statement in path.statements
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None
        if (candidate := _read(statement.value, path, at_top, {*functions(tree)})) is not None
    ]
    named = [candidate for candidate in calls if "forward" in ast.unparse(candidate.call)]
    # Two methods one after the other restore an image together.
    whole = [
        call for call in calls if len(calls) == 1 or f"{NETWORK}." not in ast.unparse(call.call)
    ]
    chosen = next(iter(named or whole), None)
    return replace(chosen, further=tuple(_further(path, chosen.call))) if chosen else None


def _bound_at_top(tree: ast.Module) -> Iterator[str]:
    yield from functions(tree)
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)


def _further(path: Path, call: ast.expr) -> Iterator[str]:
    for arm in path.arms:
        for statement in arm:
            if call not in ast.walk(statement):
                yield ast.unparse(statement)


def _read(
    expression: ast.expr, path: Path, at_top: frozenset[str], defined: set[str]
) -> ForwardCall | None:
    used = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
    if NETWORK not in used or not any(map(_restores(defined), ast.walk(expression))):
        return None
    needed = frozenset(used & at_top - ARGUMENTS)
    unknown = used - ARGUMENTS - needed - path.names.keys()
    if len(unknown) != 1:
        return None
    known = {name: path.names[name] for name in used - ARGUMENTS - needed - unknown}
    return ForwardCall(unknown.pop(), expression, needed, known)


def _restores(defined: set[str]) -> Callable[[ast.AST], bool]:
    """Tell a call that may restore an image from those that look at the network."""

    def restores(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        called = ast.unparse(node.func)
        # What is imported may as well count its operations.
        return (
            called in {NETWORK, *defined} or "forward" in called or called.startswith(f"{NETWORK}.")
        )

    return restores
