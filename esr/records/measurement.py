"""What the child process says of a submission: raw samples and integers, never a rounded figure.

What is unknown is None.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from esr.challenge.fixed_input import FixedInput
from esr.records.conditions import Precision
from esr.records.network_counts import Counts, LayerCost
from esr.records.timing_samples import Clock, DeployedRuntime, SplitTiming
from esr.submissions.clone.clone_files import CloneFacts

Stage = Literal[
    "discover", "environment", "import", "build", "load", "restore", "count", "timeout", "limit",
    "crash", "invalid", "record",
]  # fmt: skip
"""Where a submission failed: before the run, in the child (import to count), from outside, or when
its record was read."""


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


@dataclass(frozen=True)
class Flag:
    """Something an organizer should look at before believing a figure."""

    name: str
    """Lower case with underscores, e.g. `cached_output`; listed in `esr/audit/flags.toml`."""
    detail: str
    """One line: what was seen, and how much it could hide."""


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
