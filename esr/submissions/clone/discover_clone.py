"""A clone, to the submissions in it: read with `ast`, never imported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from esr.base.errors import UserError
from esr.challenge.protocol import protocols
from esr.submissions.clone.find_select_model import find_select_model
from esr.submissions.clone.model_ids import names_of_models
from esr.submissions.clone.select_model_branches import Branch, branches
from esr.submissions.discovery import discover
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
    select = find_select_model(clone)
    if select is None:
        return _own_layout(clone, script)
    files = names_of_models(clone)
    ladder = branches(select.tree, select.function, files)
    if not ladder:
        raise UserError(
            f"{SELECT} compares model_id with no number, so it has no ids", where=script
        )
    labels = [_label(branch, files) for branch in ladder]
    names = Counter(labels)
    return [
        _entry(branch, script, label if names[label] == 1 else f"{branch.model_id:02d}_{label}")
        for branch, label in zip(ladder, labels, strict=True)
    ]


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


def _entry(branch: Branch, script: Path, label: str) -> Entry:
    if branch.problem:
        return Broken(branch.model_id, label, script, f"no submission: {branch.problem}")
    return CloneSubmission(
        branch.model_id, label, script.parent, name=branch.name, named=branch.checkpoints
    )


def _label(branch: Branch, files: Mapping[int, str]) -> str:
    # Decided before anything runs, and it must do as the name of a file.
    known = branch.imported or (not branch.problem and files.get(branch.model_id)) or "submission"
    fallback = f"{branch.model_id:02d}_{known}"
    name = branch.name or fallback
    return make_label(name, branch.model_id)
