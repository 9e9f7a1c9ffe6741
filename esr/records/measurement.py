"""What the child process says of a submission: raw samples and integers, never a rounded figure.

What is unknown is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from esr.challenge.fixed_input import FixedInput
from esr.records.conditions import Conditions, GpuStates, Precision
from esr.submissions.clone.clone_files import CloneFacts

Stage = Literal[
    "discover", "environment", "import", "build", "load", "restore", "count", "timeout", "limit",
    "crash", "invalid", "record",
]  # fmt: skip
"""Where a submission failed: before the run, in the child (import to count), from outside, or when
its record was read."""


Counter = Literal["official", "fvcore", "thop"]
Watcher = Literal["official", "fvcore", "thop", "dispatch"]
WATCHERS: tuple[Watcher, ...] = ("official", "fvcore", "thop", "dispatch")


@dataclass(frozen=True)
class OpCount:
    """An operation that a counter met and did not count."""

    name: str
    """Operator name, e.g. `aten::add`."""
    calls: int


@dataclass(frozen=True)
class Missed:
    """What the dispatcher saw and another counter did not."""

    counter: Counter
    flops: int
    """Multiply-adds."""
    num_conv: int
    """Convolutions."""
    ops: tuple[OpCount, ...] = ()
    """Operations missed, with their calls; fvcore does not tell, but see `fvcore_uncounted`."""


@dataclass(frozen=True)
class Unregistered:
    """Numbers that a network has learned, or drawn, and that are no parameters."""

    name: str
    """Of the attribute, or where else they come from."""
    elements: int


@dataclass(frozen=True)
class Dispatched:
    """One forward pass as PyTorch's dispatcher saw it."""

    num_conv: int
    """Convolutions, whatever called them."""
    flops_unused: int
    """Multiply-adds whose result does not reach the output; a tracer leaves them out."""
    num_conv_unused: int
    uncounted: tuple[OpCount, ...]
    """Operations that compute and have no formula."""
    arithmetic: int
    """Additions, multiplications and the like in those, at least."""
    untouched: tuple[str, ...]
    """Parameters that no operation read."""
    untouched_elements: int
    unregistered_elements: int
    """Of all weights that reach the output and are no parameters; of `unregistered` where known."""
    fourier: int = 0
    """Real operations of Fourier transforms, 5 N log2 N and half for real ones; in `arithmetic`."""
    unknown: tuple[OpCount, ...] = ()
    """Operations of PyTorch with no formula that are not known to multiply nothing."""
    unregistered: tuple[Unregistered, ...] = ()
    """Weights that are no parameters, the largest first."""


@dataclass(frozen=True)
class CustomOp:
    """An operation that does not come with PyTorch."""

    name: str
    calls: int
    time_share: float
    """Of the pass; operations of PyTorch that it calls are counted and not in here."""


@dataclass(frozen=True)
class SidePath:
    """What may have been computed where the dispatcher does not look."""

    custom_ops: tuple[CustomOp, ...]
    exits: tuple[OpCount, ...]
    """Calls that hand tensors to others, e.g. `Tensor.numpy`."""
    exit_elements: int
    foreign_elements: int
    """Elements of tensors as large as the image that no operation has made."""
    outside_share: float
    """Share of the pass spent between operations, where longer than Python needs."""
    threads_share: float
    """Processor time of other threads, as a share of that of all."""
    looks: int = 1
    """Passes that were watched; of every share the least is kept. Older records lack it."""


@dataclass(frozen=True)
class CountedPass:
    """What the dispatcher saw of a pass over an image that is timed as every other is."""

    calls: tuple[tuple[int, int], ...]
    """(height, width) of what the network is given: more than one image where it is tiled."""
    flops: int
    """Multiply-adds."""
    unregistered_elements: int
    """Elements of weights that the output depends on and that are no parameters."""
    untouched_elements: int
    """Of parameters that no operation read."""
    outside_share: float
    """Share of the pass spent between operations, where longer than Python needs."""
    makes_output: bool
    """Whether an operation was seen to make what was returned."""


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs in one forward pass, all its calls together."""

    name: str
    """Path in the network, e.g. `B1.c1_r`."""
    kind: str
    """Type of the layer; `(functional)` for what a module with parts does itself."""
    calls: int
    output_shape: tuple[int, ...] | None
    """Of the last call, batch included; None if it is no tensor."""
    params: int
    """A parameter that layers share counts for the first of them."""
    flops: int
    """Multiply-adds that the dispatcher saw."""
    activations: int
    """By the official rule."""
    time_ms: float
    """Median over some passes, with a stopwatch around every layer."""


@dataclass(frozen=True)
class Counts:
    """Complexity of a network for one input of `input_size`; a counter that failed left None."""

    input_size: tuple[int, int, int]
    """(channels, height, width) of the dummy input, batch 1."""
    params: int | None
    """Elements of all parameters, frozen ones included, buffers not; None where no network is
    handed over, but a function that reads and writes images."""
    flops_official: int | None
    """Official counter (`esr.measure.counts.official_counts`); one multiply-add is one FLOP."""
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
    wide_elements: int = 0
    """Numbers that parameters may hold beyond one an element: complex, 64 bits, wide integers."""
    wide: tuple[str, ...] = ()
    """Types of those parameters."""
    overridden: tuple[str, ...] = ()
    """What the network has put before PyTorch's functions that tell of parameters."""

    @property
    def network_params(self) -> int:
        """The same number where there is a network; without one there is nothing to compare."""
        return self.params or 0


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

    def list_differences(self, other: Machine) -> dict[str, tuple[object, object]]:
        """List what is not the same of two machines, its own and the other's, by what it is.

        The other facts are settings, which a submission may have changed.
        """
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in _FACTS}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


_FACTS = ("device", "device_name", "driver", "python", "torch", "cuda", "cudnn", "platform")

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


@dataclass(frozen=True)
class Flag:
    """Something an organizer should look at before believing a figure."""

    name: str
    """Lower case with underscores, e.g. `cached_output`; listed in `esr/audit/flags.toml`."""
    detail: str
    """One line: what was seen, and how much it could hide."""


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
class ExtensionBuild:
    """An extension in C++ or CUDA that a submission compiled (`torch.utils.cpp_extension`)."""

    name: str
    seconds: float
    printed: str
    """The end of what the compiler printed."""
    problem: str | None = None
    """Why it could not be built, in words of PyTorch or what was missing."""


Isolation = Literal["process", "landlock", "bubblewrap"]
"""What confined a submission: a process of its own, the kernel's file rules on top, `--sandbox`."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What the child process says of a submission and a record keeps as it was said."""

    counts: Counts
    clock: Clock
    output_dtype: str
    """Type of the network's output, e.g. `torch.float32`."""
    peak_rss_mib: float
    """Peak resident memory of the child process, to the end of the official pass."""
    machine: Machine
    precision: Precision | None = None
    layers: tuple[LayerCost, ...] = ()
    """What every layer costs; empty without `--layers`."""
    isolation: Isolation | None = None
    """What confined it, filled in by the parent; older records lack it."""
    fixed_input: FixedInput | None = None
    """Runtime of one fixed input; None if the protocol has none."""
    left_out: tuple[str, ...] = ()
    """What there was no time for beyond the official pass (`esr.measure.time_budget`)."""
    busy_cores: float | None = None
    """Cores that other programs kept busy during the official pass, on average; filled in by the
    parent, None where the system does not say. Older records lack it."""
    builds: tuple[ExtensionBuild, ...] = ()
    """What it compiled; older records lack it."""

    def kept(self) -> dict[str, Any]:
        """These fields by their names, for a record."""
        return {field.name: getattr(self, field.name) for field in fields(Findings)}


@dataclass(frozen=True, kw_only=True)
class Measurement(Findings):
    """Everything the child process reports; the parent validates it before believing it."""

    splits: tuple[SplitTiming, ...]
    flags: tuple[Flag, ...] = ()
    other_range: float | None = None
    """The data_range of a further SR image of the first LR image (`esr.audit.audit_passes`)."""
    is_repeatable: bool | None = None
    """Whether two untimed passes over one image gave the same; None if they failed."""
    deployed: tuple[DeployedRuntime, ...] = ()
    """In every way of `--deploy`; it is told after the rest, and filled in by the parent."""
    fork: CloneFacts | None = None
    """None for a submission in our own layout."""
