"""Rules about what the child reports: how far the network came, and its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import get_args

from esr.audit.record_flags import complexity_flags
from esr.challenge.protocol import FlopsCounter
from esr.evaluate.judge_data_range import DataRangeVerdict
from esr.records.measurement import Stage
from esr.records.network_counts import Counts
from esr.records.official_results import GIGA, MEGA, published_flops
from esr.report.claims import agrees, count_by
from esr.submissions.sidecar import ClaimCounter
from esr.submissions.submission import Submission
from esr.tools.check.rule import CheckAnswer, NotReached, Rule, Violation

_BY_TIME = ("outside_pytorch", "other_threads")
"""Shares of time, not counts: a busy machine is no reason to change a network."""

_STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True)
class Trial:
    """A submission, and what the child says of it."""

    submission: Submission
    answer: CheckAnswer
    in_ranges: DataRangeVerdict | None
    """What the two data ranges gave; None if the network restored nothing."""
    counter: FlopsCounter
    """The one that claims are about."""

    @property
    def counts(self) -> Counts:
        """Its complexity.

        Raises:
            NotReached: it was not counted.
        """
        if self.answer.counts is None:
            raise NotReached
        return self.answer.counts


def gets_through(stage: Stage, how: str) -> Callable[[Trial], str]:
    """Make the rule that the network comes through a stage."""

    def rule(trial: Trial) -> str:
        failure = trial.answer.failure
        if failure is not None and failure.stage == stage:
            raise Violation(failure.reason)
        if failure is not None and _STAGES.index(failure.stage) < _STAGES.index(stage):
            raise NotReached
        return how

    return rule


def built(trial: Trial) -> str:
    """The network is built, and of what beside its class."""
    gets_through("build", "")(trial)
    kwargs = trial.submission.sidecar.kwargs
    return f"with {', '.join(kwargs)} of the TOML file" if kwargs else "without arguments"


def counted(trial: Trial) -> str:
    """Parameters and operations can be counted."""
    detail = gets_through("count", "at 3x256x256")(trial)
    if trial.answer.trying is not None:  # A rule has ended the child.
        raise NotReached
    if trial.answer.counts is None:
        raise Violation("its operations could not be counted")
    return detail


def data_range(trial: Trial) -> str:
    """The declared data_range is the better one."""
    if trial.in_ranges is None:
        raise NotReached
    for flag in trial.in_ranges.flags:
        other = trial.answer.other_range
        raise Violation(
            flag.detail, f"state data_range = {other:.1f} in the TOML file" if other else ""
        )
    if trial.in_ranges.note:
        raise Violation(trial.in_ranges.note)
    return f"{trial.submission.sidecar.data_range:g}"


def counters(trial: Trial) -> str:
    """The counters agree, or say what they have not counted."""
    counts = trial.counts
    if trial.in_ranges is None:
        raise NotReached
    flags = [flag for flag in complexity_flags(counts) if flag.name not in _BY_TIME]
    seen = [f"{flag.name}: {flag.detail}" for flag in flags]
    seen += counts.notes
    if seen:
        raise Violation("; ".join(seen))
    flops = published_flops(counts, trial.counter)
    return f"{counts.network_params / MEGA:.4g} M parameters" + (
        f", {flops / GIGA:.4g} G FLOPs" if flops is not None else ""
    )


def claims(trial: Trial) -> str:
    """The factsheet's complexity is what is counted; FLOPs by its counter, or any official one."""
    compared = list(_claimed(trial))
    differing = [
        f"{what} {claim}, measured {' or '.join(f'{value:.6g}' for value in measured)}"
        for what, claim, measured in compared
        if not any(agrees(claim, value) for value in measured)
    ]
    if differing:
        raise Violation(f"claimed {'; '.join(differing)}")
    return f"{len(compared)} figures compared" if compared else "none are made"


def _claimed(trial: Trial) -> Iterator[tuple[str, Decimal, list[float]]]:
    counts, claims = trial.counts, trial.submission.sidecar.claims
    counters: tuple[ClaimCounter, ...] = ("official", "fvcore")
    counters = counters if claims.flops_counter is None else (claims.flops_counter,)
    flops = tuple(count_by(counts, counter) for counter in counters)
    for what, claim, unit, measured in (
        ("params_m", claims.params_m, MEGA, (counts.params,)),
        ("flops_g", claims.flops_g, GIGA, flops),
        ("activations_m", claims.activations_m, MEGA, (counts.activations,)),
        ("num_conv", claims.num_conv, 1, (counts.num_conv,)),
    ):
        values = [value / unit for value in dict.fromkeys(measured) if value is not None]
        if claim is not None and values:
            yield what, claim, values


START: tuple[Rule[Trial], ...] = (
    Rule(
        "import",
        gets_through("import", "as a module of its own"),
        "import only what requirements.txt installs",
    ),
    Rule(
        "build",
        built,
        "let it be built without arguments, or state kwargs in the TOML file",
    ),
    Rule(
        "checkpoint",
        gets_through("load", "strict, and nothing but tensors"),
        "torch.save(model.state_dict(), PATH) of this very network: strict, and only tensors",
    ),
)

FIGURES: tuple[Rule[Trial], ...] = (
    Rule(
        "data range",
        data_range,
        "let the output have the range of the input, and look whether it is the right checkpoint",
    ),
    Rule("counting", counted, "let it restore 256x256 px, and be watched while it does"),
    Rule(
        "counters agree",
        counters,
        "organizers will look at it: use layers of torch.nn where you can",
        required=False,
    ),
    Rule(
        "claims agree",
        claims,
        "correct [claims] in the TOML file, or the factsheet",
        required=False,
    ),
)
