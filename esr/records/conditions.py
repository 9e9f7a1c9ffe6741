"""What a measurement was taken under: what was asked for, the GPU's state, precision, drift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationInfo

from esr.challenge.fixed_input import RealTimeOptions
from esr.challenge.protocol import Protocol, protocols


@dataclass(frozen=True)
class Passes:
    """What the process of a submission does beyond the official pass."""

    repeats: int | None = None
    """Rounds of the robust pass; None for the number of the device's `Backend`."""
    seed: int = 0
    """Of the order of the images in the robust pass."""
    layers: bool = False
    """Whether to list what every layer costs."""
    precision_percent: float | None = None
    """Half width of the 95 % interval at which the steady pass ends, 0 for no such pass; None for
    that of the device's `Backend`. Records of schema 2 from before it lack this and the next."""
    budget_s: float = 60.0
    """Time for everything beyond the official pass, unless that took longer (`--time_budget`);
    in older records that of the steady pass of one data set."""
    deploy: tuple[tuple[str, ...], ...] = ()
    """Combinations of transformations in which the network is timed too; records of schema 2 from
    before it lack this."""

    @property
    def ways(self) -> tuple[tuple[str, ...], ...]:
        """Those, after the network as it is; none if none was asked for."""
        return ((), *self.deploy) if self.deploy else ()


@dataclass(frozen=True)
class SteadyPlan:
    """When the steady pass over a data set ends."""

    precision_percent: float
    """Half width of the 95 % interval of its figure."""
    budget_s: float
    seed: int
    """Of the blocks and their order."""


@dataclass(frozen=True)
class Procedure:
    """How every submission of a run is measured."""

    protocol_name: str
    metrics: tuple[str, ...]
    """Names in `esr.images.metrics.METRICS`."""
    passes: Passes
    real_time: RealTimeOptions

    @property
    def protocol(self) -> Protocol:
        """The year's constants."""
        return protocols()[self.protocol_name]


@dataclass(frozen=True)
class KeptFiles:
    """What is kept beside the record."""

    images: bool
    """SR images."""
    uploads: bool
    """The archives that participants upload."""


@dataclass(frozen=True)
class Request:
    """What a run asked of every submission: equal requests need no second measurement."""

    procedure: Procedure
    files: KeptFiles
    interleave: int | None
    """Id of the baseline that is measured between the others."""
    sandbox: bool
    threads: str
    """How many cores there were, and what the environment says of threads and memory."""
    code_sha256: str
    """Of the files that a figure depends on (`esr.evaluate.provenance.code_sha256`)."""


def upgrade_request(data: object, info: ValidationInfo) -> object:
    """Read what schema 1 had: the parts of a request side by side, and no name of the protocol."""
    if not isinstance(data, dict) or "procedure" in data:
        return data
    return {
        "procedure": {
            "protocol_name": info.data.get("protocol"),
            "metrics": data.get("metrics"),
            "passes": {name: data.get(name) for name in ("repeats", "seed", "layers")},
            "real_time": data.get("real_time"),
        },
        "files": {"images": data.get("save_images"), "uploads": data.get("make_zip")},
        **{name: data.get(name) for name in ("interleave", "sandbox", "threads", "code_sha256")},
    }


@dataclass(frozen=True)
class GpuState:
    """What NVML says of a GPU at one moment; what it does not know is None."""

    sm_clock_mhz: int | None
    memory_clock_mhz: int | None
    temperature_c: int | None
    power_w: float | None
    limited_by: tuple[str, ...] | None
    """Reasons why the clocks are below their maximum, by NVML's names."""
    throttled: bool | None
    """Whether one of them is heat or power."""


@dataclass(frozen=True)
class GpuStates:
    """A GPU before and after a pass over a data set."""

    before: GpuState
    after: GpuState


@dataclass(frozen=True)
class Precision:
    """Types that a network computes with, seen in one untimed pass over the smallest image."""

    weights: tuple[str, ...]
    """Types of the parameters and buffers in floating point, e.g. `torch.float32`."""
    arithmetic: tuple[str, ...]
    """Types of the results of convolutions and matrix products."""
    activations: tuple[str, ...]
    """Types in floating point of all intermediate results."""
    autocast: bool
    """Whether automatic mixed precision was on during an operation."""


@dataclass(frozen=True)
class Conditions:
    """How the samples of a `RobustTiming` were taken."""

    seed: int
    """Of the order of the images, another one in each round."""
    warmup_calls: int
    """Untimed passes, all shapes together."""
    unstable_shapes: int
    """Input shapes whose runtime had not settled when warming up ended (`robust_pass`)."""
    wall_ms: float | None = None
    """The robust mean by the synchronised wall clock; None where that is the stopwatch itself."""
    gpu: GpuStates | None = None
    throttled: tuple[tuple[int, int], ...] = ()
    """(image, repeat) of each sample after which the GPU said it was throttled."""
    memory_mib: float | None = None
    """Peak of allocated GPU memory, reset after load and warm-up."""
    reserved_mib: float | None = None
    """Peak of what PyTorch's allocator held on the GPU, reset after load and warm-up."""


@dataclass(frozen=True)
class Drift:
    """The baseline in fresh processes before and after a submission (`--interleave`)."""

    baseline: str
    """Label of the baseline."""
    figure: Literal["robust", "official"]
    """Which runtime is compared: the robust one if the run asked for repeats."""
    before_ms: float | None
    after_ms: float | None

    @property
    def ms(self) -> float | None:
        """How much slower the machine had become."""
        if self.before_ms is None or self.after_ms is None:
            return None
        return self.after_ms - self.before_ms

    @property
    def percent(self) -> float | None:
        """The same in percent of the runtime before."""
        return 100 * self.ms / self.before_ms if self.ms is not None and self.before_ms else None
