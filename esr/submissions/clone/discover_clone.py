"""A clone, to the submissions in it: read with `ast`, never imported."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from esr.base.errors import UserError
from esr.challenge.protocol import protocols
from esr.submissions.clone.control_flow import functions
from esr.submissions.clone.select_model_branches import Branch, branches
from esr.submissions.discovery import discover
from esr.submissions.parse_source import parse_source
from esr.submissions.submission import (
    FOLDER_SCRIPT,
    SCRIPT,
    SELECT,
    Broken,
    CloneSubmission,
    Entry,
    make_label,
)


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
            remedy=_remedy(clone),
        )
    return entries


def _remedy(clone: Path) -> str:
    if (clone / FOLDER_SCRIPT).is_file():
        names = [name for name, protocol in protocols().items() if protocol.call == "main"]
        what = f"its {FOLDER_SCRIPT} may be that of another challenge"
        return f"{what}: choose it with --protocol {' or '.join(names)}"
    return "give a clone of an official repository or of this one"


def _parsed(script: Path) -> ast.Module:
    try:
        # A link may lead to another file; a pipe has no writer, and a device no end.
        return parse_source(script.resolve())
    except UserError as error:
        raise UserError(error.what, where=script) from error
    except SyntaxError as error:
        raise UserError(f"is no Python: {error.msg} (line {error.lineno})", where=script) from error


def _entry(branch: Branch, script: Path, *, unique: bool) -> Entry:
    label = _label(branch) if unique else f"{branch.model_id:02d}_{_label(branch)}"
    if branch.problem:
        return Broken(branch.model_id, label, script, f"no submission: {branch.problem}")
    return CloneSubmission(
        branch.model_id, label, script.parent, name=branch.name, named=branch.checkpoints
    )


def _label(branch: Branch) -> str:
    # Decided before anything runs, and it must do as the name of a file.
    fallback = f"{branch.model_id:02d}_{branch.imported or 'submission'}"
    name = branch.name or fallback
    return make_label(name, branch.model_id)
