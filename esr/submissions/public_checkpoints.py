"""The authors' own checkpoints: which file belongs to which submission, and where it comes from.

`python -m esr zoo 9 16` downloads them into `model_zoo/public/`, verified; `test_demo.py
--checkpoint_dir DIR` uses them under their public names. `model_zoo/public.toml` is the mapping.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass as validated

from esr.base.command import Parser, command
from esr.base.download import fetch
from esr.base.errors import UserError
from esr.base.house import ROOT
from esr.base.sha256 import hash_file
from esr.base.toml_file import STRICT, check_tables, read_tables
from esr.submissions.submission import SELECT, CloneSubmission, Entry, Submission


@validated(frozen=True, config=STRICT)
class PublicCheckpoint:
    """One file that the authors of a submission published."""

    model: str
    """Stem of the model file: `team16_LKDN`."""
    file: str
    """Name under which it is kept here."""
    source: str
    """Repository and path it comes from."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    form: str | None = None
    """The form it belongs to; None for a submission with one form."""
    url: Annotated[str, Field(pattern="^https://")] | None = None
    """Where it can be downloaded; None where it cannot."""


@validated(frozen=True, config=STRICT)
class PublicZoo:
    """`model_zoo/public.toml`."""

    checkpoint: list[PublicCheckpoint] = field(default_factory=list)


def read_zoo(path: Path) -> list[PublicCheckpoint]:
    """Read the mapping.

    Raises:
        UserError: it cannot be read.
    """
    return check_tables(PublicZoo, read_tables(path, path), path).checkpoint


def use_public_checkpoint(
    submission: Submission, folder: Path, zoo: Sequence[PublicCheckpoint]
) -> Submission:
    """Point a submission at its authors' checkpoint in a folder; without one it has none.

    Raises:
        UserError: the file there is not the one that was published.
    """
    stem = submission.model_file.stem
    known = [entry for entry in zoo if entry.model == stem and entry.form == submission.form]
    if not known:
        form = f" ({submission.form})" if submission.form else ""
        problem = f"no checkpoint: model_zoo/public.toml names no public one for {stem}{form}"
        return replace(submission, checkpoint=None, problem=problem)
    path = folder / known[0].file
    if not path.is_file():
        problem = f"no checkpoint: {known[0].file} is not in {folder}"
        return replace(submission, checkpoint=None, problem=problem)
    if hash_file(path) != known[0].sha256:
        raise UserError(
            "is not the file its authors published (its SHA-256 differs)",
            where=path,
            remedy="download it again, or give it with --checkpoint",
        )
    return replace(submission, checkpoint=path.absolute(), problem="")


def use_public_checkpoints(entries: Sequence[Entry], folder: Path) -> list[Entry]:
    """Point every submission at its authors' checkpoint in a folder.

    Raises:
        UserError: no such folder, or a file in it is not the one that was published.
    """
    if not folder.is_dir():
        raise UserError("no such folder", where=f"--checkpoint_dir {folder}")
    for entry in entries:
        if isinstance(entry, CloneSubmission):
            raise UserError(
                f"{SELECT} of {entry.clone} chooses its own checkpoints", where="--checkpoint_dir"
            )
    zoo = read_zoo(ROOT / "model_zoo" / "public.toml")
    return [
        use_public_checkpoint(entry, folder, zoo) if isinstance(entry, Submission) else entry
        for entry in entries
    ]


@command(interrupted="run it again to go on")
def main(arguments: list[str]) -> None:
    """Download the public checkpoints of some submissions, one after the other."""
    parser = Parser("python -m esr zoo", description=__doc__.split("\n")[0])
    parser.add_argument("model_id", type=int, nargs="+", metavar="ID")
    parser.add_argument("--dir", type=Path, default=ROOT / "model_zoo" / "public", metavar="DIR")
    options = parser.parse_args(arguments)
    for entry in pick(read_zoo(ROOT / "model_zoo" / "public.toml"), options.model_id):
        if entry.url is None:
            raise UserError(f"cannot be downloaded; it is {entry.source}", where=entry.file)
        fetch(entry.url, options.dir / entry.file, entry.sha256)
        sys.stdout.write(f"{options.dir / entry.file}\n")


def pick(zoo: Sequence[PublicCheckpoint], ids: Sequence[int]) -> list[PublicCheckpoint]:
    """Pick the entries of some submissions.

    Raises:
        UserError: one of them has none.
    """
    chosen = []
    for number in ids:
        entries = [entry for entry in zoo if entry.model.startswith(f"team{number:02d}_")]
        if not entries:
            raise UserError("no public checkpoint is known", where=f"submission {number}")
        chosen += entries
    return chosen
