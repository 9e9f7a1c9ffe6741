"""`select_model` read, not run: which ids it knows, and what it does and says for each."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from esr.base.errors import UserError
from esr.submissions.clone.control_flow import Function, Path, constants
from esr.submissions.clone.filled_names import is_stored
from esr.submissions.clone.harmless_calls import Unknown
from esr.submissions.clone.model_ids import names_a_module, read_ids
from esr.submissions.clone.named_checkpoints import named_checkpoints
from esr.submissions.clone.source_values import MODEL_ID, Names, value

_NODES_AT_MOST = 50_000_000
"""Of the function, times ids: a list that every id is looked up in, say."""
_STEPS_AT_MOST = 300_000
"""Statements and names of all ids together: 60 official ids have some thousands."""


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
    """Names of checkpoint files in it, as far as they can be told."""


def branches(tree: ast.Module, function: Function, further: Iterable[int] = ()) -> list[Branch]:
    """Read the ids that `select_model` has a submission or a branch for, in ascending order.

    Args:
        tree: the script.
        function: its `select_model`.
        further: ids that count where no code names an id, or modules are named after it.

    Raises:
        UserError: there are far more than anybody has.
    """
    known = constants(tree)
    ids = read_ids(tree, function, known)
    given = {**{number: number for number in further}, **ids.given}
    steps, found = 0, []
    if len(given) * sum(1 for _ in ast.walk(function)) > _NODES_AT_MOST:
        steps = _STEPS_AT_MOST
    for number in sorted(given):
        path = Path({**known, MODEL_ID: given[number]}).follow(function.body)
        steps += len(path.statements) + len(path.names)
        if steps > _STEPS_AT_MOST:
            raise UserError(f"is too long to be followed for {len(given)} ids", where=function.name)
        branch = _branch(number, path, function)
        if number in ids.given:
            found.append(branch)
        elif not ids.given or names_a_module(path.statements, ids.aliases):
            found.append(None if branch is None or branch.problem else branch)
    return [branch for branch in found if branch is not None]


def _branch(number: int, path: Path, function: Function) -> Branch | None:
    last = path.statements[-1] if path.statements else None
    if isinstance(last, ast.Raise) and not path.arms:
        return None  # An id that is named in passing.
    branch = Branch(number, _name(last, path.names), _problem(last, path, function))
    imports = [node for node in path.statements if isinstance(node, ast.ImportFrom)]
    for node in imports:
        if (node.module or "").split(".")[0] == "models" and branch.imported is None:
            branch.imported = node.names[0].name
    branch.checkpoints = named_checkpoints(path)
    return branch


def _name(last: ast.stmt | None, names: Names) -> str | None:
    if isinstance(last, ast.Return) and isinstance(last.value, ast.Tuple):
        with suppress(Unknown, IndexError):
            name = value(last.value.elts[1], names)
            return name if isinstance(name, str) else None
    return None


def _problem(last: ast.stmt | None, path: Path, function: Function) -> str:
    if isinstance(last, ast.Raise):
        return "its branch in select_model only raises an error"
    if not isinstance(last, ast.Return) or not isinstance(last.value, ast.Tuple):
        return ""
    network = last.value.elts[0] if last.value.elts else None
    if isinstance(network, ast.Name) and not _is_made(network.id, path, function):
        empty = any(all(_does_nothing(node) for node in arm) for arm in path.arms)
        what = "is empty" if empty else "builds no network"
        return f"its branch in select_model {what}"
    return ""


def _is_made(name: str, path: Path, function: Function) -> bool:
    if any(map(_binds(name), path.statements)):
        return True
    # `with make() as model`, `for model in models`: neither is a statement without others in it.
    headers = (
        getattr(node, "optional_vars", None) or getattr(node, "target", None)
        for node in ast.walk(function)
        if isinstance(node, ast.withitem | ast.For)
    )
    return any(
        getattr(part, "id", "") == name for each in headers if each for part in ast.walk(each)
    )


def _binds(name: str) -> Callable[[ast.stmt], bool]:
    def binds(statement: ast.stmt) -> bool:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            return any(name in (alias.asname, alias.name) for alias in statement.names)
        if isinstance(statement, Function | ast.ClassDef):
            return statement.name == name
        used = [node for node in ast.walk(statement) if getattr(node, "id", "") == name]
        stored = any(isinstance(node, ast.Name) and is_stored(node) for node in used)
        # `model = model.to(device)` does not make one.
        made = stored and all(isinstance(node, ast.Name) and is_stored(node) for node in used)
        return made or any(map(_names_it, ast.walk(statement)))

    def _names_it(node: ast.AST) -> bool:
        return isinstance(node, ast.NamedExpr) and getattr(node.target, "id", "") == name

    return binds


def _does_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )
