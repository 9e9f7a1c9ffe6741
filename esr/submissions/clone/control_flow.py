"""A function followed in thought: which statements are executed when names have known values.

An `if` whose test can be evaluated is entered where it is true, any other on both sides.
"""

from __future__ import annotations

import ast
import contextlib
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from esr.submissions.clone.filled_names import filled_names
from esr.submissions.clone.harmless_calls import Unknown
from esr.submissions.clone.source_values import UNBOUND, Names, value, values

Function = ast.FunctionDef | ast.AsyncFunctionDef
Block = Sequence[ast.stmt]

_PLAIN = (str, int, float, type(None))


@dataclass
class Path:
    """The way through a function for one id."""

    names: Names
    """What is known of names at this point."""
    statements: list[ast.stmt] = field(default_factory=list)
    """Those that are executed and hold no others."""
    arms: list[Block] = field(default_factory=list)
    """Bodies that are entered because of a test that could be evaluated."""
    _before: list[Names] = field(default_factory=list)
    """Of each block that is being followed beside others: what its names were before."""

    def follow(self, body: Block) -> Path:
        """Execute in thought."""
        for statement in _executed(body, self):
            self.statements.append(statement)
        return self

    def bind(self, name: str, given: object) -> None:
        """Give a name a value; `UNBOUND` if it cannot be told any more."""
        if self._before:
            self._before[-1].setdefault(name, self.names.get(name, UNBOUND))
        if given is UNBOUND:
            self.names.pop(name, None)
        else:
            self.names[name] = given

    @contextlib.contextmanager
    def beside(self, others: list[Names]) -> Iterator[None]:
        """Follow a block, note what its names became, and be where it began again."""
        self._before.append({})
        yield
        before = self._before.pop()
        others.append({name: self.names.get(name, UNBOUND) for name in before})
        for name, given in before.items():
            if given is UNBOUND:
                self.names.pop(name, None)
            else:
                self.names[name] = given

    def join(self, ways: Sequence[Names]) -> None:
        """Go on behind blocks of which one was executed: what they differ in cannot be told."""
        joined: Names = {}
        times = Counter(name for way in ways for name in way)
        for name, given in (pair for way in ways for pair in way.items()):
            joined[name] = given if _is_same(joined.setdefault(name, given), given) else UNBOUND
        for name, given in joined.items():
            here = self.names.get(name, UNBOUND)
            kept = times[name] == len(ways) or here is UNBOUND or _is_same(here, given)
            self.bind(name, given if kept else UNBOUND)


def _is_same(one: object, other: object) -> bool:
    plain = isinstance(one, _PLAIN) and isinstance(other, _PLAIN)
    return one is other or (plain and one == other)


def functions(tree: ast.Module) -> dict[str, Function]:
    """List the functions of a module by name; the last one of a name counts."""
    return {node.name: node for node in tree.body if isinstance(node, Function)}


def constants(tree: ast.Module) -> Names:
    """Evaluate what a module assigns at its top, tables that are filled line by line included."""
    path = Path({})
    for statement in tree.body:
        _assign(statement, path)
        if isinstance(statement, ast.ClassDef):
            of_class = constants(ast.Module(statement.body, []))
            path.names |= {f"{statement.name}.{name}": of_class[name] for name in of_class}
        if not _store(statement, path.names):
            for name in filled_names(statement):
                path.names.pop(name, None)
    return path.names


def _store(statement: ast.stmt, names: Names) -> bool:
    """Carry out `table[5] = value` and `table.update({5: value})`; tell whether that was done."""
    match statement:
        case ast.Assign(targets=[ast.Subscript(value=held, slice=key)], value=given):
            new = ast.Dict([key], [given])
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(value=held, attr="update"), args=[ast.Dict() as new])
        ):
            pass
        case _:
            return False
    try:
        table = value(held, names)
        if isinstance(table, dict):
            table |= value(new, names)
    except Unknown:
        return False
    return isinstance(table, dict)


def _executed(body: Block, path: Path) -> Generator[ast.stmt, None, bool]:
    """Yield the statements that hold no others; return whether it ends in return or raise."""
    for statement in body:
        blocks = _entered(statement, path)
        if blocks is None:
            yield statement
            if isinstance(statement, ast.Return | ast.Raise):
                return True
            _assign(statement, path)
        elif len(blocks) == 1:
            if (yield from _executed(blocks[0], path)):
                return True
        elif blocks and (yield from _executed_beside(blocks, path)):
            return True
    return False


def _executed_beside(blocks: Sequence[Block], path: Path) -> Generator[ast.stmt, None, bool]:
    """Yield the statements of blocks of which one is executed; return whether all of them end."""
    ways: list[Names] = []
    for block in blocks:
        with path.beside(ways):
            ends = yield from _executed(block, path)
        if ends:
            ways.pop()
    path.join(ways)
    return not ways


def _entered(statement: ast.stmt, path: Path) -> list[Block] | None:
    """List the blocks of a statement that may be executed; None if it has none."""
    if isinstance(statement, ast.If):
        return _entered_if(statement, path)
    if isinstance(statement, ast.Match):
        return _entered_match(statement, path)
    if isinstance(statement, ast.For | ast.While | ast.AsyncFor):
        return [[*statement.body, *statement.orelse], []]
    if isinstance(statement, ast.With | ast.AsyncWith):
        return [statement.body]
    if isinstance(statement, ast.Try | ast.TryStar):
        whole = [*statement.body, *statement.orelse, *statement.finalbody]
        return [whole, *(handler.body for handler in statement.handlers)]
    return None


def _entered_if(statement: ast.If, path: Path) -> list[Block]:
    while True:  # Not by recursion: a ladder has as many rungs as there are submissions.
        _name_inside(statement.test, path)
        try:
            holds = bool(value(statement.test, path.names))
        except Unknown:
            return [statement.body, statement.orelse]
        if holds:
            path.arms.append(statement.body)
            return [statement.body]
        if len(statement.orelse) != 1 or not isinstance(statement.orelse[0], ast.If):
            return [statement.orelse]
        statement = statement.orelse[0]


def _entered_match(statement: ast.Match, path: Path) -> list[Block]:
    try:
        subject = value(statement.subject, path.names)
        for case in statement.cases:
            pattern, captured = _unwrapped(case.pattern)
            if pattern is not None and subject not in list(_patterns(pattern, path.names)):
                continue
            for name in captured:
                path.bind(name, subject)
            if case.guard is not None and not value(case.guard, path.names):
                continue
            if pattern is not None or case.guard is not None:
                path.arms.append(case.body)
            return [case.body]
    except Unknown:
        return [[], *(case.body for case in statement.cases)]
    return []


def _unwrapped(pattern: ast.pattern | None) -> tuple[ast.pattern | None, list[str]]:
    """Take `5 as number` apart; None as the pattern that everything fits."""
    captured = []
    while isinstance(pattern, ast.MatchAs):
        captured += [pattern.name] if pattern.name is not None else []
        pattern = pattern.pattern
    return pattern, captured


def _patterns(pattern: ast.pattern, names: Mapping[str, Any]) -> Iterator[object]:
    alternatives = pattern.patterns if isinstance(pattern, ast.MatchOr) else [pattern]
    for pattern in alternatives:
        yield value(pattern.value if isinstance(pattern, ast.MatchValue) else None, names)


def _assign(statement: ast.stmt, path: Path) -> None:
    if not isinstance(statement, Function | ast.ClassDef):
        _name_inside(statement, path)
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            _bind(target, statement.value, path)
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        _bind(statement.target, statement.value, path)
    elif isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        path.bind(statement.target.id, UNBOUND)


def _name_inside(node: ast.stmt | ast.expr, path: Path) -> None:
    """Bind `name := value` in a statement or test."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.NamedExpr):
            _bind(inner.target, inner.value, path)


def _bind(target: ast.expr, given: ast.expr, path: Path) -> None:
    if isinstance(target, ast.Tuple) and isinstance(given, ast.Tuple):
        for inner, part in zip(target.elts, given.elts, strict=False):
            _bind(inner, part, path)
    elif isinstance(target, ast.Tuple):
        parts = values(given, path.names, len(target.elts))
        for name, evaluated in zip(target.elts, parts, strict=True):
            if isinstance(name, ast.Name):
                path.bind(name.id, evaluated)
    elif isinstance(target, ast.Name):
        try:
            path.bind(target.id, value(given, path.names))
        except Unknown:
            path.bind(target.id, UNBOUND)
