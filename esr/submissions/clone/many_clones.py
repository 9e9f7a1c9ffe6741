"""Several clones at once: those that were named, and those that a folder holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from esr.base.errors import UserError
from esr.base.visible_text import NAME_AT_MOST, one_line
from esr.challenge.protocol import Call
from esr.submissions.clone.discover_clone import discover_clone
from esr.submissions.clone.discover_folder_calls import discover_folder_calls
from esr.submissions.submission import FOLDER_SCRIPT, SCRIPT, Broken, CloneSubmission, Entry

_NOT_IN_FILE_NAMES = re.compile(r"[^\w.+-]+")


def find_clones(paths: Sequence[Path]) -> list[Path]:
    """List the clones: each path that is one, or those right below it.

    Args:
        paths: as the user names them; what is no folder is left to say so itself.
    """
    clones = [clone for path in paths for clone in _find_below(path)]
    return list(dict.fromkeys(clone.absolute() for clone in clones))


def _find_below(path: Path) -> list[Path]:
    if _is_clone(path) or not path.is_dir():
        return [path]
    try:
        below = sorted(each for each in path.iterdir() if each.is_dir() and _is_clone(each))
    except OSError:
        below = []
    return below or [path]


def _is_clone(folder: Path) -> bool:
    models = folder / "models"
    of_folders = (folder / FOLDER_SCRIPT).is_file() and models.is_dir()
    return (folder / SCRIPT).is_file() or of_folders or any(models.glob("team*.py"))


def discover_clones(clones: Sequence[Path], call: Call = "select_model") -> list[Entry]:
    """List the submissions of all clones, those of one label told apart by their clones' names.

    Args:
        clones: in the order of the list.
        call: how the challenge calls a submission.

    Raises:
        UserError: the only clone cannot be read; of several, such a one is a broken entry.
    """
    if len(clones) == 1:
        return _discover_one(clones[0], call)
    found = [(clone, entry) for clone in clones for entry in _discover(clone, call)]
    shared = Counter(entry.label for _, entry in found)
    suffixes = _name_clones(clones)
    return [
        _tell_apart(entry, suffixes[clone]) if shared[entry.label] > 1 else entry
        for clone, entry in found
    ]


def _discover_one(clone: Path, call: Call) -> list[Entry]:
    if call == "main" and not (clone / SCRIPT).exists():
        return discover_folder_calls(clone)
    return discover_clone(clone)


def _discover(clone: Path, call: Call) -> list[Entry]:
    try:
        return _discover_one(clone, call)
    except UserError as error:
        return [Broken(None, _make_safe(clone.name), clone / SCRIPT, str(error))]


def _name_clones(clones: Sequence[Path]) -> dict[Path, str]:
    """Name clones by their folders, and by a number behind that where two are named alike."""
    names: dict[Path, str] = {}
    for clone in clones:
        name, number = _make_safe(clone.name), 1
        while name in names.values():
            number += 1
            name = f"{_make_safe(clone.name)}~{number}"
        names[clone] = name
    return names


def _make_safe(text: str) -> str:
    return one_line(_NOT_IN_FILE_NAMES.sub("_", text), NAME_AT_MOST).lstrip(".") or "clone"


def _tell_apart(entry: Entry, clone: str) -> Entry:
    label = f"{entry.label}@{clone}"
    if isinstance(entry, CloneSubmission):
        return replace(entry, label=label, name=None)
    if isinstance(entry, Broken):
        return replace(entry, label=label)
    return replace(entry, variant=label)
