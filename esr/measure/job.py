"""What a child is told, and the files of its job, in a folder of its own.

The parent writes `job.json` and LR images, the child SR images; file names say nothing of the
images. What the child has to say it says over its channel (`esr.measure.channel`).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from esr.base.errors import UserError, printable_line
from esr.challenge.fixed_input import FixedInputPlan
from esr.challenge.protocol import COMPLEXITY_INPUT
from esr.records.conditions import Passes
from esr.records.measurement import Stage
from esr.submissions.submission import Measurable


@dataclass(frozen=True)
class JobSplit:
    """A data set as the child sees it."""

    role: str
    count: int
    """Number of LR images."""
    lr_bytes: int = 0
    """Of all of them: their files, and those of SR, are no use of the disk that is limited."""


@dataclass(frozen=True)
class Job:
    """Everything a child is told."""

    submission: Measurable
    device: str
    """`auto`, `cpu`, `cuda` or `cuda:0`."""
    splits: tuple[JobSplit, ...]
    passes: Passes = field(default_factory=Passes)
    trusted: bool = False
    """Whether its checkpoints may run code."""
    memory_bytes: int | None = None
    """Limit of its processes together; the worker holds itself to it on a CPU."""
    layer: str | None = None
    """Folder of the packages that it alone has; None if it needs none."""
    fixed_input: FixedInputPlan | None = None
    """How to run the fixed input; None if the protocol has none."""
    complexity_input: tuple[int, int, int] = COMPLEXITY_INPUT
    """(channels, height, width) of the input that parameters and operations are counted for."""
    is_further: bool = False
    """Whether another process was measured and counted already: this one is for its runtimes."""
    timeout_s: float | None = None
    """After which it is killed, whatever it has not told by then; None for never."""


FURTHER_IMAGES = 5
"""That a submission restores behind the scored ones, under numbers that go on from theirs."""


@dataclass(frozen=True)
class FurtherTurn:
    """One more image to restore, when all that are scored are back."""

    place: tuple[int, int]
    """(data set, image), numbered on from those of the set."""
    is_counted: bool
    """Whether the operations of the pass are counted."""


@dataclass(frozen=True)
class JobFailure:
    """Why a child could not finish, in its own words."""

    stage: Stage
    reason: str


class SubmissionFailed(Exception):
    """A submission that cannot be measured: it costs one row, and the run goes on."""

    def __init__(self, stage: Stage, reason: str) -> None:
        super().__init__(stage, reason)
        self.stage = stage
        self.reason = reason


@dataclass(frozen=True)
class JobFolder:
    """Names of the files in a job's folder."""

    path: Path

    @property
    def job(self) -> Path:
        """The `Job`, written by the parent."""
        return self.path / "job.json"

    @property
    def sr(self) -> Path:
        """Folder of the SR images."""
        return self.path / "sr"

    @property
    def other_range(self) -> Path:
        """SR image of the first LR image under the other data_range, as .npy."""
        return self.path / "other_range.npy"

    @property
    def shown(self) -> Path:
        """SR image of a timed pass, as .npy: one after the other, for the parent to compare."""
        return self.path / "shown.npy"

    @property
    def clone(self) -> Path:
        """A clone's private copy, to work in."""
        return self.path / "clone"

    def given(self, split: int) -> Path:
        """Folder of the LR images of a data set, as PNG, for who reads a folder."""
        return self.path / "given" / str(split)

    def returned(self, split: int) -> Path:
        """Folder that whoever reads a folder writes its SR images to."""
        return self.path / "returned" / str(split)

    def lr_image(self, split: int, index: int) -> Path:
        """LR image, uint8 RGB of shape (h, w, 3), as .npy."""
        return self.path / "lr" / f"{split}-{index:04d}.npy"

    def sr_image(self, split: int, index: int) -> Path:
        """SR image, uint8 RGB of shape (scale*h, scale*w, 3), as .npy."""
        return self.sr / f"{split}-{index:04d}.npy"


@dataclass(frozen=True)
class DeployedFolder(JobFolder):
    """The same with SR images of its own, for one way of `--deploy`."""

    number: int
    """Which one, from 0."""

    @property
    def sr(self) -> Path:
        """Folder of the SR images."""
        return self.path / f"sr_deployed_{self.number}"


def describe_error(error: BaseException) -> str:
    """Say what went wrong in one line."""
    if isinstance(error, UserError):
        return printable_line(str(error))
    if isinstance(error, ModuleNotFoundError) and (package := _absent_package(error)):
        return f"needs the package {package}, which is not installed"
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        return f"{printable_line(text)} (--memory_limit)"
    return printable_line(text)


def _absent_package(error: ModuleNotFoundError) -> str | None:
    """Name the package that could not be imported; None where only a part of it is not there."""
    package = (error.name or "").partition(".")[0]
    # What the exception itself says is more, where it is not Python's own text.
    if error.msg != f"No module named {error.name!r}" or package in sys.modules:
        return None
    return printable_line(package) if package == error.name else None
