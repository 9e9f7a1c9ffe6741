"""A function followed in thought: which statements are executed when names have known values.

An `if` whose test can be evaluated is entered where it is true, any other on both sides.
"""

from __future__ import annotations

import ast
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from esr.submissions.clone.source_values import Names, Unknown, value

Function = ast.FunctionDef | ast.AsyncFunctionDef
Block = Sequence[ast.stmt]


@dataclass
class Path:
    """The way through a function for one id."""

    names: Names
    """What is known of names at this point."""
    statements: list[ast.stmt] = field(default_factory=list)
    """Those that are executed and hold no others."""
    arms: list[Block] = field(default_factory=list)
    """Bodies that are entered because of a test that could be evaluated."""

    def follow(self, body: Block) -> Path:
        """Execute in thought."""
        for statement in _executed(body, self):
            self.statements.append(statement)
        return self


def functions(tree: ast.Module) -> dict[str, Function]:
    """List the functions of a module by name; the last one of a name counts."""
    return {node.name: node for node in tree.body if isinstance(node, Function)}


def constants(tree: ast.Module) -> Names:
    """Evaluate what a module assigns at its top."""
    names: Names = {}
    for statement in tree.body:
        _assign(statement, names)
    return names


def _executed(body: Block, path: Path) -> Generator[ast.stmt, None, bool]:
    """Yield the statements that hold no others; return whether it ends in return or raise."""
    for statement in body:
        blocks = _entered(statement, path)
        if blocks is None:
            yield statement
            if isinstance(statement, ast.Return | ast.Raise):
                return True
            _assign(statement, path.names)
            continue
        ends = []
        for block in blocks:
            ends.append((yield from _executed(block, path)))
        if ends and all(ends):
            return True
    return False


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
    if isinstance(statement, ast.Try):
        whole = [*statement.body, *statement.orelse, *statement.finalbody]
        return [whole, *(handler.body for handler in statement.handlers)]
    return None


def _entered_if(statement: ast.If, path: Path) -> list[Block]:
    while True:  # Not by recursion: a ladder has as many rungs as there are submissions.
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
            if case.guard is not None:
                raise Unknown
            if _is_wildcard(case.pattern):
                return [case.body]
            if subject in list(_patterns(case.pattern, path.names)):
                path.arms.append(case.body)
                return [case.body]
    except Unknown:
        return [[], *(case.body for case in statement.cases)]
    return []


def _is_wildcard(pattern: ast.pattern) -> bool:
    return isinstance(pattern, ast.MatchAs) and pattern.pattern is None


def _patterns(pattern: ast.pattern, names: Mapping[str, Any]) -> Iterator[object]:
    alternatives = pattern.patterns if isinstance(pattern, ast.MatchOr) else [pattern]
    for pattern in alternatives:
        yield value(pattern.value if isinstance(pattern, ast.MatchValue) else None, names)


def _assign(statement: ast.stmt, names: Names) -> None:
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            _bind(target, statement.value, names)
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        _bind(statement.target, statement.value, names)
    elif isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        names.pop(statement.target.id, None)


def _bind(target: ast.expr, given: ast.expr, names: Names) -> None:
    if isinstance(target, ast.Tuple) and isinstance(given, ast.Tuple):
        for inner, part in zip(target.elts, given.elts, strict=False):
            _bind(inner, part, names)
    elif isinstance(target, ast.Name):
        try:
            names[target.id] = value(given, names)
        except Unknown:
            names.pop(target.id, None)
