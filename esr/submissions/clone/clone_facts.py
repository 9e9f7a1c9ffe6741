"""What is told of a clone: by the child that ran it, and in the record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True)
class CloneFacts:
    """What a clone's code has said and used; the child's word."""

    name: str
    """As `select_model` returned it."""
    data_range: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    tile: Annotated[int, Field(ge=1)] | None
    forward: str | None
    """Call in the clone's own loop that restores an image; None if it could not be told and the
    harness restored it by its own rules."""
    modules: tuple[str, ...]
    """Source files that were imported, relative to the clone."""
    checkpoints: tuple[str, ...]
    """Files given to `torch.load`, relative to the clone."""
    trusted: bool
    """Whether its checkpoints were allowed to run code."""
    not_done: tuple[str, ...] = ()
    """Statements that the clone's own loop has for this id alone and the harness does not run."""
    redirected: dict[str, int] = field(default_factory=dict)
    """CUDA calls that were carried out on the CPU, and how often; empty where there is a GPU."""
    absent: tuple[str, ...] = ()
    """Packages that were imported and are not installed, and that nothing has used."""
    stand_ins: tuple[str, ...] = ()
    """What of them the harness has replaced (`esr.submissions.clone_session.stand_ins`)."""


@dataclass(frozen=True)
class FileHash:
    """One file of a clone."""

    path: str
    """Relative to the clone."""
    sha256: str


@dataclass(frozen=True)
class CloneSource:
    """Where a submission comes from that is not one of ours."""

    path: str
    """The clone."""
    git_commit: str | None
    """What is checked out there; its files may differ from it, their hashes are in `files`."""
    facts: CloneFacts
    files: tuple[FileHash, ...]
    """`facts.modules` and `facts.checkpoints`."""
