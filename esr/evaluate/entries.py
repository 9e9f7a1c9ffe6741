"""What a run is about: the submissions that are here, those of a clone, or an archive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from esr.base.errors import UserError
from esr.base.house import ROOT
from esr.datasets.splits import DataRequest
from esr.evaluate.options import Selection
from esr.records.conditions import Procedure
from esr.submissions.archive_submission import archive_entry
from esr.submissions.clone.discover_clone import discover_clone
from esr.submissions.discovery import adapt, choose, discover
from esr.submissions.public_checkpoints import use_public_checkpoints
from esr.submissions.submission import Entry


def list_entries(
    selection: Selection, data: DataRequest, procedure: Procedure, folder: Path, root: Path = ROOT
) -> list[Entry]:
    """List the submissions that there are.

    Args:
        selection: where to look.
        data: on which the submission of an archive is to run.
        procedure: of the challenge.
        folder: an empty folder, for what is unpacked.
        root: the harness, which holds the submissions if no other place was named.

    Raises:
        UserError: there is nothing to list.
    """
    if selection.path is None:
        return [*discover(root)]
    if _is_archive(selection.path):
        _refuse_choices(selection)
        return [
            archive_entry(selection.path, folder, data, procedure.protocol, procedure.real_time)
        ]
    return [*discover_clone(selection.path)]


def choose_entries(entries: Sequence[Entry], selection: Selection) -> list[Entry]:
    """Pick what was asked for, with the checkpoint and in the form that was asked for.

    Raises:
        UserError: there is no such submission, checkpoint or form.
    """
    if selection.path is not None and _is_archive(selection.path):
        return [*entries]
    chosen = [
        adapt(entry, selection.checkpoint, selection.form)
        for entry in choose(entries, selection.wanted)
    ]
    if selection.checkpoint_dir is None:
        return chosen
    return use_public_checkpoints(chosen, selection.checkpoint_dir)


def _refuse_choices(selection: Selection) -> None:
    if selection.checkpoint or selection.form or selection.interleave is not None:
        flags = "--checkpoint, --form and --interleave"
        raise UserError(f"cannot be combined with {flags}", where=f"--submission {selection.path}")


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and not path.is_dir()
