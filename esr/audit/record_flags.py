"""What an organizer should look at before believing a record, as far as the parent sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from esr.base.errors import printable_line
from esr.base.visible_text import name_some
from esr.records.measurement import Flag
from esr.records.network_counts import Counter, Counts, Dispatched, Missed, SidePath
from esr.submissions.clone.clone_files import CloneSource

SCAN_COUNTED = "; FLOPs by the dispatcher hold 9 batch length width states for each scan"
"""What is said where Mamba's scan is replaced: no other counter knows anything of it."""


def clone_flags(fork: CloneSource | None, *, trusted: bool) -> Iterator[Flag]:
    """List what is particular about where a submission comes from.

    Args:
        fork: None for a submission in our own layout.
        trusted: whether its checkpoints were allowed to run code.
    """
    if trusted:
        yield Flag("trusted_checkpoint", "code in its checkpoint was allowed to run (--trust)")
    if fork is None:
        return
    if fork.facts.not_done:
        statements = "; ".join(fork.facts.not_done)
        yield Flag("clone_loop_differs", printable_line(f"not carried out: {statements}"))
    if fork.facts.stand_ins:
        names = ", ".join(fork.facts.stand_ins)
        scan = SCAN_COUNTED if "selective_scan" in names or ".Mamba" in names else ""
        what = f"not installed, replaced by the harness: {names}{scan}"
        yield Flag("stand_ins", printable_line(what))
    if not fork.facts.checkpoints:
        yield Flag("no_checkpoint", "select_model loaded no file with torch.load")


HIDDEN_SHARE = 0.05
"""Of all multiply-adds, missed by a counter that does not say so."""
NAMED_SHARE = 0.2
"""The same where the counter lists the convolutions among what it does not support."""
ARITHMETIC_SHARE = 0.25
ARITHMETIC_PER_PX = 1000
"""Fewer operations a pixel of the input are no network: the smallest ones have ten thousand."""
PARAMETER_SHARE = 0.05
UNREGISTERED_AT_MOST = 1024
"""Fewer are no network's weights: three kernels of 16 x 16 px that resample are 768."""
TIME_SHARE = 0.1
LOOKS_AT_LEAST = 2
"""Passes that must show a share of time: what a busy machine does to one it does not to all."""
EXCESS = 1.5
"""Of what the dispatcher saw; activations and normalisations, which some count, are far less."""
_NAMED_AT_MOST = 3
_PRODUCT = re.compile(
    r"aten::(_?conv.*|lstm|gru|rnn_.*|bilinear|.*attention.*|addbmm|baddbmm|cdist)"
)
"""Operators that multiply and that fvcore may pass over."""


def complexity_flags(counts: Counts) -> tuple[Flag, ...]:
    """List what is suspicious about the complexity of a network; nothing if all is well."""
    flags = [flag for missed in counts.missed for flag in _hidden(counts, missed)]
    flags += _exceeding(counts)
    if counts.differs_under:
        under = ", ".join(counts.differs_under)
        flags.append(Flag("counter_detected", f"the output is another while counted by: {under}"))
    flags += _registered(counts)
    if counts.dispatched is not None:
        flags += _unknown(counts.dispatched)
        flags += _arithmetic(counts, counts.dispatched)
        flags += _parameters(counts, counts.dispatched)
    flags += _unwatched(counts)
    if counts.side is not None:
        flags += _custom_ops(counts.side)
        flags += _side_path(counts, counts.side)
    return tuple(flags)


def complexity_notes(counts: Counts) -> tuple[str, ...]:
    """Say of every counter what it missed, and what is counted apart; no cause for suspicion."""
    notes = [_discrepancy(counts, missed) for missed in counts.missed]
    if counts.dispatched and counts.dispatched.fourier:
        operations = counts.dispatched.fourier / 1e9
        notes.append(f"Fourier transforms apart: {operations:.4g} G real operations (5 N log2 N)")
    return tuple(notes)


def hidden_share(counts: Counts, missed: Missed) -> float:
    """Share of all multiply-adds that a counter missed, unused results apart where it traces."""
    if not counts.flops_dispatch:
        return 0.0
    excused = _unused(counts) if missed.counter == "fvcore" else 0
    return max(0, missed.flops - excused) / counts.flops_dispatch


def _hidden(counts: Counts, missed: Missed) -> Iterator[Flag]:
    named = _named(counts) if missed.counter == "fvcore" else 0
    unused = counts.dispatched.num_conv_unused if counts.dispatched else 0
    explained = named > 0 and missed.num_conv <= named + unused
    if hidden_share(counts, missed) > (NAMED_SHARE if explained else HIDDEN_SHARE):
        yield Flag("flops_hidden", _discrepancy(counts, missed))


def _exceeding(counts: Counts) -> Iterator[Flag]:
    """Flag a counter that finds far more than the dispatcher: it counts something several times."""
    total = counts.flops_dispatch
    for counter, figure in _figures(counts).items():
        if total is None or figure is None or figure <= EXCESS * total:
            continue
        if figure - total > ARITHMETIC_PER_PX * _pixels(counts):
            times = f"{figure / total:.1f} times as much" if total else "which saw none"
            yield Flag(
                "flops_exceed",
                f"{counter} counts {figure / 1e9:.4g} G, the dispatcher {total / 1e9:.4g} G:"
                f" {times}",
            )


def _unwatched(counts: Counts) -> Iterator[Flag]:
    """Flag a network that runs under the official counter and not where operators are watched."""
    if counts.flops_official is None or counts.flops_dispatch is not None:
        return
    for note in counts.notes:
        if note.startswith("dispatch: ") and not note.startswith("dispatch: left out"):
            yield Flag("audit_incomplete", f"what operators it runs was not seen: {note}")


def _figures(counts: Counts) -> dict[Counter, int | None]:
    return {
        "official": counts.flops_official,
        "fvcore": counts.flops_fvcore,
        "thop": counts.flops_thop,
    }


def _discrepancy(counts: Counts, missed: Missed) -> str:
    total, figure = counts.flops_dispatch or 0, _figures(counts)[missed.counter] or 0
    num_conv = counts.dispatched.num_conv if counts.dispatched else 0
    causes = [f"{op.calls} {op.name}" for op in missed.ops]
    if missed.counter == "fvcore":
        uncounted = (op for op in counts.fvcore_uncounted if _PRODUCT.fullmatch(op.name))
        causes = [f"{op.calls} {op.name}" for op in uncounted]
        if _unused(counts):
            causes.append(f"{_unused(counts) / 1e9:.4g} G whose result is not used")
    cause = f": {', '.join(causes)}" if causes else ""
    return (
        f"{missed.counter} counts {figure / 1e9:.4g} G, the dispatcher {total / 1e9:.4g} G"
        f" ({missed.flops / max(total, 1):.0%} hidden, {missed.num_conv} of {num_conv}"
        f" convolutions{cause})"
    )


def _named(counts: Counts) -> int:
    return sum(op.calls for op in counts.fvcore_uncounted if "conv" in op.name)


def _unused(counts: Counts) -> int:
    return counts.dispatched.flops_unused if counts.dispatched else 0


def _unknown(seen: Dispatched) -> Iterator[Flag]:
    if seen.unknown:
        names = name_some([f"{op.calls} {op.name}" for op in seen.unknown], _NAMED_AT_MOST)
        yield Flag("unknown_operators", f"{names}: multiply-adds in them are not counted")


def _arithmetic(counts: Counts, seen: Dispatched) -> Iterator[Flag]:
    share = seen.arithmetic / max(seen.arithmetic + (counts.flops_dispatch or 0), 1)
    if share > ARITHMETIC_SHARE and seen.arithmetic > ARITHMETIC_PER_PX * _pixels(counts):
        most = sorted(seen.uncounted, key=lambda op: -op.calls)[:_NAMED_AT_MOST]
        names = ", ".join(f"{op.calls} {op.name}" for op in most)
        yield Flag(
            "uncounted_arithmetic",
            f"{seen.arithmetic / 1e9:.4g} G operations at least have no formula, {share:.0%} of the"
            f" whole; most often {names}",
        )


def conspicuous_share(beyond: int, params: int) -> float:
    """Say which share of all weights are no parameters; 0 where there are too few to be flagged."""
    share = beyond / max(params + beyond, 1)
    return share if beyond > UNREGISTERED_AT_MOST and share > PARAMETER_SHARE else 0.0


def _parameters(counts: Counts, seen: Dispatched) -> Iterator[Flag]:
    share = seen.untouched_elements / max(counts.network_params, 1)
    if share > PARAMETER_SHARE:
        yield Flag(
            "untouched_parameters",
            f"{seen.untouched_elements} of {counts.params} parameters ({share:.0%}) are not used:"
            f" {name_some(seen.untouched, _NAMED_AT_MOST)}",
        )
    # Whoever computes weights from parameters beforehand leaves those unused, and they are counted.
    beyond = seen.unregistered_elements - seen.untouched_elements
    if share := conspicuous_share(beyond, counts.network_params):
        named = sorted(seen.unregistered, key=lambda each: -each.elements)[:_NAMED_AT_MOST]
        names = ", ".join(f"{each.elements} {each.name}" for each in named)
        yield Flag(
            "unregistered_weights",
            f"{seen.unregistered_elements} weights are no parameters, {share:.0%} of all"
            f"{': ' * bool(names)}{names}",
        )


def _registered(counts: Counts) -> Iterator[Flag]:
    if counts.overridden:
        names = name_some(counts.overridden, _NAMED_AT_MOST)
        text = f"not PyTorch's own: {names}; parameters are counted without asking them"
        yield Flag("overridden_parameters", text)
    if counts.wide_elements > PARAMETER_SHARE * counts.network_params:
        yield Flag(
            "wide_parameters",
            f"parameters of {', '.join(counts.wide)} can hold {counts.wide_elements} numbers more"
            f" than the {counts.params} that are counted",
        )


def _custom_ops(side: SidePath) -> Iterator[Flag]:
    if side.custom_ops:
        share = sum(op.time_share for op in side.custom_ops)
        names = ", ".join(f"{op.calls} {op.name}" for op in side.custom_ops)
        yield Flag(
            "custom_op", f"{names}: {share:.0%} of the pass's time is in them, with no formula"
        )


def _side_path(counts: Counts, side: SidePath) -> Iterator[Flag]:
    survives = side.looks >= LOOKS_AT_LEAST
    if survives and side.outside_share > TIME_SHARE:
        yield Flag(
            "outside_pytorch",
            f"{side.outside_share:.0%} of the pass's time is between operations of PyTorch, in the"
            f" least of {side.looks} passes",
        )
    if survives and side.threads_share > TIME_SHARE:
        yield Flag(
            "other_threads",
            f"{side.threads_share:.0%} of the processor time is that of other threads, in the"
            f" least of {side.looks} passes",
        )
    if side.foreign_elements:
        yield Flag(
            "foreign_tensors",
            f"{side.foreign_elements} elements come from outside: all that made them is hidden",
        )
    if side.exit_elements >= _pixels(counts):
        calls = ", ".join(f"{exit_.calls} {exit_.name}" for exit_ in side.exits)
        yield Flag(
            "round_trip",
            f"{side.exit_elements} elements leave PyTorch ({calls}):"
            " all that is done with them is hidden",
        )


def _pixels(counts: Counts) -> int:
    _, height, width = counts.input_size
    return height * width
