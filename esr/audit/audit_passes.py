"""What takes further passes to see; the flags are listed in `esr.audit.audit_rules`.

Everything here is untimed, and after the passes whose figures count: a dozen passes over one image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from esr.audit.audit_rules import Evidence, precision_flags
from esr.base.errors import UserError, printable_line
from esr.images import Image
from esr.measure import caching
from esr.measure.bench import Bench
from esr.measure.network_snapshot import preserved
from esr.measure.op_watch import AutocastWatch, OpWatch
from esr.measure.registered import own_buffers, own_parameters
from esr.measure.time_budget import TimeBudget
from esr.measure.timing import other_threads_ns, process_cpu_ns, settle, synchronize, thread_cpu_ns
from esr.records.conditions import Precision
from esr.records.measurement import Flag

BACKGROUND_MS = 1.0
BACKGROUND_SHARE = 0.2
_TRIALS = 2
"""As many more are made if these are conspicuous; the least counts."""
_UNLIKE = 2
"""Passes over unlike images, whose outputs must differ."""
_CLONE = torch.Tensor.clone
"""Taken before a submission could put a function of its own in its place."""


def audit(
    bench: Bench, network: nn.Module, evidence: Evidence, budget: TimeBudget
) -> tuple[list[Flag], Precision | None]:
    """Carry out every check that there is time for, the most telling ones first.

    One that fails becomes a flag and does not stop the others.

    Returns:
        (flags, the types the network computes with; None if that check failed or was left out)
    """
    image, flags = evidence.image, list[Flag]()
    seen: list[Precision] = []

    def attempt(what: str, passes: float, check: Callable[[], Iterable[Flag]]) -> None:
        if budget.allows(what, passes * evidence.pass_s):
            flags.extend(_attempt(what, check))

    attempt("late values", 1, lambda: late(bench, image))
    attempt("types", 1, lambda: _types(bench, network, image, seen))
    threads = torch.get_num_threads()
    # On one thread of the CPU a pass may take as long as all threads together.
    slower = threads if bench.device.type == "cpu" else 1
    torch.set_num_threads(1)  # No pool of threads that spins for a while after its work.
    try:
        attempt("background work", slower * _TRIALS, lambda: background(bench, image, budget))
        attempt("caching", slower * _UNLIKE, lambda: cached(bench, image, budget))
    finally:
        torch.set_num_threads(threads)
    return flags, seen[0] if seen else None


def late(bench: Bench, image: Image) -> Iterator[Flag]:
    """Flag outputs whose values are others when they are read than when the clock has stopped."""
    lr = bench.load(image)
    output, _ = bench.time(lr)
    at_once = _CLONE(output) if isinstance(output, torch.Tensor) else output
    read = bench.image(output, lr)
    try:
        same = np.array_equal(bench.image(at_once, lr), read)
    except UserError:  # Memory that nobody has written yet may hold anything, NaN included.
        same = False
    if not same:
        yield Flag("lazy_output", "its values have changed after the forward pass had returned")


def is_repeatable(bench: Bench, image: Image) -> bool | None:
    """Whether two untimed passes give the same; None if they cannot be made."""
    try:
        lr = bench.load(image)
        first, second = (bench.image(bench.forward(lr), lr) for _ in range(2))
        return np.array_equal(first, second)
    except Exception:  # The network's own code runs: it may raise anything.
        return None


def _types(bench: Bench, network: nn.Module, image: Image, seen: list[Precision]) -> Iterator[Flag]:
    lr = bench.load(image)
    with AutocastWatch() as autocast, OpWatch() as forward:
        output = bench.forward(lr)
    with OpWatch() as reading:
        bench.image(output, lr)
    if reading.arithmetic:
        calls = sum(reading.arithmetic.values())
        yield Flag("lazy_output", f"{calls} convolutions or matrix products when it was read")
    tensors = [tensor for _, tensor in (*own_parameters(network), *own_buffers(network))]
    precision = Precision(
        weights=tuple(sorted({str(t.dtype) for t in tensors if t.is_floating_point()})),
        arithmetic=tuple(sorted(forward.arithmetic)),
        activations=tuple(sorted(forward.activations)),
        autocast=autocast.seen,
    )
    seen.append(precision)
    yield from precision_flags(precision)


def background(bench: Bench, image: Image, budget: TimeBudget) -> Iterator[Flag]:
    """Flag CPU time that other threads spend after the forward pass has returned."""
    began_s = budget.spent_s
    call_ms, after_ms = _least_after_return(bench, image)
    if not _is_background(call_ms, after_ms):
        return
    if not budget.allows("background work, again", budget.spent_s - began_s):
        return
    again = _least_after_return(bench, image)
    call_ms, after_ms = min((call_ms, after_ms), again, key=lambda trial: trial[1])
    if _is_background(call_ms, after_ms):
        yield Flag(
            "background_work",
            f"other threads computed for {after_ms:.1f} ms after a forward pass of {call_ms:.1f} ms"
            f" (CPU time) had returned, in the least of {2 * _TRIALS} passes",
        )


def _is_background(call_ms: float, after_ms: float) -> bool:
    return after_ms > BACKGROUND_MS and after_ms > BACKGROUND_SHARE * call_ms


def _least_after_return(bench: Bench, image: Image) -> tuple[float, float]:
    trials = [_after_return(bench, image) for _ in range(_TRIALS)]
    return min(trials, key=lambda trial: trial[1])


def _after_return(bench: Bench, image: Image) -> tuple[float, float]:
    settle()
    lr = bench.load(image)
    began = thread_cpu_ns()
    bench.forward(lr)
    returned = other_threads_ns()
    call_ms = (thread_cpu_ns() - began) / 1e6
    if bench.device.type == "cuda":
        synchronize()
    settle()
    return call_ms, (other_threads_ns() - returned) / 1e6


def cached(bench: Bench, image: Image, budget: TimeBudget) -> Iterator[Flag]:
    """Flag outputs that were kept instead of computed."""
    rng, began_s = np.random.default_rng(), budget.spent_s
    other = rng.integers(0, 256, image.shape, np.uint8)
    tensors = bench.load(image), bench.load(other)
    seen, unseen = (bench.image(bench.forward(lr), lr) for lr in tensors)
    if np.array_equal(seen, unseen):
        yield Flag("cached_output", "a random image gives the same output as an image of the set")
    pass_s = (budget.spent_s - began_s) / _UNLIKE

    def affords(what: str, passes: int) -> bool:
        return budget.allows(f"caching: {what}", passes * pass_s)

    caching_seen = caching.verdict(image, lambda lr: _cost_ms(bench, lr), rng, affords)
    if caching_seen is not None:
        name, series = caching_seen
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


RANGES = (1.0, 255.0)
"""Values of white that networks are trained with, the usual one first."""


def other_range(declared: float) -> float:
    """Name the range that was meant if not the declared one."""
    usual, large = RANGES
    return large if declared == usual else usual


def restored_in_other_range(
    bench: Bench, model: nn.Module, lr_file: Path, sr_file: Path
) -> float | None:
    """Restore an image as if the other data_range had been declared, and leave it in a file.

    The network is given pixels that it was not made for, so it works on copies of its tensors, and
    all that is measured should be measured before.

    Returns:
        the other range; None if the network cannot do it.
    """
    other = other_range(bench.sidecar.data_range)
    bench = replace(bench, sidecar=replace(bench.sidecar, data_range=other))
    try:
        with preserved(model):
            lr = bench.load(np.load(lr_file))
            bench.save(bench.forward(lr), lr, sr_file)
    except BaseException:  # Whatever it does here, SystemExit included: there is no comparison.
        return None
    return other
