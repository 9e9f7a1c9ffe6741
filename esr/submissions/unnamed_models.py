"""Networks in `models/` whose file names say no id: no submissions, though probably meant as such.

Nothing is run. A helper is told from a network by whether another file imports it, or names it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from esr.base.errors import UserError
from esr.base.visible_text import NAME_AT_MOST, one_line
from esr.submissions.discovery import is_meant
from esr.submissions.near_misses import first_stem, split_stem
from esr.submissions.parse_source import parse_source

_FILE_NAME = re.compile(r"([\w.-]+)\.py\b")
_IMPORTERS = ("import_module", "__import__")


@dataclass(frozen=True)
class UnnamedModel:
    """A file or folder in `models/` that holds a network and is no submission."""

    stem: str
    """Of its name."""
    is_folder: bool = False
    suffix: str = ".py"

    def describe(self, model_id: int | None = None) -> str:
        """Say in one line how it becomes a submission.

        Args:
            model_id: what it is to be; None leaves that to the reader.
        """
        number, name = split_stem(self.stem)
        number = number if model_id is None else model_id
        wanted = f"team{'[ID]' if number is None else f'{number:02d}'}_{name or '[Model]'}.py"
        shown = one_line(f"{self.stem}{'/' if self.is_folder else self.suffix}", NAME_AT_MOST)
        wanted = one_line(wanted, NAME_AT_MOST)
        if self.is_folder:
            return f"models/{shown} is a folder, no submission: put its network into {wanted}"
        return f"models/{shown} is no submission: rename it {wanted}"


def find_unnamed_models(root: Path) -> list[UnnamedModel]:
    """Find what was probably meant as a submission.

    Args:
        root: holds `models/`.
    """
    folder = root / "models"
    trees = {path: [*_parse_all(path)] for path in _list_sources(folder)}
    named = {path: {name for tree in trees[path] for name in _named(tree)} for path in trees}
    return [
        _describe(path)
        for path, its_trees in trees.items()
        if not _is_submission(path)
        and any(map(_defines_network, its_trees))
        and not any(path.stem in named[other] for other in trees if other != path)
    ]


def _describe(path: Path) -> UnnamedModel:
    if path.is_dir():
        return UnnamedModel(path.name, is_folder=True)
    stem = first_stem(path.name)
    return UnnamedModel(stem, suffix=path.name.removeprefix(stem))


def _is_submission(path: Path) -> bool:
    return path.suffix == ".py" and not path.is_dir() and is_meant(path.stem)


def _list_sources(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            suffixes = [suffix.lower() for suffix in path.suffixes]
            # What Windows calls team07_X.py may be team07_X.py.txt.
            is_source = suffixes[-1:] == [".py"] or suffixes[-2:] == [".py", ".txt"]
            if not path.name.startswith((".", "__")) and (is_source or path.is_dir()):
                yield path


def _parse_all(path: Path) -> Iterator[ast.Module]:
    for file in sorted(path.glob("*.py")) if path.is_dir() else [path]:
        with suppress(UserError, SyntaxError):
            yield parse_source(file)


def _named(tree: ast.Module) -> Iterator[str]:
    """Name every part of what is imported, however deep in the code, and `X` of a text's `X.py`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            for name in (module, *(alias.name for alias in node.names)):
                yield from name.split(".")
        elif isinstance(node, ast.Call) and node.args and _last_name(node.func) in _IMPORTERS:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield from first.value.split(".")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _FILE_NAME.findall(node.value)


def _defines_network(tree: ast.Module) -> bool:
    """Whether a class is a module of PyTorch by the name of its base."""
    bases = [b for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for b in node.bases]
    return any(
        _last_name(base).endswith("Module")
        or (isinstance(base, ast.Attribute) and _last_name(base.value) == "nn")
        for base in bases
    )


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
