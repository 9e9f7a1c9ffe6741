"""What an organizer should look at before believing a runtime.

    constructor_warm_up      the network ran while it was imported, built or loaded
    patched_timer            a clock, a CUDA event or a memory counter is another than before
    patched_harness          so is a function of this house, or one that outputs are read with
    changed_settings         global settings of PyTorch are others than before
    clocks_disagree          CUDA events and the synchronised wall clock give other times
    background_work          other threads compute after the forward pass has returned
    lazy_output              the output is computed when it is read, or no plain tensor
    timed_output_differs     an output of the robust pass is not the one that is scored
    cached_output            an image that was seen costs less than a noisy copy of it
    input_dependent_runtime  an image that was seen costs less than half of a random one
    half_precision           it computes with 16 bits
    quantized                it computes with 8 bits
    throttled                heat or power slowed the GPU down during samples
    robust_pass_failed       the network could restore every image once, but not again
    audit_incomplete         a check could not be carried out

Everything here is untimed, and after the passes whose figures count: a dozen passes over one
image. It runs in the submission's own process: it makes cheating conspicuous, not impossible.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from utils import caching, tamper
from utils.bench import Bench, Image, OfficialPass
from utils.conditions import Precision
from utils.errors import printable_line
from utils.opwatch import AutocastWatch, OpWatch
from utils.record import Flag
from utils.robust import RobustPass
from utils.timing import Lap, pause, process_cpu_ns, synchronize, thread_cpu_ns

LAUNCH_MS = 0.2
"""Of one call: from the start of the wall clock to the first kernel, and the way back."""
CLOCK_SHARE = 0.05
BACKGROUND_MS = 1.0
BACKGROUND_SHARE = 0.2
_TRIALS = 2
_NAMED_AT_MOST = 5


class Before:
    """The state of the process before a submission is imported."""

    def __init__(self) -> None:
        self._clocks = tamper.Fingerprints(tamper.CLOCKS)
        self._ours = tamper.Fingerprints((*tamper.READERS, *tamper.our_names()))
        self._settings = tamper.settings()
        self._found: dict[str, dict[str, None]] = {}

    def look(self) -> None:
        """Note what has changed so far; it may be put back later."""
        after = tamper.settings()
        for flag, seen in (
            ("patched_timer", self._clocks.changed()),
            ("patched_harness", self._ours.changed()),
            ("changed_settings", tamper.changes(self._settings, after)),
        ):
            self._found.setdefault(flag, {}).update(dict.fromkeys(seen))

    def flags(self) -> Iterator[Flag]:
        """Say what was found changed whenever somebody looked."""
        for name, seen in self._found.items():
            if seen:
                yield Flag(name, _listed(list(seen)))


@dataclass
class Evidence:
    """What the measurement has left for the audit."""

    before: Before
    constructor: OpWatch
    official: OfficialPass
    robust: list[RobustPass] = field(default_factory=list)
    image: Image | None = None
    """LR image to probe with."""


def audit(
    bench: Bench, network: nn.Module, evidence: Evidence
) -> tuple[list[Flag], Precision | None]:
    """Carry out every check; one that fails becomes a flag and does not stop the others.

    Returns:
        (flags, the types the network computes with; None if that check failed)
    """
    assert evidence.image is not None
    image = evidence.image
    flags = [*evidence.before.flags(), *constructor(evidence.constructor)]
    flags += output_kinds(evidence.official.kinds)
    flags += clocks(evidence.official.laps, "official")
    for found in evidence.robust:
        flags += clocks(found.laps, "robust")
    flags += repeated_outputs(evidence.robust)
    seen: list[Precision] = []
    flags += _attempt("types", lambda: _types(bench, network, image, seen))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # No pool of threads that spins for a while after its work.
    try:
        flags += _attempt("background work", lambda: background(bench, image))
        flags += _attempt("caching", lambda: cached(bench, image))
    finally:
        torch.set_num_threads(threads)
    return flags, seen[0] if seen else None


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
        yield Flag("lazy_output", f"outputs of type {_listed(odd)}, not torch.Tensor")


def clocks(laps: Sequence[Lap], which: str) -> Iterator[Flag]:
    """Flag stopwatch and wall clock that disagree by more than launching takes."""
    event, wall = (
        statistics.median(getattr(lap, name) for lap in laps) for name in ("ms", "wall_ms")
    )
    apart = statistics.median(lap.wall_ms - lap.ms for lap in laps)
    if apart > LAUNCH_MS + CLOCK_SHARE * event or apart < -CLOCK_SHARE * event:
        yield Flag(
            "clocks_disagree",
            f"{which} pass: {event:.3f} ms by events, {wall:.3f} ms until the device was idle",
        )


def repeated_outputs(passes: Sequence[RobustPass]) -> Iterator[Flag]:
    """Flag timed outputs that differ from the scored ones, and throttled samples."""
    differing = [levels for found in passes for _, levels in found.differing]
    outputs = sum(found.outputs for found in passes)
    if differing:
        cause = (
            "a network that is not deterministic can do this"
            if max(differing) <= 1
            else "the scored images are not what was timed, or the network is random"
        )
        yield Flag(
            "timed_output_differs",
            f"{len(differing)} of {outputs} outputs of the robust pass differ from the scored ones"
            f" by up to {max(differing)} grey levels: {cause}",
        )
    throttled = sum(len(found.samples.conditions.throttled) for found in passes)
    if throttled:
        yield Flag("throttled", f"heat or power slowed the GPU in {throttled} of {outputs} samples")


def _types(bench: Bench, network: nn.Module, image: Image, seen: list[Precision]) -> Iterator[Flag]:
    lr = bench.load(image)
    with AutocastWatch() as autocast, OpWatch() as forward:
        output = bench.forward(lr)
    with OpWatch() as reading:
        bench.image(output, lr)
    if reading.arithmetic:
        calls = sum(reading.arithmetic.values())
        yield Flag("lazy_output", f"{calls} convolutions or matrix products when it was read")
    tensors = (*network.parameters(), *network.buffers())
    precision = Precision(
        weights=tuple(sorted({str(t.dtype) for t in tensors if t.is_floating_point()})),
        arithmetic=tuple(sorted(forward.arithmetic)),
        activations=tuple(sorted(forward.activations)),
        autocast=autocast.seen,
    )
    seen.append(precision)
    yield from precision_flags(precision)


def precision_flags(precision: Precision) -> Iterator[Flag]:
    """Flag types of fewer than 32 bits."""
    types = {*precision.weights, *precision.arithmetic, *precision.activations}
    for name, bits in (("half_precision", "float16"), ("quantized", "int8 float8")):
        if any(part in dtype for dtype in types for part in bits.split()):
            yield Flag(
                name,
                f"weights {_listed(precision.weights)}; convolutions and products"
                f" {_listed(precision.arithmetic)}; activations {_listed(precision.activations)}",
            )


def background(bench: Bench, image: Image) -> Iterator[Flag]:
    """Flag CPU time that other threads spend after the forward pass has returned."""
    trials = [_after_return(bench, image) for _ in range(_TRIALS)]
    call_ms, after_ms = min(trials, key=lambda trial: trial[1])
    if after_ms > BACKGROUND_MS and after_ms > BACKGROUND_SHARE * call_ms:
        yield Flag(
            "background_work",
            f"other threads computed for {after_ms:.1f} ms after a forward pass of {call_ms:.1f} ms"
            " (CPU time) had returned",
        )


def _after_return(bench: Bench, image: Image) -> tuple[float, float]:
    _settle()
    lr = bench.load(image)
    began = thread_cpu_ns()
    bench.forward(lr)
    returned = _others_ns()
    call_ms = (thread_cpu_ns() - began) / 1e6
    if bench.device.type == "cuda":
        synchronize()
    _settle()
    return call_ms, (_others_ns() - returned) / 1e6


def _others_ns() -> int:
    return process_cpu_ns() - thread_cpu_ns()


def _settle(tick_s: float = 0.03, ticks: int = 40) -> None:
    # Until the other threads are at rest, or have shown that they never are.
    last = -math.inf
    for _ in range(ticks):
        now = _others_ns()
        if now - last < 1e5:
            return
        last = now
        pause(tick_s)


def cached(bench: Bench, image: Image) -> Iterator[Flag]:
    """Flag outputs that were kept instead of computed."""
    rng = np.random.default_rng()
    other = rng.integers(0, 256, image.shape, np.uint8)
    tensors = bench.load(image), bench.load(other)
    seen, unseen = (bench.image(bench.forward(lr), lr) for lr in tensors)
    if np.array_equal(seen, unseen):
        yield Flag("cached_output", "a random image gives the same output as an image of the set")
    found = caching.verdict(image, lambda lr: _cost_ms(bench, lr), rng)
    if found is not None:
        name, series = found
        yield Flag(
            name,
            f"an image of the set costs {series.noisy_ratio:.2f} of its copies with noise of one"
            f" grey level, {series.random_ratio:.2f} of random images of its shape",
        )


def _cost_ms(bench: Bench, image: Image) -> float:
    lr = bench.load(image)
    if bench.device.type == "cuda":
        return bench.time(lr)[1].wall_ms
    began = process_cpu_ns()  # Whatever else the machine does, it does not count.
    bench.forward(lr)
    return (process_cpu_ns() - began) / 1e6


def _attempt(what: str, check: Callable[[], Iterable[Flag]]) -> list[Flag]:
    try:
        return list(check())
    except Exception as error:  # The network's own code runs: it may raise anything.
        reason = printable_line(f"{type(error).__name__}: {error}")
        return [Flag("audit_incomplete", f"{what}: {reason}")]


def _listed(items: Sequence[str]) -> str:
    rest = len(items) - _NAMED_AT_MOST
    return ", ".join(items[:_NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")
