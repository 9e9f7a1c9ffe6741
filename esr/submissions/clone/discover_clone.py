"""A clone, to the submissions in it: read with `ast`, never imported."""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from pathlib import Path

from esr.base.errors import UserError
from esr.base.foreign_bytes import read_foreign
from esr.submissions.clone.control_flow import functions
from esr.submissions.clone.select_model_branches import Branch, branches
from esr.submissions.discovery import discover
from esr.submissions.submission import SCRIPT, SELECT, Broken, CloneSubmission, Entry

_NOT_IN_FILE_NAMES = re.compile(r"[^\w.+()-]+")
_LABEL_AT_MOST = 100
"""Bytes; a system allows 255 for the name of a file, what is added to it included."""
_BYTES_AT_MOST = 2**22


def discover_clone(clone: Path) -> list[Entry]:
    """List the submissions of a clone of an official repository, or of this one, by id.

    Raises:
        UserError: it is neither, or its script cannot be read.
    """
    clone = clone.absolute()
    if not clone.is_dir():
        raise UserError("no such folder", where=f"--submission {clone}")
    script = clone / SCRIPT
    tree = _parsed(script) if script.exists() else ast.Module([], [])
    select = functions(tree).get(SELECT)
    if select is None:
        return _own_layout(clone, script)
    ladder = branches(tree, select)
    if not ladder:
        raise UserError(
            f"{SELECT} compares model_id with no number, so it has no ids", where=script
        )
    names = Counter(_label(branch) for branch in ladder)
    return [_entry(branch, script, unique=names[_label(branch)] == 1) for branch in ladder]


def _own_layout(clone: Path, script: Path) -> list[Entry]:
    entries: list[Entry] = [*discover(clone)]
    if not entries:
        what = f"has no function {SELECT}" if script.exists() else "is not there"
        raise UserError(
            f"{what}, and models/ holds no team[ID]_[Model].py",
            where=script,
            remedy="give a clone of an official repository or of this one",
        )
    return entries


def _parsed(script: Path) -> ast.Module:
    try:
        # A link may lead to another file; a pipe has no writer, and a device no end.
        source = read_foreign(script.resolve(), _BYTES_AT_MOST)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except UserError as error:
        raise UserError(error.what, where=script) from error
    except SyntaxError as error:
        raise UserError(f"is no Python: {error.msg} (line {error.lineno})", where=script) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise UserError("is no Python that can be read", where=script) from error


def _entry(branch: Branch, script: Path, *, unique: bool) -> Entry:
    label = _label(branch) if unique else f"{branch.model_id:02d}_{_label(branch)}"
    if branch.problem:
        return Broken(branch.model_id, label, script, f"no submission: {branch.problem}")
    return CloneSubmission(branch.model_id, label, script.parent, name=branch.name)


def _label(branch: Branch) -> str:
    # Decided before anything runs, and it must do as the name of a file.
    fallback = f"{branch.model_id:02d}_{branch.imported or 'submission'}"
    name = branch.name or fallback
    safe = _NOT_IN_FILE_NAMES.sub("_", name).lstrip(".").encode()[:_LABEL_AT_MOST]
    return safe.decode("utf-8", "ignore") or fallback
