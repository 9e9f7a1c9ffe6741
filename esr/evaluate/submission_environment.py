"""The environment of one submission in a run: found, made if that was asked for, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from esr.base.errors import UserError, cause, printable_line
from esr.evaluate.build_environment import Installer
from esr.measure.job import SubmissionFailed
from esr.submissions.environments.environment_lock import EnvironmentLock, read_lock
from esr.submissions.environments.stated_requirements import requirements_of
from esr.submissions.submission import Measurable


def lock_file(save_dir: Path, label: str) -> Path:
    """Name the lock that is kept beside a record."""
    return save_dir / "environments" / f"{label}.lock"


def installer_log(save_dir: Path, label: str) -> Path:
    """Name the file that holds what was printed while an environment was made."""
    return save_dir / "logs" / f"{label}.environment.log"


def find_environment(
    entry: Measurable, save_dir: Path, installer: Installer
) -> EnvironmentLock | None:
    """Find the environment that was made for a submission; None if none was.

    Raises:
        SubmissionFailed: there is a lock and no environment.
    """
    lock = _read(lock_file(save_dir, entry.label))
    if lock is not None and not installer.layer(lock).is_dir():
        how = "python -m esr env prepare, or --install, makes it again"
        raise SubmissionFailed("environment", f"its environment is gone; {how}")
    return lock


def make_environment(
    entry: Measurable, save_dir: Path, installer: Installer, asked: Sequence[str] = ()
) -> EnvironmentLock | None:
    """Make what a submission needs, and keep its lock; None if it needs nothing.

    What its lock says already is made anew, exactly, unless something else is asked for.

    Raises:
        SubmissionFailed: it cannot be made.
    """
    file = lock_file(save_dir, entry.label)
    known = _read(file)
    try:
        stated = tuple(asked) or (known.stated if known else ())
        wanted = requirements_of(entry, stated)
    except UserError as error:
        raise SubmissionFailed("environment", printable_line(str(error))) from error
    if not wanted:
        return None
    fitting = known if known is not None and set(known.asked) == set(wanted) else None
    made = installer.build(wanted, installer_log(save_dir, entry.label), fitting)
    made = replace(made, stated=stated)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(made.text(), encoding="utf-8")
    except OSError as error:
        raise SubmissionFailed(
            "environment", f"{file} cannot be written ({cause(error)})"
        ) from error
    return made


def _read(file: Path) -> EnvironmentLock | None:
    try:
        return read_lock(file)
    except UserError as error:
        raise SubmissionFailed("environment", printable_line(str(error))) from error
