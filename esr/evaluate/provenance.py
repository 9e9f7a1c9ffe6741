"""What it takes to run a measurement again: hashes, commit, command, date."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from esr.base.errors import cause
from esr.base.house import ROOT
from esr.base.sha256 import hash_file, hash_text
from esr.measure.job import SubmissionFailed
from esr.records.conditions import KeptFiles, Procedure, Request
from esr.records.record import Provenance
from esr.submissions.clone.clone_files import CloneFacts, CloneSource, checked_out, hashes
from esr.submissions.submission import Measurable

_AFTERWARDS = ("rank", "report", "tools")
"""Rooms that no figure depends on: they begin where a record is finished, or stand beside."""

_SETTINGS = re.compile(r"(OMP|MKL|OPENBLAS)_NUM_THREADS|GLIBC_TUNABLES|MALLOC_\w+")
"""Of the environment, which a child is given too."""


def describe_files(submission: Measurable, command: tuple[str, ...], root: Path) -> Provenance:
    """Describe the files and the harness that a submission is about to be measured with.

    Raises:
        SubmissionFailed: one of its files cannot be read.
    """
    checkpoint = submission.checkpoint
    try:
        model_sha256, checkpoint_sha256 = file_hashes(submission)
    except OSError as error:
        reason = f"{error.filename} cannot be read ({cause(error)})"
        raise SubmissionFailed("discover", reason) from error
    return Provenance(
        date=now(),
        command=command,
        git_commit=git_commit(root),
        git_dirty=_is_dirty(root),
        model_file=submission.model_file.name,
        model_sha256=model_sha256,
        checkpoint=checkpoint.name if checkpoint else "",
        checkpoint_sha256=checkpoint_sha256,
    )


def file_hashes(submission: Measurable) -> tuple[str, str]:
    """Hash the model file, and the checkpoint: empty for a clone, which chooses its own.

    Raises:
        OSError: one of them cannot be read.
    """
    checkpoint = submission.checkpoint
    return hash_file(submission.model_file), hash_file(checkpoint) if checkpoint else ""


def describe_clone(clone: Path, facts: CloneFacts) -> CloneSource:
    """Describe a clone, and the files of it that were used.

    Raises:
        UserError: a file that is said to have been used is not in the clone.
    """
    files = hashes(clone, (*facts.modules, *facts.checkpoints))
    return CloneSource(str(clone), checked_out(clone), facts, files)


def add_checkpoints(provenance: Provenance, source: CloneSource) -> Provenance:
    """Add what a clone turned out to load: one checkpoint by its hash, several by their hashes'."""
    loaded = [file for file in source.files if file.path in source.facts.checkpoints]
    if not loaded:
        return provenance
    together = "".join(f"{file.sha256} {file.path}\n" for file in loaded)
    digest = hash_text(together)
    return replace(
        provenance,
        checkpoint=", ".join(file.path for file in loaded),
        checkpoint_sha256=loaded[0].sha256 if len(loaded) == 1 else digest,
    )


def describe_request(
    procedure: Procedure, files: KeptFiles, *, interleave: int | None, cores: int, sandbox: bool
) -> Request:
    """Say what a run asks of every submission, as far as it changes what is recorded."""
    threads = [f"{name}={value}" for name, value in list_settings().items()]
    return Request(
        procedure=procedure,
        files=files,
        interleave=interleave,
        sandbox=sandbox,
        threads=", ".join([f"{cores} cores", *threads]),
        code_sha256=own_code_sha256(),
    )


def list_settings() -> dict[str, str]:
    """List the settings of the environment that change what is measured, by their names."""
    return {name: os.environ[name] for name in sorted(filter(_SETTINGS.fullmatch, os.environ))}


def take_settings(settings: Mapping[str, str]) -> None:
    """Have the environment hold these and no others, as where a run began."""
    for name in list_settings():
        del os.environ[name]
    os.environ.update(settings)


def code_sha256(root: Path) -> str:
    """Hash the rooms of `esr/` that a figure depends on; there need not be a git."""
    folder = root / "esr"
    files = {
        path.relative_to(folder) for kind in ("py", "toml") for path in folder.rglob(f"*.{kind}")
    }
    lines = (
        f"{hash_file(folder / file)} {file.as_posix()}\n"
        for file in sorted(files)
        if len(file.parts) > 1 and file.parts[0] not in _AFTERWARDS
    )
    return hash_text("".join(lines))


def own_code_sha256() -> str:
    """Do so with this program."""
    return code_sha256(ROOT)


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
