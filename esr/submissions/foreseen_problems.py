"""What a run of a submission would find out, found without running or importing anything.

Its model file is parsed, its imports are looked for, and the names of its checkpoint's keys are
compared with those of the network where both can be read. What cannot be known is not said.
"""

from __future__ import annotations

import ast
import json
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePath

from packaging.requirements import Requirement

from esr.base.errors import UserError
from esr.base.visible_text import one_line
from esr.base.zip_archive import open_zip
from esr.submissions.clone_session.stand_ins.stand_in_table import leads_to_stand_ins
from esr.submissions.environments.stated_requirements import (
    installed_version,
    modules_of,
    requirements_of,
)
from esr.submissions.foreign_file import CHECKPOINT_LIMITS, HEAD_BYTES, recognise
from esr.submissions.parse_source import parse_source
from esr.submissions.submission import CloneSubmission, Measurable, Submission

INSTALL_HINT = "(--install fetches what can be had)"
"""Said wherever a package is not there."""
_PICKLE_AT_MOST = 2**21
_HEADER_AT_MOST = 2**24
_NAMED_AT_MOST = 3
_DEEPEST = 3
"""Names before the dots of a key, at which tools and wrappers are over."""
_PLAIN_BASES = frozenset(["Module", "object", "ABC"])
_DYNAMIC = frozenset(["add_module", "register_module", "setattr", "exec", "eval", "__setattr__"])
"""Calls after which a network may have parts of any name."""


def foresee_problems(entry: Measurable) -> list[str]:
    """Say in a few words each why a submission would fail, as far as its files tell."""
    absent = _find_absent_packages(entry)
    if isinstance(entry, CloneSubmission):
        return [*absent, *_find_absent_checkpoints(entry)]
    return [*absent, *(_find_misfits(entry) if entry.handed_in_to is None else ())]


def _find_absent_checkpoints(entry: CloneSubmission) -> Iterator[str]:
    """Name what its branch of `select_model` names, where none of it is there."""
    zoo, names = entry.clone / "model_zoo", [PurePath(each).name for each in entry.named]
    there = {path.name for path in zoo.rglob("*")} if names and zoo.is_dir() else set()
    found = [name for name in names if name in there]
    found += [each for each in entry.named if (entry.clone / each).is_file()]
    if names and not found:
        yield f"no checkpoint: {', '.join(one_line(each, 80) for each in entry.named)}"


def _find_absent_packages(entry: Measurable) -> Iterator[str]:
    try:
        requirements = [Requirement(each) for each in requirements_of(entry)]
    except UserError as error:
        yield str(error)
        return
    is_clone = isinstance(entry, CloneSubmission)
    absent, in_part, others = [], [], []
    for requirement in requirements:
        if (version := installed_version(requirement.name)) is not None:
            others.append(f"{requirement} ({version} is here)")
        elif is_clone and _has_stand_in(requirement.name):
            in_part.append(requirement.name)
        else:
            absent.append(requirement.name)
    if absent:
        # What a clone imports and never uses need not be there.
        yield f"{'may need' if is_clone else 'needs'} {', '.join(absent)} {INSTALL_HINT}"
    if in_part:
        yield f"may need more of {', '.join(in_part)} than its stand-ins here {INSTALL_HINT}"
    if others:
        yield f"asks for {', '.join(others)}; --install takes what it asks for"


def _has_stand_in(package: str) -> bool:
    return any(leads_to_stand_ins(module) for module in modules_of(package))


def _find_misfits(entry: Submission) -> Iterator[str]:
    tree = None
    try:
        tree = parse_source(entry.model_file)
    except SyntaxError as error:
        yield f"{entry.model_file.name}, line {error.lineno}: {error.msg}"
    except UserError:
        yield f"{entry.model_file.name} cannot be read"
    if entry.checkpoint is None:
        return
    if (foreign := _recognise(entry.checkpoint)) is not None:
        yield str(foreign)
    elif tree is not None:
        yield from _compare_keys(tree, entry.checkpoint)


def _recognise(checkpoint: Path) -> UserError | None:
    try:
        with checkpoint.open("rb") as file:
            return recognise(checkpoint, file.read(HEAD_BYTES))
    except OSError as error:
        return UserError(f"cannot be read ({error.strerror})", where=checkpoint.name)


def _compare_keys(tree: ast.Module, checkpoint: Path) -> Iterator[str]:
    """Say that a checkpoint is of another network, where no key of it names a part of this one."""
    parts = _list_parts(tree)
    keys = [key.split(".", _DEEPEST) for key in _read_keys(checkpoint)]
    if parts is None or not keys:
        return
    # Tools and wrappers put one name before all keys, sometimes two.
    begins = {key[depth] for key in keys for depth in range(min(_DEEPEST, len(key)))}
    if not begins & parts:
        named = ", ".join(list(dict.fromkeys(key[0] for key in keys))[:_NAMED_AT_MOST])
        yield (
            f"{checkpoint.name} is of another network: its keys begin with"
            f" {one_line(named, 80)}, which no class here has"
        )


def _list_parts(tree: ast.Module) -> set[str] | None:
    """List the names of what networks of a file are made of; None if there may be others."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    own = {node.name for node in classes}
    bases = {_last_name(base) for node in classes for base in node.bases}
    calls = {_last_name(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    if not classes or calls & _DYNAMIC or bases - own - _PLAIN_BASES:
        return None
    attributes = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    # Parameters and buffers are registered by their names.
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return attributes | texts


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _read_keys(checkpoint: Path) -> list[str]:
    """Read the keys of a state_dict; nothing where the file does not tell without being loaded."""
    try:
        if zipfile.is_zipfile(checkpoint):
            return list(_read_pickled(checkpoint))
        with checkpoint.open("rb") as file:
            head = file.read(9)
            length = int.from_bytes(head[:8], "little")
            if head[8:] == b"{" and length <= _HEADER_AT_MOST:
                return [key for key in json.loads(head[8:] + file.read(length - 1)) if "." in key]
    except Exception:  # Somebody's file; the run says what is wrong with it.
        return []
    return []


def _read_pickled(checkpoint: Path) -> Iterator[str]:
    with open_zip(checkpoint, CHECKPOINT_LIMITS) as archive:
        name = next(each for each in archive.members if each.endswith("data.pkl"))
        member = archive.members[name]
        pickled = archive.read(member) if member.file_size <= _PICKLE_AT_MOST else b""
    # Walked through, never executed.
    for _, argument, _ in pickletools.genops(pickled):
        if isinstance(argument, str) and "." in argument and " " not in argument:
            yield argument
