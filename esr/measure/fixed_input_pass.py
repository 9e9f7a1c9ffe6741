"""Runtime of one fixed input of white noise, and the operations of one pass over it.

Source: runtime script of eduardzamfir/NTIRE23-RTSR. One standard-normal tensor, the same in every
call; cuDNN chooses its fastest algorithms; warm-up calls and one synchronisation; then events
around every call and a synchronisation after it; the mean of all. Half precision means that network
and input are cast, which is not autocast.

Whoever keeps an output keeps it here too: the audit's passes over images are what shows that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from esr.base.errors import printable_line
from esr.challenge.fixed_input import Calls, FixedInput, FixedInputPlan, FixedInputRun
from esr.measure.bench import Bench
from esr.measure.counts import official_counts
from esr.measure.restore import check_output
from esr.measure.robust_pass import undisturbed
from esr.measure.timing import Stopwatch

_SEED = 0


def run_fixed_input(bench: Bench, model: nn.Module, plan: FixedInputPlan) -> FixedInput:
    """Time the fixed input and count its operations; what fails becomes a note.

    Args:
        bench: device, stopwatch and scale; tiling and padding are not part of the procedure.
        model: ready to run; it is left in half precision if the device is good at that.
        plan: size, precision, and how often.
    """
    notes: list[str] = []
    on_cpu = bench.device.type == "cpu"
    calls = plan.asked or (plan.on_cpu if on_cpu else plan.official)
    image = _noise(plan.input_size).to(bench.device)
    runs = []
    for dtype in _precisions(plan, on_cpu=on_cpu, notes=notes):
        try:
            runs.append(_run(bench, model.to(dtype), image.to(dtype), calls))
        except Exception as error:  # The network's own code runs: it may raise anything.
            notes.append(printable_line(f"{dtype}: {type(error).__name__}: {error}"))
    flops, activations, num_conv = _counts(model, plan.input_size, notes)
    return FixedInput(
        input_size=plan.input_size,
        official=plan.official,
        official_size=plan.official_size,
        runs=tuple(runs),
        flops_official=flops,
        activations=activations,
        num_conv=num_conv,
        notes=tuple(notes),
    )


def _precisions(plan: FixedInputPlan, *, on_cpu: bool, notes: list[str]) -> list[torch.dtype]:
    if not plan.half:
        return [torch.float32]
    if on_cpu:
        notes.append("float32 in place of half precision, for which a CPU is not made")
        return [torch.float32]
    return [torch.float32, torch.float16]


def _noise(size: tuple[int, int, int]) -> Tensor:
    # A generator of its own, so that nothing a submission seeds changes the input.
    return torch.randn(1, *size, generator=torch.Generator().manual_seed(_SEED))


def _run(bench: Bench, model: nn.Module, image: Tensor, calls: Calls) -> FixedInputRun:
    with torch.no_grad(), _fastest_algorithms():
        for _ in range(calls.warmups):
            output = model(image)
        if calls.warmups:
            check_output(output, image, bench.sidecar.scale)
        samples_ms = _time(bench.watch, model, image, calls.repeats)
    return FixedInputRun(str(image.dtype), calls.warmups, samples_ms)


def _time(watch: Stopwatch, model: nn.Module, image: Tensor, repeats: int) -> tuple[float, ...]:
    if image.is_cuda:
        torch.cuda.synchronize()
    with undisturbed():
        return tuple(watch.time(lambda: model(image))[1].ms for _ in range(repeats))


@contextmanager
def _fastest_algorithms() -> Iterator[None]:
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def _counts(
    model: nn.Module, size: tuple[int, int, int], notes: list[str]
) -> tuple[int | None, int | None, int | None]:
    try:
        # The counter's input is float32.
        with torch.no_grad():
            calls = official_counts.layer_calls(model.float(), size)
    except Exception as error:
        notes.append(printable_line(f"counting: {type(error).__name__}: {error}"))
        return None, None, None
    activations, num_conv = official_counts.activations(calls)
    return sum(call.flops for call in calls), activations, num_conv
