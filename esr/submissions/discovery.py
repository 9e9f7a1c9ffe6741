"""Our own layout: the file name is the registry, a TOML sidecar says the rest.

`models/team{NN}_{Name}.py` and `model_zoo/team{NN}*` make a submission. Nothing here imports a
model: one that cannot be used is a `Broken` value with its reason and never hides the others.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from esr.base.errors import UserError, cause
from esr.base.visible_text import NAME_AT_MOST, one_line
from esr.submissions.near_misses import describe_near_misses, team_number
from esr.submissions.sidecar import read_sidecar
from esr.submissions.submission import (
    CHECKPOINT_SUFFIXES,
    SELECT,
    Broken,
    CloneSubmission,
    Entry,
    Submission,
)

_MODEL_STEM = re.compile(r"team(\d{1,9})_(.+)", re.DOTALL)
_MEANT_STEM = re.compile(r"team.*|\d+_.*", re.DOTALL)
"""Files that somebody meant as a submission, rightly named or not."""
_NAME_BYTES_AT_MOST = 120
"""Of a model file's name: files of results are named after it, with more at both ends."""


def discover(root: Path) -> list[Submission | Broken]:
    """List every submission below `root`, which holds `models/` and `model_zoo/`, by id.

    Raises:
        UserError: one of the two folders cannot be read.
    """
    meant = [path for path in _files(root / "models") if is_meant(path.stem)]
    zoo = _checkpoints(root)
    by_id: defaultdict[int | None, list[Path]] = defaultdict(list)
    for path in meant:
        if path.suffix == ".py":
            by_id[_model_id(path)].append(path)
    entries = [_entry(path, zoo, rivals) for rivals in by_id.values() for path in rivals]
    entries += [
        Broken(_model_id(path), label, path, f"there is no {label}.py beside it")
        for path in meant
        for label in [_safe_label(path.stem)]
        if path.suffix == ".toml" and path.with_suffix(".py") not in meant
    ]
    return sorted(entries, key=lambda entry: (entry.model_id is None, entry.model_id, entry.label))


def is_meant(stem: str) -> bool:
    """Whether a file in `models/` is named as a submission, rightly or not."""
    return _MEANT_STEM.fullmatch(stem) is not None


def _checkpoints(root: Path) -> list[Path]:
    return [path for path in _files(root / "model_zoo") if path.suffix in CHECKPOINT_SUFFIXES]


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir()) if folder.exists() else []
    except OSError as error:
        raise UserError(f"cannot be read ({cause(error)})", where=folder) from error


def adapt(entry: Entry, checkpoint: Path | None, form: str | None) -> Entry:
    """Point an entry at another checkpoint or form; None leaves it as its files say.

    Raises:
        UserError: there is no such file or form, or a clone's own code chooses them.
    """
    if isinstance(entry, CloneSubmission) and (checkpoint or form):
        raise UserError(
            f"{SELECT} of {entry.clone} chooses its own checkpoint and form",
            where="--checkpoint" if checkpoint else "--form",
        )
    if isinstance(entry, Submission) and form is not None:
        entry = _with_form(entry, form)
    if isinstance(entry, Submission) and checkpoint is not None:
        if not checkpoint.is_file():
            raise UserError("no such checkpoint file", where=f"--checkpoint {checkpoint}")
        entry = replace(entry, checkpoint=checkpoint.resolve())
    return entry


def name_variant(entry: Entry, label: str, others: Sequence[Entry]) -> Entry:
    """Give an entry a label, and with it a row of its own.

    Args:
        entry: the submission.
        label: its name in results.
        others: all that are here, whose labels it must not take.

    Raises:
        UserError: it cannot be the name of a row.
    """
    where = f"--label {one_line(label, NAME_AT_MOST)}"
    if (fault := _fault_of_name(label)) is not None:
        raise UserError(fault.removesuffix("; rename it"), where=where, remedy="choose another")
    if Path(label).name != label or label.startswith(".") or not label.strip():
        raise UserError("files cannot be named so", where=where, remedy="choose a plain name")
    if label in {other.label for other in others} - {entry.label}:
        what = "is the label of another submission"
        raise UserError(what, where=where, remedy="choose a name of its own")
    if isinstance(entry, Broken):
        return replace(entry, label=label)
    if isinstance(entry, CloneSubmission):
        return replace(entry, label=label, variant=label)
    return replace(entry, variant=label)


def _with_form(submission: Submission, form: str) -> Submission:
    file = submission.model_file
    sidecar = read_sidecar(file.with_suffix(".toml"))
    if form not in sidecar.forms:
        known = ", ".join(sidecar.forms) or "none"
        raise UserError(
            f"{submission.label} has no such form; it has: {known}", where=f"--form {form}"
        )
    chosen = sidecar.in_form(form)
    checkpoint, problem = find_checkpoint(_checkpoints(file.parent.parent), file, chosen.checkpoint)
    return replace(submission, sidecar=chosen, form=form, checkpoint=checkpoint, problem=problem)


def _model_id(file: Path) -> int | None:
    match = _MODEL_STEM.fullmatch(file.stem)
    return int(match[1]) if match else None


def _fault_of_name(stem: str) -> str | None:
    """Say why no file of results can be named so."""
    try:
        size = len(stem.encode())
    except UnicodeEncodeError:
        return "the name is no UTF-8; rename it"
    if not stem.isprintable():
        return "the name holds a character that cannot be printed; rename it"
    if size > _NAME_BYTES_AT_MOST:
        return f"the name has more than {_NAME_BYTES_AT_MOST} bytes; shorten it"
    return None


def _safe_label(stem: str) -> str:
    """Name a row after a file whose own name will not do, another row for every such file."""
    if _fault_of_name(stem) is None:
        return stem
    digest = hashlib.sha256(stem.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{one_line(stem, NAME_AT_MOST)}~{digest}".replace("\\", "_")


def _entry(file: Path, zoo: Sequence[Path], rivals: Sequence[Path]) -> Submission | Broken:
    if (fault := _fault_of_name(file.stem)) is not None:
        return Broken(_model_id(file), _safe_label(file.stem), file, fault)
    match = _MODEL_STEM.fullmatch(file.stem)
    if not match:
        return Broken(None, file.stem, file, "the name must be team[ID]_[Model].py")
    model_id, name = int(match[1]), match[2]
    if len(rivals) > 1:
        names = " and ".join(path.name for path in rivals)
        return Broken(model_id, file.stem, file, f"{names} claim the same id")
    try:
        if not file.is_file():
            raise UserError("is no file", where=file.name)
        sidecar = read_sidecar(file.with_suffix(".toml"))
    except UserError as error:
        return Broken(model_id, f"{model_id:02d}_{name}", file, str(error))
    form = next(iter(sidecar.forms), None)
    chosen = sidecar.in_form(form) if form else sidecar
    checkpoint, problem = find_checkpoint(zoo, file, chosen.checkpoint)
    return Submission(model_id, name, file.absolute(), checkpoint, chosen, form, problem)


def find_checkpoint(
    zoo: Sequence[Path], model_file: Path, stated: str | None
) -> tuple[Path | None, str]:
    """Find a submission's checkpoint: the stated name, the model file's own name, or `team{NN}*`.

    Args:
        zoo: the checkpoints there are.
        model_file: the model file, in `models/`.
        stated: the file name that the sidecar says.

    Returns:
        (the file, ""), or (None, why there is none)
    """
    stem = model_file.stem
    if stated is not None:
        if Path(stated).name != stated:
            return None, f"checkpoint '{stated}' is no file name in model_zoo/"
        candidates = [path for path in zoo if path.name == stated]
    else:
        of_team = [path for path in zoo if team_number(path.stem) == team_number(stem)]
        candidates = [path for path in of_team if path.stem == stem] or of_team
    files = [path for path in candidates if path.is_file()]
    if len(files) == 1 and (fault := _fault_of_name(files[0].name)) is not None:
        return None, f"checkpoint {one_line(files[0].name, NAME_AT_MOST)}: {fault}"
    if len(files) == 1:
        return files[0].absolute(), ""
    if files:
        names = ", ".join(path.name for path in files)
        return None, f"several checkpoints could be meant: {names}; name one in {stem}.toml"
    expected = f"no checkpoint: expected model_zoo/{stated or stem + '.pth'}"
    near = describe_near_misses(model_file, stated)
    return None, f"{expected}; {near or 'put it there or give --checkpoint PATH'}"
