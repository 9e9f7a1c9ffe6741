"""The scoring program as files: what it imports of this house, and nothing else."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path

from esr.base.house import PROGRAM as HOUSE
from esr.base.house import ROOT
from esr.base.prerequisites import NEEDED
from esr.tools.codabench.start_scoring import PROGRAM

COMMAND = "python3 /app/program/score.py /app/input /app/output"
"""Literal paths: the server would replace `$input`, in every word that it occurs in."""
_START = Path(__file__).with_name("start_scoring.py")


@dataclass(frozen=True)
class ImportClosure:
    """A module with all that is imported when it is."""

    files: dict[str, Path]
    """Of this house, by dotted name, packages included."""
    packages: tuple[str, ...]
    """Modules of others that are no part of Python."""


def import_closure(entry: str) -> ImportClosure:
    """Follow the imports of a module of this house, as its source says.

    What a function imports when it is called is left out: metrics of fidelity call none of it.
    """
    files: dict[str, Path] = {}
    foreign: set[str] = set()
    ahead = [entry]
    while ahead:
        name = ahead.pop()
        top = name.partition(".")[0]
        file = _file(name) if top == HOUSE.name else None
        if name in files or (top == HOUSE.name and file is None):
            continue  # What `from module import name` names beside modules.
        if file is None:
            foreign |= {top} - sys.stdlib_module_names
            continue
        files[name] = file
        ahead += [parent for parent in (name.rpartition(".")[0],) if parent]
        ahead += _imported(ast.parse(file.read_text(encoding="utf-8")).body)
    return ImportClosure(dict(sorted(files.items())), tuple(sorted(foreign)))


def program_files() -> dict[str, bytes]:
    """Collect the scoring program, by path below its folder."""
    closure = import_closure(PROGRAM)
    files = {
        file.relative_to(ROOT).as_posix(): file.read_bytes() for file in closure.files.values()
    }
    requirements = "".join(f"{line}\n" for line in map(_requirement, closure.packages))
    return {
        "metadata.yaml": f"command: {COMMAND}\n".encode(),
        "score.py": _START.read_bytes(),
        "requirements.txt": requirements.encode(),
        "Dockerfile": _DOCKERFILE.format(image=python_image()).encode(),
        "LICENSE": (ROOT / "LICENSE").read_bytes(),
        **files,
    }


def python_image() -> str:
    """Name the public image of the Python that runs here: the pinned packages exist for it."""
    return f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"


_DOCKERFILE = """\
# An image that lacks nothing, for a worker without network: build it, push it, and name it with
# --docker_image when the bundle is written.
FROM {image}
COPY requirements.txt /tmp/requirements.txt
RUN python -m pip install --no-cache-dir -r /tmp/requirements.txt
"""


def _requirement(module: str) -> str:
    # The very version: another may add in another order, and the last digit moves.
    installed = packages_distributions()[module][0]
    return f"{NEEDED[module]}=={version(installed)}"


def _file(name: str) -> Path | None:
    path = ROOT.joinpath(*name.split("."))
    return next(filter(Path.is_file, (path.with_suffix(".py"), path / "__init__.py")), None)


def _imported(statements: list[ast.stmt]) -> Iterator[str]:
    for statement in statements:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            yield statement.module
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)
        elif isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.dump(statement.test):
            yield from _imported(statement.orelse)
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            for field in ("body", "handlers", "orelse", "finalbody"):
                yield from _imported(getattr(statement, field, []))
