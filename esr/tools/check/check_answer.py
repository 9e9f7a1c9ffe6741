"""What the child says of a submission that is checked, in a file that it writes again and again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from esr.measure.job import JobFailure, JobFolder
from esr.records.measurement import Counts
from esr.tools.check.rule import Finding


@dataclass(frozen=True)
class CheckAnswer:
    """How far the child has come."""

    complete: bool = False
    """Whether it has come to its end."""
    failure: JobFailure | None = None
    """Why the network could not be imported, built or loaded."""
    findings: tuple[Finding, ...] = ()
    trying: str | None = None
    """The rule that is being tried: what is known of a child that was killed."""
    counts: Counts | None = None
    other_range: float | None = None
    """The data_range of a further SR image of the first LR image (`esr.audit.other_range`)."""


def answer_file(folder: JobFolder) -> Path:
    """Name the file."""
    return folder.path / "answer.json"
