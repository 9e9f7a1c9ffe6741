"""What else a name at the top of a script is made of: tables that are filled after they are made.

`MODELS[5] = build`, `MODELS.update(more)`, `@register(5)` where `register` writes into `MODELS`:
none of these binds the name, and none may be left out where it is needed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_FILLING = frozenset(("update", "setdefault", "append", "extend", "add", "insert"))
"""Methods by which a function fills a table; others may merely look at it."""


def made_names(tree: ast.Module) -> set[str]:
    """Names that a script gives a value itself; what it imports is none of them."""
    names = set()
    for node in tree.body:
        if isinstance(node, DEFINITIONS):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {name for target in targets for name in stored_names(target)}
    return names


def stored_names(node: ast.AST) -> list[str]:
    """Names that a node gives a value, in all of its parts."""
    return [part.id for part in ast.walk(node) if isinstance(part, ast.Name) and is_stored(part)]


def filled_names(node: ast.stmt) -> set[str]:
    """Names whose contents a statement at the top changes, or those of what it calls."""
    filled = set(_filled_by_parts(node))
    if isinstance(node, DEFINITIONS):
        filled |= {_root(decorator) for decorator in node.decorator_list}
        filled.discard(node.name)
    return filled - {""}


def _filled_by_parts(node: ast.stmt) -> Iterator[str]:
    is_definition = isinstance(node, DEFINITIONS)
    for part in ast.walk(node):
        if isinstance(part, ast.Subscript | ast.Attribute) and is_stored(part):
            yield _root(part)
        elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
            called = part.value.func
            if not is_definition or getattr(called, "attr", "") in _FILLING:
                yield _root(called)


def is_stored(node: ast.AST) -> bool:
    """Whether a name, an attribute or a place in a table is given a value."""
    return isinstance(getattr(node, "ctx", None), ast.Store)


def _root(node: ast.expr) -> str:
    """Name that an expression begins with: `zoo` of `zoo.table[5]` and of `zoo.register(5)`."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
