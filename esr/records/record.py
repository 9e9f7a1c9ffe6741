"""What an evaluation leaves behind: raw samples and integers, never a rounded figure.

`esr.records.measurement` is what the child process says of a submission, `ImageResult.scores` what
the parent finds when it compares the SR images with HR. Both, with the provenance, make a `Record`.
A submission that could not be measured leaves a `Failure`. What is unknown is None.
"""

from __future__ import annotations

import math
import statistics
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator

from esr.base import json_file
from esr.base.errors import UserError
from esr.datasets.lr_verdict import LrVerdict
from esr.images.perceptual import PerceptualSource
from esr.records.bounds import refuse_impossible
from esr.records.conditions import Conditions, Drift, GpuStates, Request, upgrade_request
from esr.records.measurement import EnergySamples, Findings, Flag, Stage, SteadySamples
from esr.submissions.clone.clone_files import CloneSource
from esr.submissions.sidecar import Sidecar

SCHEMA = 2
"""Version of the JSON layout; raised when a reader of an older file would misunderstand it. What an
older one had stands beside the field that changed (`upgrade_request`)."""


@dataclass(frozen=True)
class ImageResult:
    """One image of one data set."""

    name: str
    runtime_ms: float
    scores: dict[str, float]
    """Value of each metric in `esr.images.metrics.METRICS` that was asked for."""
    lr_size: tuple[int, int] | None = None
    """(height, width) of its LR image; older records lack it."""
    sr_sha256: str | None = None
    """Hash of the levels of its SR image, where further processes were asked for at once."""


@dataclass(frozen=True)
class RobustTiming:
    """Runtime of the warm network: per image the median of its repeats, then the mean over images.

    The interval is derived from the samples; it is kept because bootstrapping is too slow for a
    leaderboard that is built anew after every submission.
    """

    samples_ms: tuple[tuple[float, ...], ...]
    """Repeats of every image, in image order."""
    mean_ms: float
    low_ms: float
    """Lower end of the 95 % interval, by bootstrap over the repeats, the images held fixed."""
    high_ms: float
    p90_ms: float
    """90th percentile of all samples."""
    conditions: Conditions | None = None

    @property
    def samples(self) -> int:
        """Number of samples."""
        return sum(map(len, self.samples_ms))


@dataclass(frozen=True)
class SteadyTiming(SteadySamples):
    """Runtime on queued images: per block the median of its rounds, their sum over all images."""

    mean_ms: float
    """Of one image."""
    low_ms: float
    """Lower end of the 95 % interval, by bootstrap over the rounds, the blocks held fixed."""
    high_ms: float


@dataclass(frozen=True)
class ProcessTiming:
    """Runtimes of one data set in a further process of the same submission."""

    runtime_ms: tuple[float, ...]
    """Of its official pass, in image order, the first (cold) image included."""
    warm_ms: tuple[tuple[float, ...], ...] = ()
    """Repeats of every image, in image order; empty without repeats."""
    steady: SteadyTiming | None = None
    """None if the run asked for no steady runtime."""


@dataclass(frozen=True)
class EarlierRun:
    """The run that measured a data set, where it was another one than that of the record."""

    date: str
    command: tuple[str, ...]
    request: Request | None


@dataclass(frozen=True)
class SplitResult:
    """One data set."""

    role: str
    dataset: str
    images: tuple[ImageResult, ...]
    memory_mib: float | None
    split_memory_mib: float | None
    robust: RobustTiming | None = None
    """None if the run asked for no repeats."""
    reserved_mib: float | None = None
    """Peak of what PyTorch's allocator held on the GPU since the process began."""
    gpu: GpuStates | None = None
    """The GPU before and after the official pass."""
    data_sha256: str | None = None
    """Hash of the files of the data set (`esr.datasets.manifest`); older records lack it."""
    steady: SteadyTiming | None = None
    """None if the run asked for no steady runtime."""
    parent_ms: tuple[float, ...] | None = None
    """Runtime of every image by the parent's clock, reading LR included; older records lack it."""
    bicubic_psnr_db: float | None = None
    """Mean RGB PSNR of bicubic interpolation, border included, where a track needs it."""
    energy: EnergySamples | None = None
    """None where the device counts no energy, or the run asked for no steady runtime."""
    processes: tuple[ProcessTiming, ...] = ()
    """Further processes that measured the same; the first one's figures are the fields above."""
    lr_verdict: LrVerdict | None = None
    """What LR is; older records lack it."""
    earlier: EarlierRun | None = None
    """None if it was measured by the run that the record tells of."""

    @property
    def cold_ms(self) -> float:
        """Runtime of the first image of the official pass: a cold start, in the first data set."""
        return self.images[0].runtime_ms

    @property
    def cold_ratio(self) -> float | None:
        """The same over the median runtime of that image when warm; None without repeats."""
        warm_ms = statistics.median(self.robust.samples_ms[0]) if self.robust else 0
        return self.cold_ms / warm_ms if warm_ms else None

    @property
    def first_image_percent(self) -> float:
        """Share of the first image in the official runtime of the whole data set."""
        total_ms = sum(image.runtime_ms for image in self.images)
        return 100 * self.cold_ms / total_ms if total_ms else 0.0

    @property
    def cold_start_percent(self) -> float | None:
        """Share of the official runtime that a warm network would not need.

        The first image of all and the first of each new shape count, beyond their warm runtimes;
        None without warm samples.
        """
        if self.robust is None or any(image.lr_size is None for image in self.images):
            return None
        first = {image.lr_size: number for number, image in reversed([*enumerate(self.images)])}
        cold_ms = sum(
            self.images[number].runtime_ms - statistics.median(self.robust.samples_ms[number])
            for number in first.values()
        )
        total_ms = sum(image.runtime_ms for image in self.images)
        return 100 * max(0.0, cold_ms) / total_ms if total_ms else None

    @property
    def best_runtime(self) -> RobustTiming | SteadyTiming | None:
        """The runtime that reproduces best: steady, or else warm; None without either."""
        return self.steady or self.robust

    @property
    def runtime_ms(self) -> float:
        """Mean over all images, the first included."""
        return _mean([image.runtime_ms for image in self.images])

    @property
    def parents_runtime_ms(self) -> float | None:
        """The same by the parent's clock, reading LR included; None in older records."""
        return _mean(list(self.parent_ms)) if self.parent_ms else None

    @property
    def process_means_ms(self) -> tuple[float, ...]:
        """The runtime of each process, the first one's first, by what all of them have measured.

        Steady runtimes, or else warm ones, or else official ones, which are a single cold pass.
        """
        further = self.processes
        if self.steady and all(process.steady for process in further):
            steady = (self.steady, *(process.steady for process in further))
            return tuple(timing.mean_ms for timing in steady if timing)
        if self.robust and all(process.warm_ms for process in further):
            samples = (process.warm_ms for process in further)
            return (self.robust.mean_ms, *map(_mean_of_medians, samples))
        official = (_mean([*process.runtime_ms]) for process in further)
        return (self.runtime_ms, *official)

    @property
    def process_mean_ms(self) -> float | None:
        """Mean over the processes of each one's runtime; None if there is but one."""
        return _mean([*self.process_means_ms]) if self.processes else None

    @property
    def process_spread_percent(self) -> float | None:
        """Standard deviation between processes, in per cent of their mean; None if there is one."""
        mean_ms = self.process_mean_ms
        return 100 * statistics.stdev(self.process_means_ms) / mean_ms if mean_ms else None

    def score(self, metric: str) -> float | None:
        """Mean of a metric over the images; None if it was not measured, or is undefined.

        Infinite if it is for one image, as the PSNR of equal images.
        """
        values = [image.scores[metric] for image in self.images if metric in image.scores]
        if len(values) != len(self.images) or math.isnan(mean := _mean(values)):
            return None
        return mean


def _mean_of_medians(samples_ms: tuple[tuple[float, ...], ...]) -> float:
    return statistics.fmean(map(statistics.median, samples_ms))


def _mean(values: list[float]) -> float:
    # The official mean, in image order: another order moves the last digit.
    return sum(values) / len(values)


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
