"""What the child process timed of a network: raw samples of every pass, and the energy of some.

What is unknown is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from esr.records.conditions import Conditions, GpuStates

WARM, STEADY = "warm passes", "steady passes"
"""What of a run is asked for, and is left out by these names."""

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
    steady: SteadySamples | None = None
    """None if the run asked for no steady runtime."""
    parent_ms: tuple[float, ...] | None = None
    """The same images by the parent's clock, reading LR included; filled in by the parent."""
    energy: EnergySamples | None = None
    """None where the device counts no energy, or the run asked for no steady runtime."""


@dataclass(frozen=True)
class RobustSamples:
    """What the child measured of the warm network, for `esr.measure.bootstrap` to summarise."""

    samples_ms: tuple[tuple[float, ...], ...]
    """Repeats of every image, in image order; repeat r was taken in round r."""
    conditions: Conditions


SteadyEnd = Literal["precision", "budget"]
"""Why no more rounds were added: the interval was narrow enough, or the time was spent."""


@dataclass(frozen=True)
class SteadySamples:
    """What the child measured of the network on queued images (`esr.measure.steady_pass`)."""

    blocks: tuple[tuple[int, ...], ...]
    """Numbers of the images of each block."""
    samples_ms: tuple[tuple[float, ...], ...]
    """(blocks, rounds), each the time of all images of the block together."""
    ended: SteadyEnd
    warmup_rounds: int
    is_stable: bool
    """Whether rounds agreed when warming up ended."""
    launch_share: float | None
    """Of the time of a block, until all of it was queued: near 1, launching kernels is the limit.
    None where nothing queues."""
    throttled: int
    """Blocks after which the GPU said it was throttled."""
    gpu: GpuStates | None

    @property
    def rounds(self) -> int:
        """Number of rounds that count."""
        return len(self.samples_ms[0]) if self.samples_ms else 0


@dataclass(frozen=True)
class EnergyWindow:
    """What the GPU spent in a while."""

    images: int
    """Forward passes in it; none where it was idle."""
    seconds: float
    joules: float


@dataclass(frozen=True)
class EnergySamples:
    """What the GPU's own counter says of queued forward passes (`esr.measure.energy`)."""

    idle: EnergyWindow
    """With the network loaded and nothing to do, before the others."""
    windows: tuple[EnergyWindow, ...]

    @property
    def joules_per_image(self) -> float | None:
        """All windows together, idle power included; None without a pass."""
        images = sum(window.images for window in self.windows)
        return sum(window.joules for window in self.windows) / images if images else None

    @property
    def idle_w(self) -> float | None:
        """Power of the GPU when it is idle; None if no time passed."""
        return self.idle.joules / self.idle.seconds if self.idle.seconds else None

    @property
    def busy_w(self) -> float | None:
        """Power in the windows; None if no time passed."""
        seconds = sum(window.seconds for window in self.windows)
        return sum(window.joules for window in self.windows) / seconds if seconds else None


@dataclass(frozen=True)
class DeployedRuntime:
    """What the child measured of the network in one way of `--deploy`."""

    words: tuple[str, ...]
    """Transformations, in the order in which they were applied; none: the network as it is."""
    steady: SteadySamples | None = None
    """On the first data set; None if it could not be done."""
    recompilations: int | None = None
    """How often it was compiled after the first time; None without compiling."""
    problem: str | None = None
    """Why it could not be done."""
