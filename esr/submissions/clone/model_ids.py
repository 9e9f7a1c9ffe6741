"""The ids that a clone's `select_model` knows: read from what its source compares an id with.

A ladder of comparisons, a `match`, a table that is looked up; in `select_model` or in what it
calls. A script that makes names of modules of the id compares it with nothing: there the names of
what lies in `models/` are tried.
"""

from __future__ import annotations

import ast
import re
from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from esr.submissions.clone.control_flow import Block, Function
from esr.submissions.clone.filled_names import filled_names, made_names, stored_names
from esr.submissions.clone.harmless_calls import KEYS, Unknown
from esr.submissions.clone.source_values import MODEL_ID, Names, is_model_id, value

_FURTHEST_ID = 10**6
_ALIASES_AT_MOST = 5
"""Names that one after the other take the id from the one before."""
_TEAM = re.compile(r"team[ _-]?(\d{1,6})(?!\d)[ _-]*(.*)", re.IGNORECASE | re.DOTALL)
_MODULE = re.compile(r"\bmodels[./]")
_NUMBER = re.compile(r"-?\d{1,6}(?!\d)")
_PARTS_AT_MOST = 5
"""Of a text that could be the id in it."""


@dataclass(frozen=True)
class Ids:
    """What a script's id may be, and what it is called there."""

    given: dict[int, int | str]
    """Each as the script's own command line gives it: `"05"` where it compares texts."""
    aliases: frozenset[str]
    """Names that stand for the id."""


def read_ids(tree: ast.Module, function: Function, known: Names) -> Ids:
    """Collect what an id is compared with, or looked up in.

    Args:
        tree: the script.
        function: its `select_model`.
        known: what is known of the names at its top.
    """
    reached = _reached(tree, function)
    names = {**_tables(reached), **known}
    aliases = _aliases(reached)
    ids: dict[int, int | str] = {}
    for node in (inner for part in reached for inner in ast.walk(part)):
        for side, other in _compared(node, aliases):
            with suppress(Unknown):
                for number, given in _numbers(side, value(other, names), names, aliases):
                    ids.setdefault(number, given)
    made = made_names(tree)
    for number in (each for part in reached for each in _registered(part, made)):
        ids.setdefault(number, number)
    near = {number: ids[number] for number in sorted(ids) if abs(number) < _FURTHEST_ID}
    return Ids(near, frozenset(aliases))


def names_of_models(clone: Path) -> dict[int, str]:
    """List the ids that names in `models/` begin with, and the rest of each name."""
    with suppress(OSError):
        stems = sorted(path.stem for path in (clone / "models").iterdir())
        return {int(match[1]): match[2] for stem in stems if (match := _TEAM.fullmatch(stem))}
    return {}


def names_a_module(statements: Block, aliases: Collection[str]) -> bool:
    """Whether a text that leads into `models/` is made of the id."""
    return any(_leads_there(part, aliases) for statement in statements for part in _made(statement))


def _made(node: ast.AST) -> Iterator[ast.AST]:
    """List the outermost expressions that may make a text."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.JoinedStr | ast.BinOp | ast.Call):
            yield part
        else:
            waiting += ast.iter_child_nodes(part)


def _leads_there(node: ast.AST, aliases: Collection[str]) -> bool:
    parts = [*ast.walk(node)]
    texts = (str(part.value) for part in parts if isinstance(part, ast.Constant))
    return any(map(_MODULE.search, texts)) and any(_is_id(part, aliases) for part in parts)


def _reached(tree: ast.Module, function: Function) -> list[ast.stmt]:
    """List the statements at the top of a script that a function needs, itself included."""
    by_name: dict[str, list[ast.stmt]] = {}
    for node in tree.body:
        named = [node.name] if isinstance(node, Function | ast.ClassDef) else stored_names(node)
        for name in {*named, *filled_names(node)}:
            by_name.setdefault(name, []).append(node)
    # What is imported is filled by nobody here.
    by_name = {name: by_name[name] for name in by_name.keys() & made_names(tree)}
    reached: dict[int, ast.stmt] = {}
    waiting: list[ast.stmt] = [function]
    while waiting:
        node = waiting.pop()
        if id(node) not in reached:
            reached[id(node)] = node
            used = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
            used |= filled_names(node) if isinstance(node, Function | ast.ClassDef) else set()
            own = {node.name} if isinstance(node, Function | ast.ClassDef) else set()
            waiting += [each for name in used | own for each in by_name.pop(name, ())]
    return list(reached.values())


def _aliases(reached: Block) -> set[str]:
    """List the names that the id is given, parameters of functions included."""
    aliases = {MODEL_ID}
    functions = {node.name: node for node in reached if isinstance(node, Function)}
    nodes = [inner for part in reached for inner in ast.walk(part)]
    for _ in range(_ALIASES_AT_MOST):
        before = len(aliases)
        for node in nodes:
            aliases |= {name for name, given in _given(node, functions) if _is_id(given, aliases)}
        if len(aliases) == before:
            break
    return aliases


def _is_id(node: ast.AST | None, aliases: Collection[str]) -> bool:
    """Whether an expression is the id itself: `args.model_id`, `int(number)`."""
    match node:
        case ast.NamedExpr(value=inner) | ast.Call(func=ast.Name(id="int"), args=[inner]):
            return _is_id(inner, aliases)
        case ast.Name(id=name):
            return name in aliases
    return is_model_id(node)


def _holds_id(node: ast.AST, aliases: Collection[str]) -> bool:
    """Whether it is the id, or a text or number that is made of it."""
    made = isinstance(node, ast.JoinedStr | ast.BinOp | ast.Call)
    return _is_id(node, aliases) or (made and any(_is_id(part, aliases) for part in ast.walk(node)))


def _given(node: ast.AST, functions: dict[str, Function]) -> Iterator[tuple[str, ast.expr]]:
    """List the names that a node gives a value, parameters of called functions included."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=given)):
            yield from _paired(targets, given)
        case ast.Assign(targets=targets, value=single):
            yield from _paired(targets, [single] * len(targets))
        case ast.AnnAssign(target=target, value=ast.expr() as single):
            yield from _paired([target], [single])
        case ast.NamedExpr(target=target, value=single):
            yield from _paired([target], [single])
        case ast.Call(func=ast.Name(id=name), args=given) if name in functions:
            parameters = [each.arg for each in functions[name].args.args]
            yield from zip(parameters, given, strict=False)
            for keyword in node.keywords:
                yield from [(keyword.arg, keyword.value)] if keyword.arg in parameters else []


def _paired(
    targets: Iterable[ast.expr], given: Iterable[ast.expr]
) -> Iterator[tuple[str, ast.expr]]:
    pairs = zip(targets, given, strict=False)
    yield from ((target.id, part) for target, part in pairs if isinstance(target, ast.Name))


def _tables(reached: Block) -> Names:
    """Evaluate the tables that are written down inside of functions."""
    tables: Names = {}
    for node in (inner for part in reached for inner in ast.walk(part)):
        for name, given in _given(node, {}):
            if isinstance(given, ast.Dict | ast.List | ast.Tuple | ast.Set):
                with suppress(Unknown):
                    tables[name] = value(given, {})
    return tables


def _compared(node: ast.AST, aliases: Collection[str]) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield (what holds the id, what it is compared with or looked up in)."""
    match node:
        case ast.Compare(left=left, comparators=others):
            mine = next((side for side in (left, *others) if _holds_id(side, aliases)), None)
            if mine is not None:
                yield from ((mine, side) for side in (left, *others) if side is not mine)
        case ast.Match(subject=subject) if _holds_id(subject, aliases):
            yield from ((subject, other) for case in node.cases for other in _of_case(case))
        case (
            ast.Subscript(value=table, slice=key)
            | ast.Call(func=ast.Attribute(value=table, attr="get"), args=[key, *_])
        ) if _holds_id(key, aliases):
            yield key, ast.Call(ast.Name(KEYS), [table], [])


def _of_case(case: ast.match_case) -> Iterator[ast.expr]:
    """Yield what `case 5 | 6` and `case n if n == 5` compare with."""
    parts = [*ast.walk(case.pattern)]
    yield from (part.value for part in parts if isinstance(part, ast.MatchValue))
    captured = {part.name for part in parts if isinstance(part, ast.MatchAs) and part.name}
    for part in ast.walk(case.guard) if case.guard else ():
        if isinstance(part, ast.Compare):
            yield from (other for _, other in _compared(part, captured))


def _numbers(
    side: ast.expr, compared: object, names: Names, aliases: Collection[str]
) -> Iterator[tuple[int, int | str]]:
    """Yield the ids by which one side equals the other, and each as it has to be given."""
    several = isinstance(compared, list | tuple | set | dict | range)
    others: Iterable[object] = compared if several else [compared]  # type: ignore[assignment]
    for other in others:
        if isinstance(other, bool) or not isinstance(other, int | str):
            continue
        if _is_id(side, aliases):
            # A script that compares texts is given one.
            if isinstance(other, int) or _NUMBER.fullmatch(other):
                yield int(other), other
            continue
        for number in map(int, _NUMBER.findall(str(other))[:_PARTS_AT_MOST]):
            with suppress(Unknown):
                if value(side, ChainMap(dict.fromkeys(aliases, number), names)) == other:
                    yield number, number


def _registered(node: ast.stmt, made: set[str]) -> Iterator[int]:
    """Yield the first number of `@register(5, "Name")`."""
    if not isinstance(node, Function | ast.ClassDef) or not filled_names(node) & made:
        return
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call):
            given = [*decorator.args, *(keyword.value for keyword in decorator.keywords)]
            numbers = [part.value for part in given if isinstance(part, ast.Constant)]
            yield from [each for each in numbers if type(each) is int][:1]
