"""What it takes to run a measurement again: hashes, commit, command, date."""

from __future__ import annotations

import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from utils.download import sha256
from utils.record import Provenance
from utils.submission import Submission


def describe(submission: Submission, command: tuple[str, ...], root: Path) -> Provenance:
    """Describe the files and the harness that a submission is about to be measured with."""
    assert submission.checkpoint is not None, "only a submission with a checkpoint is measured"
    return Provenance(
        date=now(),
        command=command,
        git_commit=git_commit(root),
        git_dirty=_is_dirty(root),
        model_file=submission.model_file.name,
        model_sha256=sha256(submission.model_file),
        checkpoint=submission.checkpoint.name,
        checkpoint_sha256=sha256(submission.checkpoint),
    )


def now() -> str:
    """Date and time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def git_commit(root: Path) -> str | None:
    """Return the commit that is checked out; None where there is no git."""
    return _git(root, "rev-parse HEAD")


def _is_dirty(root: Path) -> bool | None:
    changes = _git(root, "status --porcelain --untracked-files=no")
    return None if changes is None else bool(changes)


def _git(root: Path, arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *shlex.split(arguments)],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):  # A downloaded archive has no git; so be it.
        return None
    return done.stdout.strip()
