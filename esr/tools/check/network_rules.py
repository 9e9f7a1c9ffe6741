"""Rules that are found by running the network, in the child."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from esr.images import Image
from esr.sandbox.inside.audit_events import EffectKind
from esr.tools.check.rule import Rule, Violation, say_error

if TYPE_CHECKING:  # The parent lists the rules and has no PyTorch.
    from esr.tools.check.subject import Subject

OVERSHOOT = 0.1
"""Of white: edges may go that far beyond black and white before the output is clipped."""
OVERSHOOT_SHARE = 0.01
BRIGHTNESS = 0.1
"""Of white: how far the mean of SR may be from that of LR."""
_OTHER_UNIT = 50
"""Times as bright as the input is an output that has 0 to 255 where the input has 0 to 1."""
LARGEST_MINIMUM_PX = 48
"""Set5 has LR images of 56 px, and tiles and crops are not larger."""
ODD_SIZES = ((37, 53), (61, 48), (50, 67))
GPU_TOLERANCE = 0.01
"""In grey levels. On a GPU the order of a sum may change; on a CPU all is exact."""
BATCH_TOLERANCE = 0.5
"""In grey levels. Batches are computed in another order, which changes the last digits."""

Values = NDArray[np.float32]


def output_size(subject: Subject) -> str:
    """The output has exactly `scale` times the sides of the input."""
    side = subject.restore(subject.probes[0]).values.shape[-1]
    return f"x{subject.scale}: {side // subject.scale} px become {side} px"


def output_type(subject: Subject) -> str:
    """The output is of single precision."""
    dtype = subject.restored(subject.probes[0]).dtype
    if dtype != "torch.float32":
        raise Violation(f"the output is {dtype}")
    return dtype


def finite(subject: Subject) -> str:
    """The output holds neither NaN nor infinity."""
    outputs = [subject.restored(probe).values for probe in subject.probes]
    try:
        for values in outputs:
            _finite(values)
    except Violation:
        subject.gives_numbers = False
        raise
    return "no NaN, no infinity"


def in_range(subject: Subject) -> str:
    """The output lies between black and white, and is as bright as the input."""
    for probe in subject.probes:
        values = subject.restored(probe).values
        if (problem := _misses_range(values, probe, subject.white)) is not None:
            raise Violation(problem, _advise_range(subject, values, probe))
    return f"between 0 and {subject.white:g}, but for overshooting edges"


def _misses_range(values: Values, probe: Image, white: float) -> str | None:
    sr = values / white
    outside = float(np.mean((sr < -OVERSHOOT) | (sr > 1 + OVERSHOOT)))
    if outside > OVERSHOOT_SHARE:
        return f"{outside:.0%} of the values are far outside [0, {white:g}]"
    brighter = float(sr.mean()) - float(probe.mean()) / 255
    if not abs(brighter) <= BRIGHTNESS:
        return f"the mean of SR is {brighter:+.0%} of white off that of LR"
    return None


def _advise_range(subject: Subject, values: Values, probe: Image) -> str:
    """Tell a range that is declared wrongly from an output that has another than the input."""
    other = subject.restored_in_other_range(probe)
    if other is not None and _misses_range(other.values, probe, subject.other_white) is None:
        return f"state data_range = {subject.other_white:.1f} in the TOML file"
    times = float(values.mean()) / (float(probe.mean()) / 255 * subject.white or 1.0)
    both = f"input and output must both have [0, {subject.white:g}]"
    if times > _OTHER_UNIT:
        return f"{both}: divide the output by 255 at the end of the network"
    if 0 < times < 1 / _OTHER_UNIT:
        return f"{both}: multiply the output by 255 at the end of the network"
    return f"{both}, whatever data_range says; or the checkpoint is of another network"


def repeats(subject: Subject) -> str:
    """The same image gives the same output twice in a row."""
    for probe in subject.probes:
        first, second = (subject.restored(probe).values for _ in range(2))
        _same(first, second, subject, "the second time")
    return "an image gives the same output twice"


def order(subject: Subject) -> str:
    """What was restored before makes no difference."""
    probes = subject.probes
    first = [subject.restored(probe).values for probe in probes]
    for index in (*reversed(range(len(probes))), 0):
        _same(first[index], subject.restored(probes[index]).values, subject, "after other images")
    return "and after others, in any order"


def batch(subject: Subject) -> str:
    """Two images at once give what they give one by one."""
    pair = subject.probes[:2]
    alone = np.concatenate([subject.restored(probe).values for probe in pair])
    together = subject.restore(*pair).values
    _finite(together, " in a batch of two")
    levels = _levels(together, alone, subject)
    if not levels <= BATCH_TOLERANCE:
        raise Violation(f"a batch of two differs from two of one by up to {levels:.3g} grey levels")
    return f"of two: as one by one, to {levels:.1g} grey levels"


def smallest(subject: Subject) -> str:
    """Small images can be restored."""
    reason = ""
    subject.restored(subject.probes[0])
    for side in range(1, LARGEST_MINIMUM_PX + 1):
        try:
            _finite(subject.restore(subject.crop(side, side)).values)
        except Exception as error:  # Each network has its own way to refuse a size.
            reason = say_error(error)
        else:
            return f"from {side}x{side} px"
    raise Violation(f"no square of up to {LARGEST_MINIMUM_PX} px: {reason}")


def odd_sizes(subject: Subject) -> str:
    """Sides of any length can be restored."""
    subject.restored(subject.probes[0])
    for height, width in ODD_SIZES:
        try:
            _finite(subject.restore(subject.crop(height, width)).values)
        except Exception as error:
            raise Violation(f"{width}x{height} px: {say_error(error)}") from error
    return ", ".join(f"{width}x{height}" for height, width in ODD_SIZES) + " px"


def free_of(*kinds: EffectKind) -> Callable[[Subject], str]:
    """Make the rule that nothing of these kinds was seen."""

    def rule(subject: Subject) -> str:
        effects = dict.fromkeys(seen.what for seen in subject.side_effects if seen.kind in kinds)
        for first in effects:
            more = f" and {len(effects) - 1} more" if len(effects) > 1 else ""
            raise Violation(f"{first}{more}")
        return "none seen"

    return rule


def _finite(values: Values, when: str = "") -> None:
    if not np.isfinite(values).all():
        raise Violation(f"the output holds NaN or infinity{when}")


def _levels(one: Values, other: Values, subject: Subject) -> float:
    return float(np.abs(one - other).max()) * 255 / subject.white


def _same(one: Values, other: Values, subject: Subject, when: str) -> None:
    _finite(other, f" {when}")
    levels = _levels(one, other, subject)
    if not levels <= (0 if subject.on_cpu else GPU_TOLERANCE):
        raise Violation(f"the output is another {when}, by up to {levels:.3g} grey levels")


NETWORK: tuple[Rule[Subject], ...] = (
    Rule("output size", output_size, "return the SR image alone, of exactly scale times the input"),
    Rule("float32", output_type, "end with .float(): half precision is another competition"),
    Rule("finite", finite, "look for divisions by zero and roots of negative numbers"),
    Rule("in range", in_range, "state data_range in the TOML file: 1.0 or 255.0"),
    Rule("deterministic", repeats, "use no random numbers in eval mode"),
    Rule("order of images", order, "keep nothing from one image to the next"),
    Rule(
        "batch",
        batch,
        "statistics over the batch are no fault: images are restored one by one",
        required=False,
    ),
    Rule(
        "small images",
        smallest,
        "pad in the model, or state size_multiple_px in the TOML file",
    ),
    Rule("odd sizes", odd_sizes, "pad in the model, or state size_multiple_px in the TOML file"),
    Rule("files written", free_of("write"), "remove what writes, logs or downloads"),
    Rule("network access", free_of("network"), "put all that is needed into the checkpoint"),
    Rule("foreign files", free_of("read", "enter"), "read nothing but the checkpoint"),
    Rule("other programs", free_of("process"), "start no other program"),
)
