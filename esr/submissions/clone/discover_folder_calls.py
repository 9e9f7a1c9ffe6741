"""A clone whose submissions read a folder of images and write one: its directories are read.

Layout of zhengchen1999/NTIRE2025_ImageSR_x4 and later: `models/teamNN_Name/` with a function
`main(model_dir, input_path, output_path, device)`, usually in `io.py`; `model_zoo/teamNN_Name/`.
`select_model` of `test.py` names the function and its weights; but of the public repositories it
knows the baseline alone, so a folder that it does not name is taken by the convention. Nothing of
the clone is run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from esr.base.errors import UserError, cause
from esr.submissions.clone import control_flow
from esr.submissions.clone.control_flow import constants, functions
from esr.submissions.clone.select_model_branches import branches
from esr.submissions.clone.source_values import MODEL_ID
from esr.submissions.parse_source import parse_source
from esr.submissions.submission import (
    CHECKPOINT_SUFFIXES,
    FOLDER_CALL,
    FOLDER_SCRIPT,
    GIVEN,
    MAIN,
    SELECT,
    Broken,
    CloneSubmission,
    Entry,
    FolderCall,
    make_label,
)

T = TypeVar("T")

_TEAM = re.compile(r"team(\d{1,6})_(.+)", re.IGNORECASE)
_ZOOS = ("model_zoo", "models_zoo")
_LINK = ".txt"
"""Of a file that says where the weights can be had."""
_FILES_AT_MOST = 200


@dataclass(frozen=True)
class _Registered:
    """What `select_model` says of an id."""

    label: str
    folder: str | None
    """Folder of `models/` that it imports the function from."""
    weights: str | None
    """Relative to the clone."""


def discover_folder_calls(clone: Path) -> list[Entry]:
    """List every team folder of a clone, ready or with what it lacks, by id.

    Raises:
        UserError: it is no such clone, or its script cannot be read.
    """
    clone = clone.absolute()
    where = f"--submission {clone}"
    if not clone.is_dir():
        raise UserError("no such folder", where=where)
    script = clone / FOLDER_SCRIPT
    if not script.is_file():
        remedy = "give a clone of the challenge's repository"
        raise UserError(f"holds no {FOLDER_SCRIPT}", where=where, remedy=remedy)
    registered = dict(_registered(_parse(script)))
    teams = sorted((int(match[1]), path.name) for path, match in _teams(clone / "models"))
    entries = [_entry(clone, number, name, registered.get(number)) for number, name in teams]
    there = {number for number, _ in teams}
    for number, known in registered.items():
        if number not in there:
            folder = f"models/{known.folder}" if known.folder else "a folder of models/"
            reason = f"named in {FOLDER_SCRIPT}, but {folder} is not there"
            entries.append(Broken(number, make_label(known.label, number), script, reason))
    if not entries:
        raise UserError("models/ holds no folder team[ID]_[Name]", where=where)
    return sorted(entries, key=lambda entry: (entry.model_id or 0, entry.label))


def _registered(tree: ast.Module) -> Iterator[tuple[int, _Registered]]:
    select = functions(tree).get(SELECT)
    if select is None:
        return
    for branch in branches(tree, select):
        path = control_flow.Path({**constants(tree), MODEL_ID: branch.model_id})
        path.follow(select.body)
        imports = [node for node in path.statements if isinstance(node, ast.ImportFrom)]
        modules = [(node.module or "").split(".") for node in imports]
        folder = next((parts[1] for parts in modules if parts[0] == "models" and parts[1:]), None)
        name, weights = (_as_text(path.names.get(word)) for word in ("name", "model_path"))
        label = name or f"{branch.model_id:02d}_{folder or 'submission'}"
        yield branch.model_id, _Registered(label, folder, weights)


def _as_text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _teams(folder: Path) -> list[tuple[Path, re.Match[str]]]:
    if not folder.is_dir():
        return []
    folders = (path for path in sorted(folder.iterdir()) if path.is_dir())
    return [(path, match) for path in folders if (match := _TEAM.fullmatch(path.name))]


def _entry(clone: Path, number: int, name: str, known: _Registered | None) -> Entry:
    if known is not None and known.folder not in (None, name):
        known = None
    team = _TEAM.fullmatch(name)
    label = known.label if known else f"{number:02d}_{team[2] if team else name}"
    safe, script = make_label(label, number), clone / FOLDER_SCRIPT
    lacking: list[str] = []
    module = _tried(lambda: _find_main(clone / "models" / name), lacking)
    weights = _tried(lambda: _find_weights(clone, number, known), lacking)
    if module is None or weights is None:
        return Broken(number, safe, clone / "models" / name, "; ".join(lacking))
    call = FolderCall(".".join(["models", name, *module]), weights)
    return CloneSubmission(number, safe, script.parent, name=label, folder_call=call)


def _tried(find: Callable[[], T], lacking: list[str]) -> T | None:
    """Find something; what is lacking, or cannot be read, is told."""
    try:
        return find()
    except UserError as error:
        lacking.append(error.what)
    except OSError as error:
        lacking.append(f"{error.filename} cannot be read ({cause(error)})")
    return None


def _find_main(folder: Path) -> tuple[str, ...]:
    """Name the module of a team's folder that defines the function, relative to its package.

    Raises:
        UserError: there is none, or it takes other arguments.
    """
    if folder.is_symlink():
        raise UserError(f"models/{folder.name} is a link; put the folder itself there")
    files = sorted(path for path in folder.iterdir() if path.suffix == ".py")[:_FILES_AT_MOST]
    if not files:
        empty = not any(folder.iterdir())
        what = "is empty, as a git submodule that was not fetched" if empty else "holds no *.py"
        raise UserError(f"models/{folder.name} {what}")
    first = ("__init__.py", "io.py", "main.py")
    others: list[str] = []
    for file in sorted(files, key=lambda file: (file.name not in first, file.name)):
        try:
            defined = functions(_parse(file)).get(MAIN)
        except UserError as error:
            others.append(f"{file.name} {error.what}")
            continue
        if defined is None:
            continue
        if (lacking := _lacking(defined)) is None:
            return () if file.name == "__init__.py" else (file.stem,)
        others.append(f"{MAIN} of {file.name} {lacking}")
    if (deeper := _find_deeper_main(folder)) is not None:
        return deeper
    found = f" ({'; '.join(others[:3])})" if others else ""
    raise UserError(f"no function {FOLDER_CALL} in models/{folder.name}{found}")


def _find_deeper_main(folder: Path) -> tuple[str, ...] | None:
    """Find the function in a package within the folder, from where `__init__.py` may import it."""
    files = sorted(folder.glob("*/**/*.py"), key=lambda file: (len(file.parts), file))
    for file in files[:_FILES_AT_MOST]:
        with suppress(UserError):
            defined = functions(_parse(file)).get(MAIN)
            if defined is not None and _lacking(defined) is None:
                parts = file.relative_to(folder).with_suffix("").parts
                return parts[:-1] if parts[-1] == "__init__" else parts
    return None


def _lacking(defined: control_flow.Function) -> str | None:
    """Say why a function cannot be called as the script calls it; None if it can."""
    arguments = defined.args
    names = [argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)]
    missing = [name for name in GIVEN if name not in names]
    if missing and arguments.kwarg is None:
        return f"takes no {', '.join(missing)}"
    places = len(arguments.args) - len(arguments.defaults)
    required = [argument.arg for argument in arguments.args[:places]]
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    required += [argument.arg for argument, default in pairs if default is None]
    required += [argument.arg for argument in arguments.posonlyargs]
    more = [name for name in required if name not in GIVEN]
    return f"needs {', '.join(more)} too" if more else None


def _find_weights(clone: Path, number: int, known: _Registered | None) -> str:
    """Name what holds the weights, relative to the clone.

    Raises:
        UserError: nothing does.
    """
    named = known.weights if known else None
    if named is not None and not Path(named).is_absolute() and (clone / named).exists():
        return named
    folders = [
        path for zoo in _ZOOS for path, match in _teams(clone / zoo) if int(match[1]) == number
    ]
    for folder in folders:
        if any(path.suffix != _LINK for path in folder.iterdir()):
            return folder.relative_to(clone).as_posix()
    files = [
        path
        for zoo in _ZOOS
        for path in sorted((clone / zoo).glob("*"))
        if path.suffix in CHECKPOINT_SUFFIXES and (match := _TEAM.fullmatch(path.stem))
        if int(match[1]) == number and path.is_file()
    ]
    if len(files) == 1:
        return files[0].relative_to(clone).as_posix()
    wanted = f"model_zoo/team{number:02d}_*" if named is None else named
    if not folders:
        raise UserError(f"no weights: {wanted} is not there")
    names = " or ".join(folder.relative_to(clone).as_posix() for folder in folders)
    links = [path.name for folder in folders for path in folder.iterdir()]
    held = f"holds only a link ({links[0]})" if links else "is empty"
    at = "" if named is None else f"{named} is not there, and "
    raise UserError(f"no weights: {at}{names} {held}")


def _parse(file: Path) -> ast.Module:
    try:
        return parse_source(file)
    except SyntaxError as error:
        raise UserError(f"is no Python: {error.msg} (line {error.lineno})", where=file) from error
