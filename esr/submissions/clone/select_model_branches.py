"""`select_model` read, not run: which ids it knows, and what it does and says for each."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from esr.base.errors import UserError
from esr.submissions.clone.control_flow import Function, Path, constants
from esr.submissions.clone.source_values import MODEL_ID, Names, Unknown, is_model_id, value
from esr.submissions.submission import CHECKPOINT_SUFFIXES

_NODES_AT_MOST = 50_000_000
"""Of the function, times ids: a list that every id is looked up in, say."""
_STEPS_AT_MOST = 300_000
"""Statements and names of all ids together: 60 official ids have some thousands."""
_FURTHEST_ID = 10**6


@dataclass
class Branch:
    """What `select_model` does for one id."""

    model_id: int
    name: str | None = None
    """Of the row, as its second result says; None if that would have to be run."""
    problem: str = ""
    """Why there is no submission."""
    imported: str | None = None
    """First name that is imported from `models`."""
    checkpoints: tuple[str, ...] = ()
    """Texts in it that are names of checkpoint files."""


def branches(tree: ast.Module, function: Function) -> list[Branch]:
    """Read the ids that `select_model` has a submission or a branch for, in ascending order.

    Raises:
        UserError: there are far more than anybody has.
    """
    known = constants(tree)
    ids, steps, found = _ids(tree, known), 0, []
    if len(ids) * sum(1 for _ in ast.walk(function)) > _NODES_AT_MOST:
        steps = _STEPS_AT_MOST
    for number in sorted(ids):
        path = Path({**known, MODEL_ID: number}).follow(function.body)
        steps += len(path.statements) + len(path.names)
        if steps > _STEPS_AT_MOST:
            raise UserError(f"is too long to be followed for {len(ids)} ids", where=function.name)
        found.append(_branch(number, path))
    return [branch for branch in found if branch is not None]


def _branch(number: int, path: Path) -> Branch | None:
    last = path.statements[-1] if path.statements else None
    if isinstance(last, ast.Raise) and not path.arms:
        return None  # An id that is named in passing.
    branch = Branch(number, _name(last, path.names), _problem(last, path))
    imports = [node for node in path.statements if isinstance(node, ast.ImportFrom)]
    for node in imports:
        if (node.module or "").split(".")[0] == "models" and branch.imported is None:
            branch.imported = node.names[0].name
    branch.checkpoints = tuple(_list_checkpoints(path))
    return branch


def _list_checkpoints(path: Path) -> Iterator[str]:
    for node in (inner for statement in path.statements for inner in ast.walk(statement)):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and text.endswith(CHECKPOINT_SUFFIXES):
            yield text


def _name(last: ast.stmt | None, names: Names) -> str | None:
    if isinstance(last, ast.Return) and isinstance(last.value, ast.Tuple):
        with suppress(Unknown, IndexError):
            name = value(last.value.elts[1], names)
            return name if isinstance(name, str) else None
    return None


def _problem(last: ast.stmt | None, path: Path) -> str:
    if isinstance(last, ast.Raise):
        return "its branch in select_model only raises an error"
    if not isinstance(last, ast.Return) or not isinstance(last.value, ast.Tuple):
        return ""
    network = last.value.elts[0] if last.value.elts else None
    if isinstance(network, ast.Name) and not any(map(_binds(network.id), path.statements)):
        empty = any(all(_does_nothing(node) for node in arm) for arm in path.arms)
        what = "is empty" if empty else "builds no network"
        return f"its branch in select_model {what}"
    return ""


def _binds(name: str) -> Callable[[ast.stmt], bool]:
    def binds(statement: ast.stmt) -> bool:
        used = [node for node in ast.walk(statement) if getattr(node, "id", "") == name]
        stored = any(isinstance(node, ast.Name) and _is_store(node) for node in used)
        # `model = model.to(device)` does not make one.
        return stored and all(isinstance(node, ast.Name) and _is_store(node) for node in used)

    return binds


def _is_store(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _does_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def _ids(tree: ast.Module, known: Names) -> set[int]:
    """Collect every number that an id is compared with."""
    aliases = {MODEL_ID}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and is_model_id(node.value):
            aliases |= {target.id for target in node.targets if isinstance(target, ast.Name)}

    def is_id(node: ast.AST | None) -> bool:
        return is_model_id(node) or (isinstance(node, ast.Name) and node.id in aliases)

    # `run` and others may compare it too; ids that `select_model` does not know drop out later.
    ids: set[int] = set()
    for node in ast.walk(tree):
        for other in _compared(node, is_id):
            with suppress(Unknown):
                ids |= _numbers(value(other, known))
    return ids


def _compared(node: ast.AST, is_id: Callable[[ast.AST | None], bool]) -> Iterator[ast.expr]:
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        if any(map(is_id, sides)):
            yield from (side for side in sides if not is_id(side))
    elif isinstance(node, ast.Match) and is_id(node.subject):
        for part in ast.walk(node):
            if isinstance(part, ast.MatchValue):
                yield part.value
    else:
        yield from _looked_up(node, is_id)


def _looked_up(node: ast.AST, is_id: Callable[[ast.AST | None], bool]) -> Iterator[ast.expr]:
    """Yield the table in `table[model_id]` and `table.get(model_id)`."""
    if isinstance(node, ast.Subscript) and is_id(node.slice):
        yield node.value
    called = node.func if isinstance(node, ast.Call) and node.args else None
    if isinstance(called, ast.Attribute) and called.attr == "get" and is_id(node.args[0]):  # type: ignore[attr-defined]
        yield called.value


def _numbers(compared: object) -> set[int]:
    several = isinstance(compared, list | tuple | set | dict | range)
    numbers: Iterable[object] = compared if several else [compared]  # type: ignore[assignment]
    return {
        number
        for number in numbers
        if isinstance(number, int) and not isinstance(number, bool) and abs(number) < _FURTHEST_ID
    }
