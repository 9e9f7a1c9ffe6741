"""Rules that are read from the files of a submission, which are not run."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from esr.base.errors import UserError
from esr.submissions.parse_source import parse_source
from esr.submissions.sidecar import read_sidecar
from esr.submissions.submission import Broken, Own
from esr.tools.check.rule import NotReached, Rule, Violation

_OFFICIAL_STEM = re.compile(r"team(\d{2,})_\w+")
_ANY_TEAM = re.compile(r"team(\d+)_\w+")
_IMPORTERS = ("import_module", "__import__")


@dataclass(frozen=True)
class SourceFiles:
    """A submission as its files say it."""

    entry: Own
    root: Path
    """Holds `models/` and `model_zoo/`."""

    @cached_property
    def problem(self) -> str | None:
        """Why the model file is no Python, and where; None if it is."""
        file = self.entry.model_file
        try:
            parse_source(file)
        except SyntaxError as error:
            return f"{file.parent.name}/{file.name}, line {error.lineno}: {error.msg}"
        except UserError as error:
            return f"{file.parent.name}/{file.name} {error.what}"
        return None

    @cached_property
    def tree(self) -> ast.Module:
        """The model file, parsed.

        Raises:
            NotReached: it cannot be parsed, as a rule of its own says.
        """
        if self.problem is not None:
            raise NotReached
        return parse_source(self.entry.model_file)

    @cached_property
    def sidecar_problem(self) -> UserError | None:
        """Why its TOML file cannot be used; None if it can, or is absent."""
        try:
            read_sidecar(self.entry.model_file.with_suffix(".toml"))
        except UserError as error:
            return error
        return None

    @cached_property
    def imported(self) -> tuple[str, ...]:
        """Dotted names of everything that is imported, however deep in the code."""
        return tuple(name for node in ast.walk(self.tree) for name in _imported(node))


def file_name(source: SourceFiles) -> str:
    """The file is named as the registry needs it."""
    entry, stem = source.entry, source.entry.model_file.stem
    if isinstance(entry, Broken) and source.sidecar_problem is None:
        raise Violation(entry.reason)
    if not _OFFICIAL_STEM.fullmatch(stem):
        raise Violation(f"{stem}.py is not team[ID]_[Model].py with an ID of two digits")
    return f"{stem}.py"


def syntax(source: SourceFiles) -> str:
    """The model file is Python."""
    if isinstance(source.entry, Broken) and source.entry.model_file.suffix != ".py":
        raise NotReached
    if source.problem is not None:
        raise Violation(source.problem)
    return "is Python"


def sidecar(source: SourceFiles) -> str:
    """The TOML file can be read, where there is one."""
    file = source.entry.model_file.with_suffix(".toml")
    if source.sidecar_problem is not None:
        raise Violation(f"{file.parent.name}/{source.sidecar_problem}")
    return file.name if file.exists() else "none is needed"


def checkpoint_name(source: SourceFiles) -> str:
    """There is one checkpoint, and its name says whose it is."""
    entry = source.entry
    if isinstance(entry, Broken):
        raise NotReached
    if entry.checkpoint is None:
        raise Violation(entry.problem)
    name, prefix = entry.checkpoint.name, f"team{entry.model_id:02d}"
    if not re.match(rf"{prefix}(?!\d)", name):
        raise Violation(f"{name} does not begin with {prefix}")
    return name


def one_file(source: SourceFiles) -> str:
    """The model file needs no other file of the repository."""
    local = dict.fromkeys(name for name in source.imported if _is_local(name, source))
    if local:
        raise Violation(f"imports {', '.join(local)}")
    return "imports nothing of this repository"


def own_work(source: SourceFiles) -> str:
    """Nothing of another team is imported or named."""
    texts = [node.value for node in _values(source.tree) if isinstance(node.value, str)]
    model_id = source.entry.model_id
    others = dict.fromkeys(
        match[0]
        for text in (*source.imported, *texts)
        for match in _ANY_TEAM.finditer(text)
        if int(match[1]) != model_id
    )
    if others:
        raise Violation(f"names {', '.join(others)}")
    return "names no other team's file"


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = f"{'.' * node.level}{node.module or ''}"
        joined = base if base.endswith(".") else f"{base}."
        yield from (f"{joined}{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and node.args and _called(node) in _IMPORTERS:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_local(name: str, source: SourceFiles) -> bool:
    top = name.partition(".")[0]
    if not top or top in sys.stdlib_module_names:
        return not top
    folders = (source.entry.model_file.parent, source.root)
    return any((folder / top).is_dir() or (folder / f"{top}.py").is_file() for folder in folders)


def _values(tree: ast.Module) -> list[ast.Constant]:
    # A docstring may name whom it likes: it is no code.
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and id(node) not in docstrings
    ]


SOURCE: tuple[Rule[SourceFiles], ...] = (
    Rule("file name", file_name, "name it models/team[ID]_[Model].py, as in team07_MyNet.py"),
    Rule("syntax", syntax, "correct that line; nothing else can be tried before"),
    Rule("TOML file", sidecar, "correct it, or leave it out; docs/sidecar.md lists its keys"),
    Rule(
        "checkpoint name",
        checkpoint_name,
        "name it model_zoo/team[ID]_[Model].pth, or name it in the TOML file beside the model",
    ),
    Rule("one file", one_file, "copy what you need into the model file"),
    Rule("own work", own_work, "build on your own file only: others change or drop out"),
)
