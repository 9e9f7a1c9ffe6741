"""What a run is about: the submissions that are here, those of a clone, or an archive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from utils.fork.discovery import discover_clone
from utils.options import Options
from utils.rtsr.entry import entry as archive_entry
from utils.submission import Entry, adapted, choose, discover
from utils.zoo import with_public_checkpoints


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
        return [archive_entry(options, folder)]
    return [*discover_clone(options.submission)]


def chosen_entries(entries: Sequence[Entry], options: Options) -> list[Entry]:
    """Pick what was asked for, with the checkpoint and in the form that was asked for.

    Raises:
        UserError: there is no such submission, checkpoint or form.
    """
    if options.submission is not None and _is_archive(options.submission):
        return [*entries]
    chosen = [
        adapted(entry, options.checkpoint, options.form)
        for entry in choose(entries, options.wanted)
    ]
    if options.checkpoint_dir is None:
        return chosen
    return with_public_checkpoints(chosen, options.checkpoint_dir)


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and not path.is_dir()
