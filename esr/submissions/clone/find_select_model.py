"""Where a clone's `select_model` is: in its script, or in a file that this imports it from."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from esr.base.errors import UserError
from esr.submissions.clone.control_flow import Function, functions
from esr.submissions.parse_source import parse_source
from esr.submissions.submission import SCRIPT, SELECT

_IMPORTS_AT_MOST = 5
"""From file to file."""


@dataclass(frozen=True)
class SelectModel:
    """The function, and the source that it stands in."""

    tree: ast.Module
    function: Function


def find_select_model(clone: Path) -> SelectModel | None:
    """Follow imports within a clone; None if its script has no such function or is not there.

    Raises:
        UserError: a file on the way cannot be read.
    """
    file, name = clone / SCRIPT, SELECT
    for _ in range(_IMPORTS_AT_MOST):
        if not file.exists():
            return None
        tree = parse_script(file)
        if (function := functions(tree).get(name)) is not None:
            return SelectModel(tree, function)
        origin = _imported_from(tree, name)
        if origin is None:
            return None
        node, name = origin
        file = _file_of(node, clone, file)
    return None


def parse_script(script: Path) -> ast.Module:
    """Parse a file of a clone.

    Raises:
        UserError: it is no Python, or cannot be read.
    """
    try:
        # A link may lead to another file; a pipe has no writer, and a device no end.
        return parse_source(script.resolve())
    except UserError as error:
        raise UserError(error.what, where=script) from error
    except SyntaxError as error:
        raise UserError(f"is no Python: {error.msg} (line {error.lineno})", where=script) from error


def _imported_from(tree: ast.Module, name: str) -> tuple[ast.ImportFrom, str] | None:
    """Find the import that binds a name, and what it is called there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return node, alias.name
    return None


def _file_of(node: ast.ImportFrom, clone: Path, importer: Path) -> Path:
    folder = (
        clone if not node.level else importer.parents[min(node.level, len(importer.parents)) - 1]
    )
    module = folder.joinpath(*(node.module or "").split("."))
    return module / "__init__.py" if module.is_dir() else module.with_name(f"{module.name}.py")
