"""What a run is about: the submissions that are here, those of a clone, or an archive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from esr.base.errors import UserError
from esr.evaluate.options import Options
from esr.submissions.archive_submission import archive_entry
from esr.submissions.clone.discover_clone import discover_clone
from esr.submissions.discovery import adapt, choose, discover
from esr.submissions.public_checkpoints import use_public_checkpoints
from esr.submissions.submission import Entry


def all_entries(options: Options, root: Path, folder: Path) -> list[Entry]:
    """List the submissions that there are.

    Args:
        options: where to look.
        root: this harness.
        folder: an empty folder, for what is unpacked.

    Raises:
        UserError: there is nothing to list.
    """
    if options.submission is None:
        return [*discover(root)]
    if _is_archive(options.submission):
        return [_of_archive(options.submission, options, folder)]
    return [*discover_clone(options.submission)]


def chosen_entries(entries: Sequence[Entry], options: Options) -> list[Entry]:
    """Pick what was asked for, with the checkpoint and in the form that was asked for.

    Raises:
        UserError: there is no such submission, checkpoint or form.
    """
    if options.submission is not None and _is_archive(options.submission):
        return [*entries]
    chosen = [
        adapt(entry, options.checkpoint, options.form) for entry in choose(entries, options.wanted)
    ]
    if options.checkpoint_dir is None:
        return chosen
    return use_public_checkpoints(chosen, options.checkpoint_dir)


def _of_archive(archive: Path, options: Options, folder: Path) -> Entry:
    if options.checkpoint or options.form or options.interleave is not None:
        flags = "--checkpoint, --form and --interleave"
        raise UserError(f"cannot be combined with {flags}", where=f"--submission {archive}")
    return archive_entry(archive, folder, options.data, options.protocol, options.real_time)


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and not path.is_dir()
