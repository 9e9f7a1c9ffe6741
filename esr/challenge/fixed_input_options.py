"""The part of the command line that challenges with a fixed input need."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from esr.base.errors import UserError
from esr.challenge.fixed_input import Calls, FixedInputPlan
from esr.challenge.protocol import Protocol

_AT_MOST = 99999


@dataclass(frozen=True)
class RealTimeOptions:
    """What the user asked for."""

    size: tuple[int, int] | None
    """(height, width) of the fixed input; None for the protocol's."""
    calls: Calls | None
    """None for the protocol's."""
    scale: int | None
    """Of a submission that does not say it itself."""
    data_range: float
    """Value of white in the input and output of such a submission."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    group = parser.add_argument_group("real-time challenges (--protocol rtsr2023)")
    many = {"nargs": 2, "type": _number}
    text = "sides of the fixed input (default: 1920 1080 for x2, 1280 720 for x3, as officially)"
    group.add_argument("--runtime_size", metavar=("HEIGHT", "WIDTH"), help=text, **many)  # type: ignore[arg-type]
    text = "how often it is run (default: 50 244 as officially, far less on a CPU)"
    group.add_argument("--runtime_calls", metavar=("WARM_UP", "TIMED"), help=text, **many)  # type: ignore[arg-type]
    text = "of submission_ID.zip, if DIR has LR of several"
    group.add_argument("--scale", type=int, help=text)
    text = "white in the input and output of submission_ID.zip (default: 1)"
    group.add_argument("--rgb_range", type=int, choices=(1, 255), default=1, help=text)


def read(given: argparse.Namespace, protocol: Protocol) -> RealTimeOptions:
    """Read the flags.

    Raises:
        UserError: the protocol has no fixed input, or nothing would be timed.
    """
    calls = Calls(*given.runtime_calls) if given.runtime_calls else None
    size = (given.runtime_size[0], given.runtime_size[1]) if given.runtime_size else None
    if protocol.fixed_input is None and (calls or size):
        flag = "--runtime_calls" if calls else "--runtime_size"
        raise UserError(
            f"{protocol.name} times the images, no fixed input",
            where=flag,
            remedy="leave it out, or choose --protocol rtsr2023",
        )
    if (calls and not calls.repeats) or (size and not all(size)):
        raise UserError("must be positive", where="--runtime_calls, --runtime_size")
    return RealTimeOptions(size, calls, given.scale, float(given.rgb_range))


def plan(options: RealTimeOptions, protocol: Protocol, scale: int) -> FixedInputPlan | None:
    """Say how the fixed input is to be run for a submission; None if the protocol has none."""
    asked = protocol.fixed_input
    if asked is None or scale not in asked.sizes:
        return None
    return FixedInputPlan(
        input_size=(3, *(options.size or asked.sizes[scale])),
        official_size=(3, *asked.sizes[scale]),
        half=asked.half,
        official=Calls(asked.warmups, asked.repeats),
        on_cpu=Calls(asked.cpu_warmups, asked.cpu_repeats),
        asked=options.calls,
    )


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) > _AT_MOST:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 0 to {_AT_MOST}")
    return int(text)
