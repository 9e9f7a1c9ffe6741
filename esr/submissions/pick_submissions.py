"""Which of the submissions that are here the user means: by ids, names, wildcards, or all."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from esr.base.did_you_mean import suggest
from esr.base.errors import UserError
from esr.submissions.submission import CloneSubmission, Entry
from esr.submissions.unnamed_models import find_unnamed_models

_NUMBER = re.compile(r"-?\d{1,99}")
_WILDCARDS = frozenset("*?")
_UNNAMED_AT_MOST = 3


def choose(
    entries: Iterable[Entry], wanted: Sequence[str], root: Path | None = None
) -> list[Entry]:
    """Pick the entries that are `wanted`, in that order.

    Args:
        entries: those that there are.
        wanted: ids; names, labels or names of model files, in any case and with `*` and `?`; `all`.
        root: holds `models/`, where what was meant may have another name; None for a clone.

    Raises:
        UserError: an id or a name that no file has, or no submission at all.
    """
    known: dict[int | None, list[Entry]] = {}
    for entry in entries:
        known.setdefault(entry.model_id, []).append(entry)
    every = [entry for group in known.values() for entry in group]
    if not every:
        remedy = _explain_unnamed("", root)
        raise UserError("there is no submission in models/", where="--model_id", remedy=remedy)
    if "all" in wanted:
        return every
    chosen: dict[int, Entry] = {}
    for text in wanted:
        is_number = _NUMBER.fullmatch(text)
        meant = known.get(int(text), []) if is_number else _find_named(text, every)
        if not meant:
            raise _nobody(text, every, root)
        chosen.update((id(entry), entry) for entry in meant)
    return [*chosen.values()]


def may_be_several(text: str) -> bool:
    """Say whether what was asked for may be any number of submissions, whoever they are of."""
    return text == "all" or not _WILDCARDS.isdisjoint(text)


def _find_named(text: str, entries: Sequence[Entry]) -> list[Entry]:
    pattern = Path(text).name.removesuffix(".py").casefold()
    exact = [entry for entry in entries if pattern in _names_of(entry)]
    if exact or _WILDCARDS.isdisjoint(pattern):
        return exact
    # Labels of official clones may hold brackets, which are no wildcards here.
    pattern = pattern.replace("[", "[[]")
    return [
        entry
        for entry in entries
        if any(fnmatch.fnmatchcase(name, pattern) for name in _names_of(entry))
    ]


def _names_of(entry: Entry) -> tuple[str, ...]:
    label = entry.label.strip().casefold()
    return label, label.partition("_")[2], f"team{label}"


def _nobody(text: str, entries: Sequence[Entry], root: Path | None) -> UserError:
    where = f"--model_id {text}"
    is_clone = any(isinstance(entry, CloneSubmission) for entry in entries)
    look = "see --list" if is_clone else "add models/team[ID]_[Model].py or see --list"
    unnamed = _explain_unnamed(text, root)
    if _NUMBER.fullmatch(text):
        ids = dict.fromkeys(str(entry.model_id) for entry in entries if entry.model_id is not None)
        known = ", ".join(ids) or "none"
        what = f"no submission has this id; there are: {known}"
        return UserError(what, where=where, remedy=unnamed or look)
    if "," in text:
        return UserError("is no id or name", where=where, remedy="separate several by spaces")
    remedy = suggest(text, [entry.label for entry in entries], unnamed or look)
    return UserError("no submission has this name", where=where, remedy=remedy)


def _explain_unnamed(text: str, root: Path | None) -> str:
    """Say which files may be what was meant, those with that name before others."""
    models = [] if root is None else find_unnamed_models(root)
    # An id that is free is that of the only one; of several it is anybody's.
    is_free = _NUMBER.fullmatch(text) and int(text) >= 0 and len(models) == 1
    model_id = int(text) if is_free else None
    wanted = Path(text).name.removesuffix(".py").casefold()
    ordered = sorted(models, key=lambda model: wanted not in model.stem.casefold())
    lines = [model.describe(model_id) for model in ordered[:_UNNAMED_AT_MOST]]
    more = len(models) - len(lines)
    return ", ".join(lines) + (f" and {more} more, see --list" if more else "")
