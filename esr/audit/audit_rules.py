"""What an organizer should look at before believing a runtime.

What each flag means stands in `flags.toml`.

Flags about time (`BY_TIME`) are raised only on what survives repetition, since a busy machine takes
the core away whenever it likes:

    outside_pytorch, other_threads
                             processor time of the thread, on a GPU the wall clock; the least share
                             of up to four passes, never of a single one
    background_work          processor time of the process; the least of four passes
    cached_output, input_dependent_runtime
                             processor time of the process, on a GPU the wall clock; two independent
                             series of twelve rounds in random order have to show it
    clocks_disagree          wall clock: three of four laps have to show it
    runtime_not_as_seen, works_after_the_clock
                             wall clock of the parent: three of four images have to show it, or two
                             fifths of the whole time have to be hidden

`custom_op` quotes a share of time, the least of the passes, but is raised by the operator alone;
`throttled` is what the driver says. How many cores others kept busy is in the record.

The flags of the counters (`flops_hidden`, say) are made by `esr.audit.record_flags`; what images
behind the scored ones say, by `esr.audit.timed_counts` and `esr.audit.changed_images`.
This module judges what a measurement has left behind; `esr.audit.audit_passes` adds what takes
further passes; files, network and processes are seen by `esr.sandbox`. All but what the parent sees
runs in the submission's own process: it makes cheating conspicuous, not impossible.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from esr.audit import replaced_functions
from esr.base.visible_text import name_some
from esr.images import Image
from esr.measure.bench import OfficialPass
from esr.measure.op_watch import OpWatch
from esr.measure.robust_pass import RobustPass
from esr.measure.timing import Lap
from esr.records.conditions import Precision
from esr.records.measurement import Flag

BY_TIME = (
    *("outside_pytorch", "other_threads", "background_work", "cached_output"),
    *("input_dependent_runtime", "clocks_disagree", "runtime_not_as_seen", "works_after_the_clock"),
)
LAUNCH_MS = 0.2
"""Of one call: from the start of the wall clock to the first kernel, and the way back."""
CLOCK_SHARE = 0.05
APART_SHARE = 0.75
_NAMED_AT_MOST = 5


class TamperWatch:
    """Notes what a submission changes of the process, from before it is imported."""

    def __init__(self) -> None:
        self._clocks = replaced_functions.Fingerprints(replaced_functions.CLOCKS)
        self._ours = replaced_functions.Fingerprints(
            (*replaced_functions.READERS, *replaced_functions.our_names())
        )
        self._settings = replaced_functions.settings()
        self._found: dict[str, dict[str, None]] = {}

    def look(self) -> None:
        """Note what has changed so far; it may be put back later."""
        after = replaced_functions.settings()
        for flag, seen in (
            ("patched_timer", self._clocks.changed()),
            ("patched_harness", self._ours.changed()),
            ("changed_settings", replaced_functions.changes(self._settings, after)),
        ):
            self._found.setdefault(flag, {}).update(dict.fromkeys(seen))

    def flags(self) -> Iterator[Flag]:
        """Say what was found changed whenever somebody looked."""
        for name, seen in self._found.items():
            if seen:
                yield Flag(name, listed(list(seen)))


@dataclass
class Evidence:
    """What the measurement has left for the audit."""

    before: TamperWatch
    constructor: OpWatch
    official: OfficialPass
    robust: list[RobustPass]
    image: Image
    """LR image to probe with."""
    pass_s: float = 0.0
    """What a pass over it took."""

    def flags(self) -> Iterator[Flag]:
        """Say what is conspicuous already, without another pass."""
        yield from self.before.flags()
        yield from constructor(self.constructor)
        yield from output_kinds(self.official.kinds)
        yield from clocks(self.official.laps, "official")
        for robust in self.robust:
            yield from clocks(robust.laps, "robust")
        yield from throttling(self.robust)


def constructor(watch: OpWatch) -> Iterator[Flag]:
    """Flag convolutions over images before the first image was given."""
    if watch.image_convs:
        size = "x".join(map(str, watch.largest))
        yield Flag(
            "constructor_warm_up",
            f"{watch.image_convs} convolutions while it was imported, built and loaded,"
            f" the largest result {size}: the official runtime has no cold start",
        )


def output_kinds(kinds: Iterable[str]) -> Iterator[Flag]:
    """Flag outputs that are no plain tensors: their values may be made when they are read."""
    odd = sorted(set(kinds) - {"torch.Tensor", "torch.nn.parameter.Parameter"})
    if odd:
        yield Flag("lazy_output", f"outputs of type {listed(odd)}, not torch.Tensor")


def clocks(laps: Sequence[Lap], which: str) -> Iterator[Flag]:
    """Flag stopwatch and wall clock that disagree by more than launching takes, in most laps."""
    event, wall = (
        statistics.median(getattr(lap, name) for lap in laps) for name in ("ms", "wall_ms")
    )
    # A busy machine is late for some laps, never for nearly all: three of four must be apart.
    apart = sorted(lap.wall_ms - lap.ms - CLOCK_SHARE * lap.ms for lap in laps)
    before = sorted(lap.ms - lap.wall_ms - CLOCK_SHARE * lap.ms for lap in laps)
    quarter = int((1 - APART_SHARE) * len(laps))
    if apart[quarter] > LAUNCH_MS or before[quarter] > 0:
        yield Flag(
            "clocks_disagree",
            f"{which} pass: {event:.3f} ms by events, {wall:.3f} ms until the device was idle",
        )


def throttling(passes: Sequence[RobustPass]) -> Iterator[Flag]:
    """Flag samples during which heat or power slowed the GPU down."""
    outputs = sum(robust.outputs for robust in passes)
    throttled = sum(len(robust.samples.conditions.throttled) for robust in passes)
    if throttled:
        yield Flag("throttled", f"heat or power slowed the GPU in {throttled} of {outputs} samples")


def precision_flags(precision: Precision) -> Iterator[Flag]:
    """Flag types of fewer than 32 bits."""
    types = {*precision.weights, *precision.arithmetic, *precision.activations}
    for name, bits in (("half_precision", "float16"), ("quantized", "int8 float8")):
        if any(part in dtype for dtype in types for part in bits.split()):
            yield Flag(
                name,
                f"weights {listed(precision.weights)}; convolutions and products"
                f" {listed(precision.arithmetic)}; activations {listed(precision.activations)}",
            )


def listed(items: Sequence[str]) -> str:
    """Join the first few; say how many more there are."""
    return name_some(items, _NAMED_AT_MOST) if items else "none"
