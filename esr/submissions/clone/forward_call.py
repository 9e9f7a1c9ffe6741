"""How a clone's own loop calls the network: `img_sr = forward(img_lr, model, tile)`.

Some treat one id apart there: they pad its input, or restore it by another function. What is called
for an id is read from `run`, so that the result is the official one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from esr.submissions.clone.control_flow import Function, Path, constants, functions
from esr.submissions.clone.source_values import MODEL_ID

LOOP = "run"
NETWORK = "model"
ARGUMENTS = frozenset((NETWORK, "tile", "data_range", "device", "args"))
"""Names in a call that the harness has values for."""


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
        for call in _calls(statement)
        if (candidate := _read(call, path, {*defined, NETWORK})) is not None
    ]
    named = [candidate for candidate in calls if "forward" in candidate.function]
    chosen = next(iter(named or calls), None)
    return replace(chosen, further=tuple(_further(path, chosen.call))) if chosen else None


def _further(path: Path, call: ast.Call) -> Iterator[str]:
    for arm in path.arms:
        for statement in arm:
            if call not in ast.walk(statement):
                yield ast.unparse(statement)


def _calls(statement: ast.stmt) -> Iterator[ast.Call]:
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        yield statement.value


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


def parameters(function: Function) -> list[ast.arg]:
    """List the parameters that can be given by position, those with a default left out."""
    given = [*function.args.posonlyargs, *function.args.args]
    return given[: len(given) - len(function.args.defaults)]
