"""The part of a source that some functions need: they, what they call, and the imports of all that.

The rest of a clone's `test_demo.py` is never run: it imports packages that no model needs.
"""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterable, Iterator, Sequence

from esr.submissions.clone.filled_names import DEFINITIONS, filled_names, is_stored, made_names

_BY_NAME = frozenset(("globals", "eval", "exec"))
_SCRIPT = frozenset(("main", "run", "select_dataset"))
"""Functions of an official script that no network needs, and that need packages for data."""


def needed(source: str, tree: ast.Module, roots: Iterable[str]) -> ast.Module:
    """Reduce a module to what the functions named `roots` need, in its own order and lines."""
    made = made_names(tree)
    binding = {
        id(node): {*_bound(node), *(filled_names(node) & made)}
        for node in tree.body
        if not _is_main(node)
    }
    uses = _Uses(source)
    kept: set[int] = set()
    names = set(roots)

    def is_needed(node: ast.stmt) -> bool:
        return _is_setting(node) or bool(binding.get(id(node), set()) & names)

    while new := [node for node in tree.body if id(node) not in kept and is_needed(node)]:
        kept |= {id(node) for node in new}
        names |= {name for node in new for name in uses.of(node)}
        # What is kept since it fills a table may be used as a decorator, and so be named nowhere.
        names |= {node.name for node in new if isinstance(node, DEFINITIONS)}
        if names & _BY_NAME:
            # `globals()[f"build_team{model_id:02}"]`: any function may be meant.
            names |= {node.name for node in tree.body if isinstance(node, DEFINITIONS)} - _SCRIPT
    chosen = [node for node in tree.body if id(node) in kept or _is_star(node, names, binding)]
    return ast.Module([_narrowed(node, names) for node in chosen], type_ignores=[])


class _Uses:
    """Which names of the module a statement at its top needs."""

    def __init__(self, source: str) -> None:
        self._scopes = symtable.symtable(source, "test_demo.py", "exec").get_children()

    def of(self, node: ast.stmt) -> set[str]:
        """Names that must be there when it runs, or when what it defines does."""
        if not isinstance(node, DEFINITIONS):
            return set(_loaded([node]))
        outside: Sequence[ast.AST] = node.decorator_list
        if isinstance(node, ast.ClassDef):
            outside = [*outside, *node.bases, *node.keywords]
        else:
            outside = [*outside, node.args, *filter(None, [node.returns])]
        inside = [scope for scope in self._scopes if scope.get_name() == node.name]
        return {*_loaded(outside), *(name for scope in inside for name in _globals(scope))}


def _globals(scope: symtable.SymbolTable) -> Iterator[str]:
    yield from (symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global())
    for inner in scope.get_children():
        yield from _globals(inner)


def _loaded(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
                yield part.id


def _bound(node: ast.stmt) -> Iterator[str]:
    """Names that a statement at the top of a module gives a value."""
    if isinstance(node, DEFINITIONS):
        yield node.name
        return
    for part in ast.walk(node):
        if isinstance(part, ast.Import | ast.ImportFrom):
            yield from map(_alias, part.names)
        elif isinstance(part, DEFINITIONS):
            yield part.name
        elif isinstance(part, ast.Name) and is_stored(part):
            yield part.id


def _alias(alias: ast.alias) -> str:
    return alias.asname or alias.name.split(".")[0]


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in set(_loaded([node.test]))


def _is_setting(node: ast.stmt) -> bool:
    """Whether it says where modules are found, or how the source is to be read."""
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return True
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith("sys.path.")


def _is_star(node: ast.stmt, names: set[str], binding: dict[int, set[str]]) -> bool:
    if not isinstance(node, ast.ImportFrom) or node.names[0].name != "*":
        return False
    known = set().union(*binding.values()) | set(dir(builtins)) | {"__file__", "__name__"}
    return bool(names - known)


def _narrowed(node: ast.stmt, names: set[str]) -> ast.stmt:
    """Leave out of an import what nobody needs."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return node
    aliases = [alias for alias in node.names if _alias(alias) in names or alias.name == "*"]
    if isinstance(node, ast.ImportFrom):
        if node.module == "__future__":
            return node
        narrowed: ast.stmt = ast.ImportFrom(node.module, aliases, node.level)
    else:
        narrowed = ast.Import(aliases)
    return ast.copy_location(narrowed, node)
