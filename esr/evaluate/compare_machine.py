"""Whether a machine that is to measure has what the machine has that began the run."""

from __future__ import annotations

import os
import platform
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from esr.base.errors import UserError
from esr.base.sha256 import hash_file, hash_text
from esr.evaluate import provenance
from esr.evaluate.build_environment import Installer
from esr.evaluate.errand import Likeness, name_sets
from esr.evaluate.options import Options
from esr.evaluate.staged_data import Staged
from esr.evaluate.submission_environment import lock_file
from esr.evaluate.submission_run import RunSetting
from esr.submissions.environments.environment_lock import read_lock
from esr.submissions.submission import CloneSubmission, Entry


def describe_machine(entries: Sequence[Entry], setting: RunSetting) -> Likeness:
    """Say what every machine must have as this one has it."""
    clones = {entry.clone for entry in entries if isinstance(entry, CloneSubmission)}
    return Likeness(
        setting.request.code_sha256,
        name_sets(setting.staged),
        {clone: hash_clone(clone) for clone in sorted(clones)},
        dict(_list_layers(entries, setting)),
        provenance.list_settings(),
    )


def _list_layers(entries: Sequence[Entry], setting: RunSetting) -> list[tuple[str, str]]:
    """Keys and labels of the environments that are here; one that is gone is gone everywhere."""
    layers = []
    for entry in entries:
        with suppress(UserError):  # Its own process says it.
            lock = read_lock(lock_file(setting.options.output.save_dir, entry.label))
            if lock and lock.packages and setting.installer.layer(lock).is_dir():
                layers.append((lock.key, entry.label))
    return layers


def compare_code(expected: Likeness) -> None:
    """Refuse another version of what a figure depends on.

    Raises:
        UserError: this is one.
    """
    if provenance.own_code_sha256() != expected.code_sha256:
        raise UserError(
            "has another version of the harness than the machine that began the run",
            where=platform.node(),
            remedy="bring its checkout to the same commit",
        )


def compare_folders(expected: Likeness, options: Options, installer: Installer) -> None:
    """Refuse to go without what is not sent: clones, environments, wheels.

    Raises:
        UserError: one is not here as it is there; it is named.
    """
    for clone, sha256 in expected.clones.items():
        if not clone.is_dir():
            raise _lack(f"does not see the clone {clone}", "put it at the same path")
        if hash_clone(clone) != sha256:
            what = f"sees another {clone} than the machine that began the run"
            raise _lack(what, "make the clones equal")
    wheels = options.confinement.wheels
    if wheels is not None and not wheels.is_dir():
        raise _lack(f"does not see the wheels {wheels}", "put them at the same path")
    for key, label in expected.layers.items():
        layer = installer.shelf / key
        if not options.confinement.install and not layer.is_dir():
            what = f"lacks the environment of {label}, {layer}"
            raise _lack(what, "add --install, or copy the folder there")


def compare_sets(expected: Likeness, staged: Staged) -> None:
    """Refuse other images.

    Raises:
        UserError: a data set is another one here.
    """
    here = name_sets(staged)
    unlike = [
        f"{role} x{scale}"
        for (scale, role), sha256 in expected.sets.items()
        if here.get((scale, role)) != sha256
    ]
    if unlike:
        what = f"has other files of {', '.join(unlike)} than the machine that began the run"
        raise _lack(what, "give every machine the same data")


def _lack(what: str, remedy: str) -> UserError:
    return UserError(what, where=platform.node(), remedy=remedy)


def hash_clone(clone: Path) -> str:
    """Hash what a clone holds: its sources, and of everything else name and size.

    Checkpoints are too large to be read on every machine; what was used of them is hashed for the
    record.
    """
    lines = []
    for place, folders, names in os.walk(clone):
        folders[:] = [name for name in folders if name not in (".git", "__pycache__")]
        for path in (Path(place) / name for name in names):
            with suppress(OSError):
                status = path.stat()
                if stat.S_ISREG(status.st_mode):
                    is_source = path.suffix == ".py"
                    what = hash_file(path) if is_source else str(status.st_size)
                    lines.append(f"{what} {path.relative_to(clone).as_posix()}\n")
    return hash_text("".join(sorted(lines)))
