"""What is kept of one data set: its images, its runtimes in every form, and what they sum up to.

What is unknown is None.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from esr.datasets.lr_verdict import LrVerdict
from esr.records.conditions import Conditions, GpuStates, Request
from esr.records.timing_samples import EnergySamples, SteadySamples


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
        further, kind = self.processes, self.process_runtime
        if self.steady and kind == "steady":
            steady = (self.steady, *(process.steady for process in further))
            return tuple(timing.mean_ms for timing in steady if timing)
        if self.robust and kind == "warm":
            samples = (process.warm_ms for process in further)
            return (self.robust.mean_ms, *map(_mean_of_medians, samples))
        official = (_mean([*process.runtime_ms]) for process in further)
        return (self.runtime_ms, *official)

    @property
    def process_runtime(self) -> str:
        """Which runtime `process_means_ms` holds: steady, warm or official."""
        if self.steady and all(process.steady for process in self.processes):
            return "steady"
        is_warm = self.robust and all(process.warm_ms for process in self.processes)
        return "warm" if is_warm else "official"

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
