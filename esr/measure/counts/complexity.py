"""What a network costs by five counters: official, fvcore, thop, the dispatcher, parameters."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from esr.measure.counts import official_counts
from esr.measure.counts.observed_pass import (
    LOOKS_AT_MOST,
    Observation,
    is_conspicuous,
    least_side_path,
    missed_by_fvcore,
    missed_by_official,
    missed_by_thop,
    observe,
)
from esr.measure.counts.output_comparison import differ, kept
from esr.measure.network_snapshot import preserved
from esr.measure.registered import registered
from esr.measure.time_budget import TimeBudget
from esr.records.network_counts import WATCHERS, Counts, Missed, OpCount, Watcher

Size = tuple[int, int, int]
"""(channels, height, width)."""

_Result = TypeVar("_Result")
_NOTE_AT_MOST = 200
_NAMED_AT_MOST = 20
_FVCORE_PRODUCTS = ("conv", "linear", "addmm", "mm", "bmm", "matmul", "einsum")


def count(
    model: nn.Module, input_size: Size = (3, 256, 256), budget: TimeBudget | None = None
) -> Counts:
    """Count parameters, FLOPs, activations and convolutions of a network on its device.

    One fused multiply-add is one FLOP. Five forward passes with batch 1, one of them uncounted, to
    see that nobody computes something else when counted, and up to four more to make sure of what
    looks odd; the model and all generators are left as they were. A counter that fails leaves None
    and a note, and does not stop the others. A network that knows the dummy input can still deceive
    them all. Official figures come from the first two, which are never left out.

    Args:
        model: takes (1, *input_size), float32 in [0, 1]; need not be in eval mode.
        input_size: (channels, height, width).
        budget: what there is no time for is left out and noted there.
    """
    run = _Run(model, input_size)
    notes: list[str] = []
    with torch.no_grad(), _quiet():
        affords = _Affords(budget or TimeBudget(), notes)
        official = run.attempt("official", run.official, notes)
        fvcore = run.attempt("fvcore", run.fvcore, notes)
        affords.judge_by(passes=2)
        looks = run.looks(affords, notes)
        thop = run.attempt("thop", run.thop, notes) if affords("thop") else None
        # One to compare with, and one more if they differ.
        differs_under = run.differing() if affords("plain", 2) else ()
    seen = looks[-1] if looks else None
    parameters = registered(model)
    missed = [each.missed(seen) for each in (official, fvcore, thop) if each and seen]
    return Counts(
        input_size=input_size,
        params=parameters.elements,
        flops_official=official.flops if official else None,
        flops_fvcore=fvcore.flops if fvcore else None,
        flops_thop=thop.flops if thop else None,
        activations=official.activations if official else None,
        num_conv=official.num_conv if official else None,
        fvcore_uncounted=fvcore.uncounted if fvcore else (),
        notes=tuple(notes),
        flops_dispatch=seen.flops if seen else None,
        dispatched=seen.dispatched() if seen else None,
        missed=tuple(each for each in missed if each.flops or each.num_conv),
        differs_under=differs_under,
        side=least_side_path(looks) if looks else None,
        wide_elements=parameters.wide_elements,
        wide=parameters.wide,
        overridden=parameters.overridden[:_NAMED_AT_MOST],
    )


def uncounted(model: nn.Module, input_size: Size, why: str) -> Counts:
    """Count the parameters alone, and note why nothing else is known."""
    return Counts(
        input_size, registered(model).elements, None, None, None, None, None, notes=(why,)
    )


class _Affords:
    """Tells whether there is time for a counter; if not, a note says so."""

    def __init__(self, budget: TimeBudget, notes: list[str]) -> None:
        self._budget, self._notes = budget, notes
        self._began_s, self._pass_s = budget.spent_s, 0.0

    def judge_by(self, passes: int) -> None:
        """Take what was spent so far as what a pass costs."""
        self._pass_s = (self._budget.spent_s - self._began_s) / passes

    def __call__(self, counter: str, passes: float = 1) -> bool:
        allowed = self._budget.allows(f"counter {counter}", passes * self._pass_s)
        if not allowed:
            self._notes.append(f"{counter}: left out, there was no time for it (--time_budget)")
        return allowed


@dataclass(frozen=True)
class _Counted:
    """What one counter says, and how to find what it missed."""

    flops: int
    missed: Callable[[Observation], Missed]
    activations: int | None = None
    num_conv: int | None = None
    uncounted: tuple[OpCount, ...] = ()


class _Witness(nn.Module):
    """The network, with somebody beside it who keeps what it returns."""

    def __init__(self, network: nn.Module, keep: Callable[[object], None]) -> None:
        super().__init__()
        self.network = network
        self._keep = keep

    def forward(self, image: Tensor) -> object:
        output = self.network(image)
        self._keep(output)
        return output


class _Run:
    """One network under one counter after the other, and what it returned under each."""

    def __init__(self, model: nn.Module, input_size: Size) -> None:
        self._model = model
        self._size = input_size
        self._returned: object = None
        self._outputs: dict[str, object] = {}
        self.network = _Witness(model, self._keep)

    def _keep(self, output: object) -> None:
        self._returned = kept(output)

    def attempt(self, counter: str, run: Callable[[], _Result], notes: list[str]) -> _Result | None:
        """Count with the network lent out; a failure becomes a note."""
        self._returned = None
        try:
            with preserved(self.network):
                result = run()
            self._outputs[counter] = self._returned
        except Exception as error:  # The network's own code runs: it may raise anything.
            note = " ".join(f"{counter}: {type(error).__name__}: {error}".split())
            notes.append(note if len(note) <= _NOTE_AT_MOST else f"{note[: _NOTE_AT_MOST - 3]}...")
            return None
        return result

    def dummy(self) -> Tensor:
        """Make the input."""
        return official_counts.dummy_input(self.network, self._size)

    def official(self) -> _Counted:
        """Both official functions in one pass."""
        calls = official_counts.layer_calls(self.network, self._size)
        missed = partial(missed_by_official, layers={call.layer for call in calls})
        flops = sum(call.flops for call in calls)
        return _Counted(flops, missed, *official_counts.activations(calls))

    def fvcore(self) -> _Counted:
        """Count with fvcore, and count the convolutions it met."""
        analyse, conv_flop_jit = _fvcore()
        met: list[object] = []

        def convolution(inputs: list[Any], outputs: list[Any]) -> Any:  # noqa: ANN401
            met.append(None)
            return conv_flop_jit(inputs, outputs)

        analysis = analyse(self.network, self.dummy())
        analysis.set_op_handle("aten::_convolution", convolution)
        by_operator = analysis.by_operator()
        uncounted = sorted(analysis.unsupported_ops().items())
        products = int(sum(by_operator[name] for name in _FVCORE_PRODUCTS))
        return _Counted(
            flops=int(analysis.total()),
            missed=partial(missed_by_fvcore, flops=products, num_conv=len(met)),
            uncounted=tuple(OpCount(name, calls) for name, calls in uncounted),
        )

    def thop(self) -> _Counted:
        """Count with thop."""
        profile, rules = _thop()
        flops, _ = profile(self.network, inputs=(self.dummy(),), verbose=False)
        return _Counted(int(flops), partial(missed_by_thop, total=int(flops), rules=set(rules)))

    def looks(self, affords: _Affords, notes: list[str]) -> list[Observation]:
        """Watch the dispatcher, and again while time goes where PyTorch is not seen to work."""
        looks: list[Observation] = []
        # On one thread of the CPU a pass may take as long as all threads together.
        slower = torch.get_num_threads() if self.dummy().device.type == "cpu" else 1
        while len(looks) < LOOKS_AT_MOST and (not looks or is_conspicuous(looks)):
            counter = "dispatch" if not looks else "dispatch, again"
            seen = None
            if affords(counter, slower):
                seen = self.attempt("dispatch", self._observe, [] if looks else notes)
            if seen is None:
                break
            looks.append(seen)
        return looks

    def _observe(self) -> Observation:
        return observe(self._model, self.dummy(), self.network)

    def differing(self) -> tuple[Watcher, ...]:
        """Name the counters under which the output was another than without one.

        Nobody is named if it is another without one as well: it is then not the counter's doing.
        """
        self.attempt("plain", lambda: self.network(self.dummy()), [])
        plain = self._outputs.get("plain")
        counted = [name for name in WATCHERS if name in self._outputs]
        differing = tuple(name for name in counted if differ(plain, self._outputs[name]))
        if differing:
            self.attempt("again", lambda: self.network(self.dummy()), [])
        return () if differ(plain, self._outputs.get("again", plain)) else differing


@cache
def _fvcore() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from fvcore.nn import FlopCountAnalysis
    from fvcore.nn.jit_handles import conv_flop_jit

    return FlopCountAnalysis, conv_flop_jit


@cache
def _thop() -> tuple[Callable[..., Any], Mapping[type[nn.Module], object]]:
    from thop import profile

    return profile, sys.modules["thop.profile"].register_hooks


def import_counters() -> None:
    """Import other people's counters before a submission is there, which may have a `thop.py`."""
    with _quiet():
        for counter in (_fvcore, _thop):
            with suppress(Exception):  # Whoever counts with it says why it cannot be had.
                counter()


@contextmanager
def _quiet() -> Iterator[None]:
    # Both tools warn and log about what they do not know, and thop's log sets up the root logger.
    disabled, handlers = logging.root.manager.disable, logging.root.handlers[:]
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        logging.root.handlers[:] = handlers
