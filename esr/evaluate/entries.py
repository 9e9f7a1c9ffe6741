"""What a run is about: the submissions that are here, those of a clone, or an archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from esr.base.errors import UserError
from esr.base.house import ROOT
from esr.base.sha256 import hash_file
from esr.challenge.fixed_input import RealTimeOptions
from esr.challenge.protocol import Protocol, protocols
from esr.datasets.splits import DataRequest, scales_of
from esr.evaluate.options import Selection
from esr.records.conditions import Procedure
from esr.submissions.clone.clone_year import recognise_year
from esr.submissions.clone.many_clones import discover_clones, find_clones
from esr.submissions.discovery import adapt, discover, name_variant
from esr.submissions.pick_submissions import choose
from esr.submissions.public_checkpoints import use_public_checkpoints
from esr.submissions.sidecar import Sidecar, Team
from esr.submissions.submission import Broken, CloneSubmission, Entry, Submission
from esr.submissions.unnamed_models import find_unnamed_models


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
    if not selection.paths:
        return [*discover(root)]
    if any(map(_is_archive, selection.paths)):
        _refuse_choices(selection)
        protocol, given = procedure.protocol, procedure.real_time
        places = {path: folder / str(number) for number, path in enumerate(selection.paths)}
        for place in places.values():
            place.mkdir()
        return [archive_entry(path, places[path], data, protocol, given) for path in places]
    clones = find_clones(selection.paths)
    if len(clones) > 1 and selection.trust:
        remedy = "measure that clone alone"
        raise UserError("an id is of one clone", where="--trust beside several", remedy=remedy)
    entries = discover_clones(clones, procedure.protocol.call)
    return [_of_scale(entry, procedure.protocol) for entry in entries]


def _of_scale(entry: Entry, protocol: Protocol) -> Entry:
    """Give an id of a clone the scale of the challenge, which its source does not say."""
    if not isinstance(entry, CloneSubmission) or len(protocol.scales) > 1:
        return entry
    return replace(entry, sidecar=replace(entry.sidecar, scale=protocol.scales[0]))


def find_years(selection: Selection) -> dict[Path, int]:
    """Say of which year's challenge clones are, where their scripts tell."""
    if any(map(_is_archive, selection.paths)):
        return {}
    years = {clone: recognise_year(clone) for clone in find_clones(selection.paths)}
    return {clone: year for clone, year in years.items() if year is not None}


def list_unnamed(selection: Selection, root: Path = ROOT) -> list[str]:
    """Say which files beside the submissions were probably meant as some, too."""
    models = [] if selection.paths else find_unnamed_models(root)
    return [model.describe() for model in models]


def choose_entries(
    entries: Sequence[Entry], selection: Selection, root: Path = ROOT
) -> list[Entry]:
    """Pick what was asked for, with the checkpoint and in the form that was asked for.

    Args:
        entries: those that there are.
        selection: what was asked for.
        root: the harness, which holds them if no other place was named.

    Raises:
        UserError: there is no such submission, checkpoint or form.
    """
    if any(map(_is_archive, selection.paths)):
        return [*entries]
    picked = choose(entries, selection.wanted, None if selection.paths else root)
    several = len({entry.model_id for entry in picked}) > 1
    several |= sum(not isinstance(entry, Broken) for entry in picked) > 1
    for flag, value in (("--checkpoint", selection.checkpoint), ("--label", selection.label)):
        if value and several:
            raise UserError("fits one submission", where=flag, remedy="give a single --model_id")
    chosen = [adapt(entry, selection.checkpoint, selection.form) for entry in picked]
    if selection.label is not None:
        chosen = [name_variant(entry, selection.label, entries) for entry in chosen]
    if selection.checkpoint_dir is None:
        return chosen
    return use_public_checkpoints(chosen, selection.checkpoint_dir)


def _refuse_choices(selection: Selection) -> None:
    given = selection.checkpoint, selection.form, selection.label
    if any(given) or selection.interleave is not None:
        flags = "--checkpoint, --form, --label and --interleave"
        where = f"--submission {selection.paths[0]}"
        raise UserError(f"cannot be combined with {flags}", where=where)
    if not all(map(_is_archive, selection.paths)):
        raise UserError(
            "archives and clones are measured one after the other", where="--submission"
        )


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and not path.is_dir()


def archive_entry(
    archive: Path, folder: Path, data: DataRequest, protocol: Protocol, given: RealTimeOptions
) -> Entry:
    """Unpack an archive.

    Args:
        archive: the zip file.
        folder: an empty folder; the child need only read that of the model file in it.
        data: whose LR images there are may tell the scale.
        protocol: of the challenge.
        given: what the archive cannot say itself.

    Returns:
        A `Broken` entry if the archive is no good: that costs its row, not the run.

    Raises:
        UserError: the command line is wrong.
    """
    _check(archive, protocol)
    scale = _scale(data, protocol, given)
    handed_in = protocol.hooks.unpack(archive.absolute(), folder)
    submission = Submission(
        model_id=handed_in.model_id,
        name=handed_in.name,
        model_file=handed_in.model_file,
        checkpoint=handed_in.checkpoint,
        sidecar=Sidecar(scale=scale, data_range=given.data_range),
        handed_in_to=protocol.challenge,
    )
    if handed_in.problem:
        return Broken(submission.model_id, submission.label, archive.absolute(), handed_in.problem)
    team = Team(source=f"{archive.name}, SHA-256 {hash_file(archive)}")
    return replace(submission, sidecar=replace(submission.sidecar, team=team))


def _check(archive: Path, protocol: Protocol) -> None:
    where = f"--submission {archive}"
    if not protocol.hooks.archives_of:
        takers = [other for other in protocols().values() if other.hooks.archives_of]
        raise UserError(
            f"a zip file is a submission to {takers[0].hooks.archives_of}",
            where=where,
            remedy=f"add --protocol {' or '.join(taker.name for taker in takers)}",
        )
    if not archive.is_file():
        raise UserError("no such file", where=where)


def _scale(data: DataRequest, protocol: Protocol, given: RealTimeOptions) -> int:
    of_lr = scales_of(data, protocol)
    scale = given.scale or (of_lr[0] if len(of_lr) == 1 else None)
    if scale is None:
        choice = " or ".join(map(str, protocol.scales))
        raise UserError("the archive does not say its scale", remedy=f"add --scale {choice}")
    if scale not in protocol.scales:
        raise UserError(f"{protocol.name} has no such track", where=f"--scale {scale}")
    return scale
