"""Submissions as files say them: the file name is the registry, a TOML sidecar says the rest.

`models/team{NN}_{Name}.py` and `model_zoo/team{NN}*` make a submission. Nothing here imports a
model: one that cannot be used is a `Broken` value with its reason and never hides the others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from utils.errors import UserError
from utils.sidecar import Sidecar, read_sidecar

CHECKPOINT_SUFFIXES = (".pth", ".pt", ".ckpt", ".pkl")
_MODEL_STEM = re.compile(r"team(\d+)_(.+)")
_TEAM_NUMBER = re.compile(r"team(\d+)")


@dataclass(frozen=True)
class Submission:
    """A network and its checkpoint, ready to be built by the worker."""

    model_id: int
    name: str
    model_file: Path
    checkpoint: Path | None
    """None when there is none in the zoo; evaluating needs one."""
    sidecar: Sidecar = field(default_factory=Sidecar)
    form: str | None = None
    """The chosen entry of `sidecar.forms`."""

    @property
    def label(self) -> str:
        """Row name, as the official script spells it: `00_RFDN`."""
        return f"{self.model_id:02d}_{self.name}"

    @property
    def kwargs(self) -> dict[str, Any]:
        """Arguments of the network's constructor, those of the chosen form on top."""
        chosen = self.sidecar.forms[self.form].kwargs if self.form else {}
        return {**self.sidecar.kwargs, **chosen}


@dataclass(frozen=True)
class Broken:
    """A file in `models/` that is meant as a submission and cannot be used."""

    model_id: int | None
    label: str
    model_file: Path
    reason: str


Entry = Submission | Broken


def discover(root: Path) -> list[Entry]:
    """List every submission below `root`, which holds `models/` and `model_zoo/`, by id."""
    files = sorted((root / "models").glob("team*.py"))
    numbers = Counter(_model_id(file) for file in files)
    entries = [_entry(file, root / "model_zoo", numbers) for file in files]
    return sorted(entries, key=lambda entry: (entry.model_id is None, entry.model_id, entry.label))


def choose(entries: Iterable[Entry], wanted: Sequence[str]) -> list[Entry]:
    """Pick the entries whose ids are `wanted`, in that order; `all` is every one.

    Raises:
        UserError: an id that no file has.
    """
    known: dict[int | None, list[Entry]] = {}
    for entry in entries:
        known.setdefault(entry.model_id, []).append(entry)
    if "all" in wanted:
        return [entry for group in known.values() for entry in group]
    chosen = dict.fromkeys(int(text) for text in wanted)
    for number in chosen:
        if number not in known:
            ids = ", ".join(str(known_id) for known_id in known if known_id is not None) or "none"
            raise UserError(
                f"no submission has this id; there are: {ids}",
                where=f"--model_id {number}",
                remedy=f"add models/team{max(number, 0):02d}_[Model].py or see --list",
            )
    return [entry for number in chosen for entry in known[number]]


def adapted(entry: Entry, checkpoint: Path | None, form: str | None) -> Entry:
    """Point an entry at another checkpoint or form; None leaves it as its files say.

    Raises:
        UserError: there is no such file or form.
    """
    if isinstance(entry, Submission) and form is not None:
        entry = _with_form(entry, form)
    if isinstance(entry, Submission) and checkpoint is not None:
        if not checkpoint.is_file():
            raise UserError("no such checkpoint file", where=f"--checkpoint {checkpoint}")
        entry = replace(entry, checkpoint=checkpoint.resolve())
    return entry


def _with_form(submission: Submission, form: str) -> Submission:
    sidecar, file = submission.sidecar, submission.model_file
    if form not in sidecar.forms:
        known = ", ".join(sidecar.forms) or "none"
        raise UserError(
            f"{submission.label} has no such form; it has: {known}", where=f"--form {form}"
        )
    zoo = file.parent.parent / "model_zoo"
    checkpoint = find_checkpoint(zoo, file.stem, _stated_checkpoint(sidecar, form))
    return replace(submission, form=form, checkpoint=checkpoint)


def _model_id(file: Path) -> int | None:
    match = _MODEL_STEM.fullmatch(file.stem)
    return int(match[1]) if match else None


def _team_number(stem: str) -> int | None:
    match = _TEAM_NUMBER.match(stem)
    return int(match[1]) if match else None


def _entry(file: Path, zoo: Path, numbers: Counter[int | None]) -> Entry:
    match = _MODEL_STEM.fullmatch(file.stem)
    if not match:
        return Broken(None, file.stem, file, "the name must be team[ID]_[Model].py")
    model_id, name = int(match[1]), match[2]
    label = f"{model_id:02d}_{name}"
    if numbers[model_id] > 1:
        return Broken(
            model_id, label, file, f"{numbers[model_id]} files in models/ claim id {model_id}"
        )
    try:
        sidecar = read_sidecar(file.with_suffix(".toml"))
        form = next(iter(sidecar.forms), None)
        checkpoint = find_checkpoint(zoo, file.stem, _stated_checkpoint(sidecar, form))
    except UserError as error:
        return Broken(model_id, label, file, str(error))
    return Submission(model_id, name, file.resolve(), checkpoint, sidecar, form)


def _stated_checkpoint(sidecar: Sidecar, form: str | None) -> str | None:
    return (form and sidecar.forms[form].checkpoint) or sidecar.checkpoint


def find_checkpoint(zoo: Path, stem: str, stated: str | None) -> Path | None:
    """Find a submission's checkpoint: the stated name, the model file's own name, or `team{NN}*`.

    Returns:
        The file, or None when the zoo has none.

    Raises:
        UserError: the stated file is absent or outside the zoo, or several could be meant.
    """
    if stated is not None:
        path = (zoo / stated).resolve()
        if not path.is_relative_to(zoo.resolve()):
            raise UserError(f"checkpoint '{stated}' lies outside model_zoo/", where=f"{stem}.toml")
        return path if path.is_file() else None
    found = sorted(
        path
        for path in zoo.glob("team*")
        if path.suffix in CHECKPOINT_SUFFIXES and _team_number(path.stem) == _team_number(stem)
    )
    exact = [path for path in found if path.stem == stem]
    candidates = exact or found
    if len(candidates) > 1:
        names = ", ".join(path.name for path in candidates)
        raise UserError(
            f"several checkpoints could be meant: {names}",
            where=f"{stem}.py",
            remedy=f'name one with checkpoint = "..." in {stem}.toml',
        )
    return candidates[0].resolve() if candidates else None
