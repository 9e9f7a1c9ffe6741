"""What an evaluation leaves behind: raw samples and integers, never a rounded figure.

`Measurement` is what the child process says of a submission, `ImageResult.scores` what the parent
finds when it compares the SR images with HR. Both, with the provenance, make a `Record`. A
submission that could not be measured leaves a `Failure`. What is unknown is None.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Literal

from utils.conditions import Conditions, Drift, GpuStates, Precision, Request
from utils.fork.facts import ForkFacts, ForkSource
from utils.observed import Dispatched, LayerCost, Missed, OpCount, SidePath, Watcher
from utils.realtime import FixedInput
from utils.sidecar import Sidecar

SCHEMA = 1
"""Version of the JSON layout; raised when a reader of an older file would misunderstand it."""

Stage = Literal[
    "discover", "import", "build", "load", "restore", "count", "timeout", "limit", "crash",
    "invalid",
]  # fmt: skip
"""Where a submission failed: before the run, in the child (import to count), or from outside."""


@dataclass(frozen=True)
class Counts:
    """Complexity of a network for one input of `input_size`; a counter that failed left None."""

    input_size: tuple[int, int, int]
    """(channels, height, width) of the dummy input, batch 1."""
    params: int
    """Elements of all parameters, frozen ones included, buffers not."""
    flops_official: int | None
    """Official counter (`utils.model_summary.get_model_flops`); one multiply-add is one FLOP."""
    flops_fvcore: int | None
    """fvcore's `FlopCountAnalysis`; one multiply-add is one FLOP."""
    flops_thop: int | None
    """thop's `profile`; one multiply-add is one FLOP."""
    activations: int | None
    """Output elements of all Conv2d and ConvTranspose2d calls, by the official rule."""
    num_conv: int | None
    """Calls of Conv2d and ConvTranspose2d, by the official rule."""
    fvcore_uncounted: tuple[OpCount, ...] = ()
    """Operations that fvcore does not count."""
    notes: tuple[str, ...] = ()
    """Why a counter left None, one line each."""
    flops_dispatch: int | None = None
    """PyTorch's formulas (`torch.utils.flop_counter`), halved, at the dispatcher."""
    dispatched: Dispatched | None = None
    missed: tuple[Missed, ...] = ()
    """What the other counters missed; those that missed nothing are left out."""
    differs_under: tuple[Watcher, ...] = ()
    """Counters under which the output is another than without."""
    side: SidePath | None = field(default=None, compare=False)
    """Holds shares of time, which are others each time."""


@dataclass(frozen=True)
class Machine:
    """What the child process ran on and with."""

    device: str
    """`cpu` or `cuda:0`."""
    device_name: str
    """Marketing name of the CPU or GPU that did the work."""
    cpu: str
    gpu: str | None
    driver: str | None
    """Version of the NVIDIA driver."""
    python: str
    torch: str
    cuda: str | None
    cudnn: int | None
    platform: str
    num_threads: int
    """Threads that PyTorch uses on the CPU."""
    cudnn_benchmark: bool
    cudnn_tf32: bool
    matmul_tf32: bool


Clock = Literal["cuda_event", "perf_counter"]
"""`cuda_event`: the official figure. `perf_counter`: wall clock of a CPU run, not comparable."""


@dataclass(frozen=True)
class SplitTiming:
    """Raw samples of one data set, in image order, the first (cold) image included."""

    role: str
    runtime_ms: tuple[float, ...]
    memory_mib: float | None
    """Peak of allocated GPU memory since the process began, as the official script reads it."""
    split_memory_mib: float | None
    """Peak of allocated GPU memory within this data set alone."""
    reserved_mib: float | None = None
    """Peak of what PyTorch's allocator held on the GPU since the process began."""
    gpu: GpuStates | None = None
    """The GPU before and after the official pass."""
    robust: RobustSamples | None = None
    """None if the run asked for no repeats."""


@dataclass(frozen=True)
class RobustSamples:
    """What the child measured of the warm network, for `utils.bootstrap` to summarise."""

    samples_ms: tuple[tuple[float, ...], ...]
    """Repeats of every image, in image order; repeat r was taken in round r."""
    conditions: Conditions


@dataclass(frozen=True)
class Flag:
    """Something an organizer should look at before believing a figure."""

    name: str
    """Lower case with underscores, e.g. `cached_output`; listed in `utils.audit.evidence`."""
    detail: str
    """One line: what was seen, and how much it could hide."""


Isolation = Literal["process", "landlock", "bubblewrap"]
"""What confined a submission: a process of its own, the kernel's file rules on top, `--sandbox`."""


@dataclass(frozen=True)
class Measurement:
    """Everything the child process reports; the parent validates it before believing it."""

    counts: Counts
    clock: Clock
    splits: tuple[SplitTiming, ...]
    output_dtype: str
    """Type of the network's output, e.g. `torch.float32`."""
    peak_rss_mib: float
    """Peak resident memory of the child process, to the end of the official pass."""
    machine: Machine
    flags: tuple[Flag, ...] = ()
    precision: Precision | None = None
    layers: tuple[LayerCost, ...] = ()
    other_range: float | None = None
    """The data_range of a further SR image of the first LR image (`utils.data_range`)."""
    isolation: Isolation | None = None
    """Filled in by the parent."""
    fixed_input: FixedInput | None = None
    fork: ForkFacts | None = None
    """None for a submission in our own layout."""


@dataclass(frozen=True)
class ImageResult:
    """One image of one data set."""

    name: str
    runtime_ms: float
    scores: dict[str, float]
    """Value of each metric in `utils.metrics.METRICS` that was asked for."""


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
    """Hash of the files of the data set (`utils.manifest`); older records lack it."""
    bicubic_psnr_db: float | None = None
    """Mean RGB PSNR of bicubic interpolation, border included, where a track needs it."""

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
    def runtime_ms(self) -> float:
        """Mean over all images, the first included."""
        return _mean([image.runtime_ms for image in self.images])

    def score(self, metric: str) -> float | None:
        """Mean of a metric over the images; None if it was not measured."""
        values = [image.scores[metric] for image in self.images if metric in image.scores]
        return _mean(values) if len(values) == len(self.images) else None


def _mean(values: list[float]) -> float:
    # The official mean, in image order: another order moves the last digit.
    return sum(values) / len(values)


@dataclass(frozen=True)
class Crop:
    """A detail of one image, kept as `crops/{label}/{choice}-{bicubic,sr,hr}.png`."""

    choice: Literal["worst", "best"]
    """By PSNR among the images of the first data set."""
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


@dataclass(frozen=True)
class Record:
    """One submission, measured."""

    schema: int
    label: str
    model_id: int
    form: str | None
    sidecar: Sidecar
    protocol: str
    counts: Counts
    clock: Clock
    output_dtype: str
    peak_rss_mib: float
    machine: Machine
    splits: tuple[SplitResult, ...]
    note: str | None
    """What looks wrong with the figures, and what to check."""
    provenance: Provenance
    flags: tuple[Flag, ...] = ()
    crops: tuple[Crop, ...] = ()
    precision: Precision | None = None
    drift: Drift | None = None
    """Of the baseline around this measurement; None without `--interleave`."""
    layers: tuple[LayerCost, ...] = ()
    """What every layer costs; empty without `--layers`."""
    request: Request | None = None
    """What the run asked for; older records lack it."""
    isolation: Isolation | None = None
    """What confined it; older records lack it."""
    fixed_input: FixedInput | None = None
    """Runtime of one fixed input; None if the protocol has none."""
    fork: ForkSource | None = None
    """The clone of an official repository that it comes from; None for our own layout."""


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


Outcome = Record | Failure
