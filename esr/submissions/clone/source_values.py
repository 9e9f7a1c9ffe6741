"""Expressions of a stranger's source that can be evaluated without running it.

Literals, comparisons, f-strings and a handful of harmless calls: what an official `select_model`
chooses a submission by and names it with.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

MODEL_ID = "model_id"
"""Name under which the id is kept among the known names."""

Names = dict[str, Any]
"""Values of names that are known so far."""

_SIZE_AT_MOST = 10_000
_WIDE = re.compile(r"\d{4,}")


class Unknown(Exception):
    """The value of an expression cannot be told."""


def value(node: ast.AST | None, names: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Evaluate an expression.

    Raises:
        Unknown: it is anything that would have to be run.
    """
    evaluate = _KINDS.get(type(node))
    if evaluate is None:
        raise Unknown
    try:
        return evaluate(node, names)
    except (TypeError, ValueError, KeyError, IndexError, ArithmeticError) as error:
        raise Unknown from error
    except RecursionError as error:  # A sum of a thousand texts is a thousand sums.
        raise Unknown from error


def is_model_id(node: ast.AST | None) -> bool:
    """Whether an expression is the id as it was given: `args.model_id`."""
    if isinstance(node, ast.Call) and len(node.args) == 1:
        return (
            isinstance(node.func, ast.Name) and node.func.id == "int" and is_model_id(node.args[0])
        )
    return isinstance(node, ast.Attribute) and node.attr == MODEL_ID


def _attribute(node: ast.Attribute, names: Mapping[str, Any]) -> object:
    if node.attr != MODEL_ID:
        raise Unknown
    return names[MODEL_ID]


def _binary(node: ast.BinOp, names: Mapping[str, Any]) -> object:
    left, right = value(node.left, names), value(node.right, names)
    if isinstance(left, str) and isinstance(node.op, ast.Mod) and "*" not in left:
        return _short(left) % right
    if isinstance(left, str) != isinstance(right, str) or isinstance(left, list | tuple):
        raise Unknown
    return _short(_BINARY[type(node.op)](left, right))


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
    text: str = format(value(node.value, names), _short(spec))
    return text


def _call(node: ast.Call, names: Mapping[str, Any]) -> object:
    if node.keywords:
        raise Unknown
    if ast.unparse(node.func) == "os.path.join":
        parts = [value(argument, names) for argument in node.args]
        if all(isinstance(part, str) for part in parts):
            return _short("/".join(part.strip("/") for part in parts))
    given = [value(argument, names) for argument in node.args]
    if isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
        return _FUNCTIONS[node.func.id](*given)
    if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
        text = value(node.func.value, names)
        if isinstance(text, str) and all(map(_harmless, given)):
            return _METHODS[node.func.attr](_short(text), *given)
    raise Unknown


def _harmless(argument: object) -> bool:
    return isinstance(argument, str) or (
        isinstance(argument, int) and abs(argument) < _SIZE_AT_MOST
    )


def _range(*given: int) -> range:
    numbers = range(*given)
    # Looking for what is no number in it takes as long as counting to its end.
    if len(numbers) > _SIZE_AT_MOST:
        raise Unknown
    return numbers


def _short(result: Any) -> Any:  # noqa: ANN401
    # A width of a billion would be memory of ours.
    if isinstance(result, str) and (len(result) > _SIZE_AT_MOST or _WIDE.search(result)):
        raise Unknown
    return result


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
_FUNCTIONS: dict[str, Callable[..., object]] = {"int": int, "str": str, "range": _range}
_METHODS: dict[str, Callable[..., object]] = {
    "format": str.format,
    "zfill": str.zfill,
    "lower": str.lower,
    "upper": str.upper,
}
_KINDS: dict[type | None, Callable[[Any, Mapping[str, Any]], Any]] = {
    ast.Constant: lambda node, names: node.value,
    ast.Name: lambda node, names: names[node.id],
    ast.Attribute: _attribute,
    ast.Tuple: lambda node, names: tuple(value(part, names) for part in node.elts),
    ast.List: lambda node, names: [value(part, names) for part in node.elts],
    ast.Set: lambda node, names: {value(part, names) for part in node.elts},
    # Only its keys are ever looked at.
    ast.Dict: lambda node, names: {value(key, names): None for key in node.keys},
    ast.UnaryOp: lambda node, names: _UNARY[type(node.op)](value(node.operand, names)),
    ast.BinOp: _binary,
    ast.BoolOp: _boolean,
    ast.Compare: _compare,
    ast.IfExp: lambda node, names: value(
        node.body if value(node.test, names) else node.orelse, names
    ),
    ast.JoinedStr: lambda node, names: _short(
        "".join(str(value(part, names)) for part in node.values)
    ),
    ast.FormattedValue: _formatted,
    ast.Call: _call,
}
