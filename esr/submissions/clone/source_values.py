"""Expressions of a stranger's source that can be evaluated without running it.

Literals, tables, comparisons, f-strings and a handful of harmless calls: what a `select_model`
chooses a submission by, names it with and finds its checkpoint by. Paths are texts here.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from esr.submissions.clone.harmless_calls import (
    FUNCTIONS,
    Unknown,
    call_method,
    few,
    join_paths,
    short,
)

MODEL_ID = "model_id"
"""Name under which the id is kept among the known names."""

UNBOUND = object()
"""In the place of a value that a name does not have, or that cannot be told."""

Names = dict[str, Any]
"""Values of names that are known so far."""

_DOTS_AT_MOST = 3
_COLLECTIONS = (dict, list, tuple, set)
_DISPLAYS = (ast.Dict, ast.List, ast.Tuple, ast.Set)


class _Untold:
    """What would have to be run, in a table or tuple of which the rest is known."""

    def _raise(self, *_: object) -> NoReturn:
        raise Unknown

    __eq__ = __bool__ = __str__ = __repr__ = __format__ = _raise
    __hash__ = object.__hash__


_UNTOLD = _Untold()


def value(node: ast.AST | None, names: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Evaluate an expression.

    Raises:
        Unknown: it is anything that would have to be run.
    """
    evaluate = _KINDS.get(type(node))
    if evaluate is None:
        raise Unknown
    try:
        result = evaluate(node, names)
        if result is _UNTOLD:
            raise Unknown
        return result
    except (TypeError, ValueError, KeyError, IndexError, ArithmeticError) as error:
        raise Unknown from error
    except RecursionError as error:  # A sum of a thousand texts is a thousand sums.
        raise Unknown from error


def values(node: ast.AST | None, names: Mapping[str, Any], count: int) -> list[object]:
    """Evaluate the parts of a tuple or list; `UNBOUND` for each that cannot be told."""
    try:
        whole = value(node, names)
    except Unknown:
        whole = ()
    parts = list(whole[:count]) if isinstance(whole, list | tuple) else []
    parts = [UNBOUND if part is _UNTOLD else part for part in parts]
    return [*parts, *[UNBOUND] * (count - len(parts))]


def is_model_id(node: ast.AST | None) -> bool:
    """Whether an expression is the id as it was given: `args.model_id`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "int" and len(node.args) == 1:
            return is_model_id(node.args[0])
        return node.func.id == "getattr" and _is_named(node.args[1:2])
    if isinstance(node, ast.Subscript):
        return _is_named([node.slice])
    return isinstance(node, ast.Attribute) and node.attr == MODEL_ID


def _is_named(key: Sequence[ast.expr]) -> bool:
    return bool(key) and isinstance(key[0], ast.Constant) and key[0].value == MODEL_ID


def _attribute(node: ast.Attribute, names: Mapping[str, Any]) -> object:
    if node.attr == MODEL_ID:
        return names[MODEL_ID]
    if not isinstance(node.value, ast.Name):
        raise Unknown
    return names[f"{node.value.id}.{node.attr}"]


def _partly(node: ast.AST | None, names: Mapping[str, Any]) -> object:
    try:
        part = value(node, names)
    except Unknown:
        return _UNTOLD
    # A list that holds another twice, and so on, would be printed longer than any memory.
    nests = isinstance(part, _COLLECTIONS) and not isinstance(node, _DISPLAYS)
    return _UNTOLD if nests else part


def _table(node: ast.Dict, names: Mapping[str, Any]) -> dict[Any, object]:
    table: dict[Any, object] = {}
    for key, given in zip(node.keys, node.values, strict=True):
        if key is None:
            table.update(few(value(given, names)))
        else:
            table[value(key, names)] = _partly(given, names)
    return table


def _subscript(node: ast.Subscript, names: Mapping[str, Any]) -> object:
    if is_model_id(node):
        return names[MODEL_ID]
    return value(node.value, names)[value(node.slice, names)]


def _binary(node: ast.BinOp, names: Mapping[str, Any]) -> object:
    left, right = value(node.left, names), value(node.right, names)
    if isinstance(left, str) and isinstance(right, str) and isinstance(node.op, ast.Div):
        return join_paths(left, right)
    if isinstance(left, str) and isinstance(node.op, ast.Mod) and "*" not in left:
        return short(left) % right
    if isinstance(left, str) != isinstance(right, str) or isinstance(left, list | tuple):
        raise Unknown
    return short(_BINARY[type(node.op)](left, right))


def _boolean(node: ast.BoolOp, names: Mapping[str, Any]) -> object:
    # As Python does it, from left to right: what is not needed need not be known.
    settles = isinstance(node.op, ast.Or)
    for part in node.values:
        if bool(value(part, names)) is settles:
            return settles
    return not settles


def _compare(node: ast.Compare, names: Mapping[str, Any]) -> object:
    left = value(node.left, names)
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = value(comparator, names)
        if not _COMPARE[type(op)](left, right):
            return False
        left = right
    return True


def _formatted(node: ast.FormattedValue, names: Mapping[str, Any]) -> str:
    if node.conversion not in (-1, ord("s")):
        raise Unknown
    spec = str(value(node.format_spec, names)) if node.format_spec else ""
    text: str = format(value(node.value, names), short(spec))
    return text


def _dotted(node: ast.expr) -> str:
    """Name a function as far as names here are long; longer chains are never written out."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < _DOTS_AT_MOST:
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _call(node: ast.Call, names: Mapping[str, Any]) -> object:
    if node.keywords:
        raise Unknown
    name = _dotted(node.func)
    if is_model_id(node) and name == "getattr":
        return names[MODEL_ID]
    given = [value(argument, names) for argument in node.args]
    if name in FUNCTIONS:
        return FUNCTIONS[name](*given)
    if isinstance(node.func, ast.Attribute):
        return call_method(value(node.func.value, names), node.func.attr, given)
    raise Unknown


_UNARY: dict[type, Callable[[Any], object]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
_BINARY: dict[type, Callable[[Any, Any], object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
}
_COMPARE: dict[type, Callable[[Any, Any], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_KINDS: dict[type | None, Callable[[Any, Mapping[str, Any]], Any]] = {
    ast.Constant: lambda node, names: node.value,
    ast.Name: lambda node, names: names[node.id],
    ast.Attribute: _attribute,
    ast.Tuple: lambda node, names: tuple(_partly(part, names) for part in node.elts),
    ast.List: lambda node, names: [_partly(part, names) for part in node.elts],
    ast.Set: lambda node, names: {value(part, names) for part in node.elts},
    ast.Dict: _table,
    ast.Subscript: _subscript,
    ast.NamedExpr: lambda node, names: value(node.value, names),
    ast.UnaryOp: lambda node, names: _UNARY[type(node.op)](value(node.operand, names)),
    ast.BinOp: _binary,
    ast.BoolOp: _boolean,
    ast.Compare: _compare,
    ast.IfExp: lambda node, names: value(
        node.body if value(node.test, names) else node.orelse, names
    ),
    ast.JoinedStr: lambda node, names: short(
        "".join(str(value(part, names)) for part in node.values)
    ),
    ast.FormattedValue: _formatted,
    ast.Call: _call,
}
