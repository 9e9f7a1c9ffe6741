"""What an evaluation leaves behind: raw samples and integers, never a rounded figure.

`esr.records.measurement` is what the child process says of a submission, `ImageResult.scores` what
the parent finds when it compares the SR images with HR. Both, with the provenance, make a `Record`.
A submission that could not be measured leaves a `Failure`. What is unknown is None.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator

from esr.base import json_file
from esr.base.errors import UserError
from esr.images.perceptual import PerceptualSource
from esr.records.bounds import refuse_impossible
from esr.records.conditions import Drift, Request, upgrade_request
from esr.records.measurement import Findings, Flag, Stage
from esr.records.split_result import SplitResult, SteadyTiming
from esr.submissions.clone.clone_files import CloneSource
from esr.submissions.sidecar import Sidecar
from esr.submissions.submission import FOLDER_CALL

SCHEMA = 2
"""Version of the JSON layout; raised when a reader of an older file would misunderstand it. What an
older one had stands beside the field that changed (`upgrade_request`)."""


@dataclass(frozen=True)
class Crop:
    """A detail of one image, kept as `crops/{label}/{choice}-{bicubic,sr,hr}.png`."""

    choice: Literal["worst", "best", "first", "second", "third"]
    """By PSNR among the images of the first data set; or its most detailed images, by their LR
    alone, so that every submission shows them."""
    role: str
    image: str
    psnr_db: float
    """Of the whole image."""
    detail_psnr_db: float
    """Of the detail alone."""
    detail_bicubic_psnr_db: float
    """Of the detail alone, by bicubic interpolation."""
    top_px: int
    left_px: int
    size_px: int
    """Side of the square, in HR pixels."""


@dataclass(frozen=True)
class Deployment:
    """The network in one way of `--deploy`, on the first data set."""

    words: tuple[str, ...]
    """Transformations, in the order in which they were applied; none: the network as it is."""
    steady: SteadyTiming | None = None
    psnr_db: float | None = None
    """Against HR, as the official one."""
    difference: int | None = None
    """Largest difference from the scored SR images, in grey levels."""
    recompilations: int | None = None
    """How often it was compiled after the first time; None without compiling."""
    problem: str | None = None
    """Why it could not be done."""

    @property
    def name(self) -> str:
        """As `--deploy` takes it."""
        return "+".join(self.words) or "eager"


@dataclass(frozen=True)
class Provenance:
    """What it takes to run the same thing again."""

    date: str
    """Start of the run, ISO 8601, UTC."""
    command: tuple[str, ...]
    git_commit: str | None
    git_dirty: bool | None
    """Whether tracked files of the harness differed from that commit."""
    model_file: str
    model_sha256: str
    checkpoint: str
    checkpoint_sha256: str
    environment: tuple[str, ...] = ()
    """Lock of the packages that were added for it alone: name==version, SHA-256 of its file."""


@dataclass(frozen=True, kw_only=True)
class Record(Findings):
    """One submission, measured."""

    schema: int
    label: str
    model_id: int
    form: str | None
    sidecar: Sidecar
    protocol: str
    splits: tuple[SplitResult, ...]
    note: str | None
    """What looks wrong with the figures, and what to check."""
    provenance: Provenance
    flags: tuple[Flag, ...] = ()
    crops: tuple[Crop, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    """In every way of `--deploy`, the network as it is first; none unless asked for."""
    drift: Drift | None = None
    """Of the baseline around this measurement; None without `--interleave`."""
    request: Annotated[Request | None, BeforeValidator(upgrade_request)] = None
    """What the run asked for; older records lack it."""
    fork: CloneSource | None = None
    """The clone of an official repository that it comes from; None for our own layout."""
    perceptual: PerceptualSource | None = None
    """What perceptual metrics were calculated with; None without any."""
    variant: str | None = None
    """The label, if it was given with `--label`; older records lack it."""

    @property
    def title(self) -> str:
        """What people read: of a clone as `select_model` spells it, else the label."""
        said = self.fork.facts.name if self.fork and not self.variant else ""
        return said if said.strip() else self.label

    @property
    def is_folder_call(self) -> bool:
        """Whether it reads a folder of images and writes one, so that only the call is timed."""
        return self.fork is not None and self.fork.facts.forward == FOLDER_CALL

    @property
    def process_count(self) -> int:
        """Number of processes that have measured it."""
        return 1 + min((len(split.processes) for split in self.splits), default=0)


@dataclass(frozen=True)
class Failure:
    """One submission that could not be measured."""

    label: str
    model_id: int | None
    stage: Stage
    reason: str
    """One line."""
    date: str
    log: str | None = None
    """File that holds what the submission printed."""
    name: str | None = None
    """As the source of a clone spells it; None where that is its label, or cannot be told."""
    model_file: str | None = None
    """Path of its model file, or of the script of its clone, if it can be printed; older failures
    lack it."""
    command: tuple[str, ...] = ()
    """What the harness was asked, without the program's name; older failures lack it."""

    @property
    def title(self) -> str:
        """What people read."""
        return self.name if self.name and self.name.strip() else self.label


Outcome = Record | Failure


def read_record(path: Path) -> Record:
    """Read a record of this version or of an older one.

    Raises:
        UserError: it cannot be read, is no record, or a newer version has written it.
    """
    try:
        record = json_file.load(Record, path)
    except UserError:
        _refuse_newer(_schema(path), path)
        raise
    _refuse_newer(record.schema, path)
    try:
        refuse_impossible(record)
        _refuse_empty(record)
    except UserError as error:
        remedy = "move the file away and measure it again"
        raise UserError(error.what, where=path, remedy=remedy) from error
    return replace(record, schema=SCHEMA)


def _refuse_empty(record: Record) -> None:
    if not record.splits or not all(split.images for split in record.splits):
        raise UserError("holds no image, which no record does")


def _schema(path: Path) -> object:
    with suppress(UserError):
        data = json_file.parse(dict[str, object], json_file.read_bytes(path))
        return data.get("schema")
    return None


def _refuse_newer(schema: object, path: Path) -> None:
    if isinstance(schema, int) and schema > SCHEMA:
        raise UserError(
            f"written by version {schema} of the harness, this is {SCHEMA}",
            where=path,
            remedy="use another --save_dir or move the file away",
        )
