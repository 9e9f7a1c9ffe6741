"""What a network costs by four counters: the official one, fvcore, thop, and its parameters."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn

from utils import model_summary
from utils.record import Counts, OpCount
from utils.snapshot import preserved

Size = tuple[int, int, int]
"""(channels, height, width)."""

_Result = TypeVar("_Result")
_NOTE_AT_MOST = 200


def count(model: nn.Module, input_size: Size = (3, 256, 256)) -> Counts:
    """Count parameters, FLOPs, activations and convolutions of a network on its device.

    One fused multiply-add is one FLOP. Three forward passes with batch 1; the model is left as it
    was. A counter that fails leaves None and a note, and does not stop the others.

    Args:
        model: takes (1, *input_size), float32 in [0, 1]; need not be in eval mode.
        input_size: (channels, height, width).
    """
    notes: list[str] = []
    with torch.no_grad(), _quiet():
        official = _attempt("official", lambda: _official(model, input_size), notes)
        fvcore = _attempt("fvcore", lambda: _fvcore(model, input_size), notes)
        thop = _attempt("thop", lambda: _thop(model, input_size), notes)
    flops_official, activations, num_conv = official or (None, None, None)
    flops_fvcore, uncounted = fvcore or (None, ())
    return Counts(
        input_size=input_size,
        params=sum(parameter.numel() for parameter in model.parameters()),
        flops_official=flops_official,
        flops_fvcore=flops_fvcore,
        flops_thop=thop,
        activations=activations,
        num_conv=num_conv,
        fvcore_uncounted=uncounted,
        notes=tuple(notes),
    )


def _official(model: nn.Module, input_size: Size) -> tuple[int, int, int]:
    # Both official functions in one pass.
    calls = model_summary.layer_calls(model, input_size)
    activations, num_conv = model_summary.activations(calls)
    return sum(call.flops for call in calls), activations, num_conv


def _fvcore(model: nn.Module, input_size: Size) -> tuple[int, tuple[OpCount, ...]]:
    from fvcore.nn import FlopCountAnalysis

    with preserved(model):
        analysis = FlopCountAnalysis(model, model_summary.dummy_input(model, input_size))
        flops = int(analysis.total())
        uncounted = sorted(analysis.unsupported_ops().items())
    return flops, tuple(OpCount(name, calls) for name, calls in uncounted)


def _thop(model: nn.Module, input_size: Size) -> int:
    from thop import profile

    with preserved(model):
        dummy = model_summary.dummy_input(model, input_size)
        flops, _ = profile(model, inputs=(dummy,), verbose=False)
    return int(flops)


def _attempt(counter: str, run: Callable[[], _Result], notes: list[str]) -> _Result | None:
    try:
        return run()
    except Exception as error:  # The network's own code runs: it may raise anything.
        note = " ".join(f"{counter}: {type(error).__name__}: {error}".split())
        notes.append(note if len(note) <= _NOTE_AT_MOST else f"{note[: _NOTE_AT_MOST - 3]}...")
        return None


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
