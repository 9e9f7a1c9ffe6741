"""Who enters a ranking: figures that count, why somebody is left out, what scores are relative to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from esr.challenge.protocol import Cost, Protocol, RankFigure, Track
from esr.rank.figures import (
    GateVerdict,
    Quantity,
    has_test,
    judge_gate,
    official_figure,
    official_runtime,
    ranked_split,
    real_time_figures,
    robust_runtime,
)
from esr.rank.scores import Figures
from esr.records.results_folder import Row

PUBLISHED = "published"
"""Instead of a row's label: take the baseline's published figures."""

_KEYS: dict[Cost, str] = {
    "params_m": "num_parameters",
    "flops_g": "flops",
    "activations_m": "activations",
    "memory_mib": "valid_memory",
    "num_conv": "num_conv",
}

FIGURE_NAMES: dict[RankFigure, str] = {
    "ave_time_ms": "runtime",
    "params_m": "parameters",
    "flops_g": "FLOPs",
    "activations_m": "activations",
    "memory_mib": "memory",
    "num_conv": "convolutions",
    "fixed_time_ms": "runtime of the fixed input",
    "psnr_rgb_db": "RGB PSNR",
    "bicubic_psnr_db": "PSNR of bicubic",
}


@dataclass(frozen=True)
class Choices:
    """What the published rules leave open."""

    runtime: Literal["official", "robust"] = "official"
    baseline: str | None = None
    """A row's label, or `published`; None looks for the protocol's own among the rows."""
    constraints: bool = False
    """Whether a track leaves out who is worse than the baseline in what its announcement names."""


@dataclass(frozen=True)
class Candidate:
    """One row, before it is ranked."""

    row: Row
    is_baseline: bool
    """Whether it is the protocol's baseline, or was chosen as one: neither competes."""
    gate: GateVerdict
    costs: Figures
    reason: str | None


def assess_row(
    row: Row, baseline_label: str | None, protocol: Protocol, choices: Choices, with_test: bool
) -> Candidate:
    """Collect what counts of a row, and why it is not ranked if it is not.

    Args:
        row: what is known of a submission.
        baseline_label: label of the row that serves as baseline.
        protocol: the rules.
        choices: what they leave open.
        with_test: whether runtimes are means over validation and test set.
    """
    costs = _costs(row, choices, with_test)
    gate = judge_gate(row, protocol)
    reason = _why_not(row, gate, costs, protocol)
    if with_test and not has_test(row) and row.failure is None:
        reason = reason if gate.passed is False else "not measured on the test set, as others were"
    return Candidate(
        row, row.label == baseline_label or is_baseline(row, protocol), gate, costs, reason
    )


def _costs(row: Row, choices: Choices, with_test: bool) -> Figures:
    measured = official_runtime if choices.runtime == "official" else robust_runtime
    runtime = measured(row, with_test)
    costs: dict[RankFigure, Quantity] = {} if runtime is None else {"ave_time_ms": runtime}
    for name, key in _KEYS.items():
        if (value := official_figure(row, key)) is not None and value >= 0:
            costs[name] = Quantity.exact(value)
    return costs | real_time_figures(row)


def _why_not(row: Row, gate: GateVerdict, costs: Figures, protocol: Protocol) -> str | None:
    if row.failure is not None:
        return f"{row.failure.stage}: {row.failure.reason}"
    if row.record and not fits(row, protocol):
        scales = " and ".join(f"x{scale}" for scale in protocol.scales)
        return f"x{row.record.sidecar.scale}, the challenge is {scales}"
    if gate.passed is False:
        return gate.reason
    needed = protocol.tracks[0].terms
    missing = [FIGURE_NAMES[name] for name in needed if name not in costs]
    return f"{', '.join(missing)} not measured" if missing else None


def fits(row: Row, protocol: Protocol) -> bool:
    """Tell whether a row is of a scale of the protocol, as far as one knows."""
    return row.record is None or row.record.sidecar.scale in protocol.scales


def outside(row: Row, track: Track) -> str | None:
    """Say why a row is nothing for a track: another scale, or other data; None if it fits."""
    if row.record is None:
        return None
    if track.scale not in (None, row.record.sidecar.scale):
        return f"x{row.record.sidecar.scale}, this track is x{track.scale}"
    dataset = ranked_split(row.record).dataset
    if track.dataset not in (None, dataset):
        return f"measured on {dataset}, this track is about {track.dataset}"
    return None


def is_baseline(row: Row, protocol: Protocol) -> bool:
    """Tell by its label whether a row is the protocol's own baseline."""
    match = re.match(r"\s*(-?\d+)_(.*)", row.label)
    if protocol.baseline is None or match is None:
        return False
    if int(match[1]) != protocol.baseline.model_id:
        return False
    return match[2].lower().startswith(protocol.baseline.name.lower())


@dataclass(frozen=True)
class Base:
    """What scores are relative to."""

    costs: Figures | None
    problem: str | None = None
    decimals: Mapping[RankFigure, int] = field(default_factory=dict)
    """Digits to which its figures are known; without them, all."""


def find_baseline(rows: Sequence[Row], protocol: Protocol) -> str | None:
    """Find the protocol's own baseline among the rows."""
    labels = [row.label for row in rows if is_baseline(row, protocol)]
    # The shortest is the name itself; others may begin with it.
    return min(labels, key=len, default=None)


def counts_test(rows: Sequence[Row], protocol: Protocol, label: str | None) -> bool:
    """Decide which runtime counts: the baseline's, or that of most rows that can be ranked."""
    if (baseline := next((row for row in rows if row.label == label), None)) is not None:
        return has_test(baseline)
    able = [has_test(row) for row in rows if row.failure is None and fits(row, protocol)]
    return 2 * sum(able) > len(able)


def find_base(
    candidates: Sequence[Candidate], protocol: Protocol, label: str | None, with_test: bool
) -> Base:
    """Look up what scores are relative to, or say why it cannot serve.

    Args:
        candidates: everybody.
        protocol: whose baseline.
        label: label of the row that serves, `published`, or None.
        with_test: whether runtimes are means over validation and test set.
    """
    if label is None:
        return Base(None, None if protocol.baseline is None else "is not among the rows")
    if label == PUBLISHED:
        return _published(protocol, with_test)
    (chosen,) = [candidate for candidate in candidates if candidate.row.label == label][:1]
    if chosen.row.failure is not None:
        # An earlier record is of another session.
        return Base(None, "failed this time")
    if not fits(chosen.row, protocol):
        return Base(None, "is of another scale")
    missing = [
        FIGURE_NAMES[name]
        for name in {name: 1 for track in protocol.tracks for name in track.terms}
        if name not in chosen.costs or chosen.costs[name].value <= 0
    ]
    problem = f"has no {', '.join(missing)}" if missing else None
    return Base({name: cost for name, cost in chosen.costs.items() if cost.value > 0}, problem)


def _published(protocol: Protocol, with_test: bool) -> Base:
    if protocol.baseline is None:
        return Base(None, "has no published figures")
    figures = dict(protocol.baseline.published)
    if not with_test:
        figures.pop("ave_time_ms", None)
        if "val_time_ms" in figures:
            figures["ave_time_ms"] = figures["val_time_ms"]
    costs: dict[RankFigure, Quantity] = {
        name: Quantity.exact(figures[name]) for name in FIGURE_NAMES if name in figures
    }
    decimals = {name: _decimals(cost.value) for name, cost in costs.items()}
    missing = [FIGURE_NAMES[name] for name in protocol.tracks[0].terms if name not in costs]
    where = "on validation and test set" if with_test else "on the validation set alone"
    problem = f"has no published {', '.join(missing)} {where}" if missing else None
    return Base(costs, problem, decimals)


def _decimals(printed: float) -> int:
    return -int(Decimal(str(printed)).as_tuple().exponent)
