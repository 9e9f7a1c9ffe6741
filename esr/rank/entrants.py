"""Who enters a ranking: figures that count, and why somebody is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from esr.challenge.protocol import Protocol, RankFigure, Track
from esr.rank.figures import (
    Quantity,
    has_test,
    metric_figures,
    official_figure,
    ranked_split,
    real_time_figures,
)
from esr.rank.missing_figures import (
    explain_missing_input,
    explain_missing_runtime,
    name_runtime,
)
from esr.rank.psnr_gate import GateVerdict, judge_gate
from esr.rank.runtimes import measure_runtime
from esr.rank.scores import Figures
from esr.records.results_folder import Row

Section = Literal["ranked", "unranked", "failed"]

PUBLISHED = "published"
"""Instead of a row's label: take the baseline's published figures."""

KEYS: dict[RankFigure, str] = {
    "params_m": "num_parameters",
    "flops_g": "flops",
    "activations_m": "activations",
    "memory_mib": "valid_memory",
    "num_conv": "num_conv",
}
"""Official keys of what costs something besides time."""

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
    "psnr_db": "PSNR",
    "ssim": "SSIM",
    "psnr_y_x4_db": "PSNR_Y",
    "ssim_y_x4": "SSIM_Y",
    "lpips": "LPIPS",
    "dists": "DISTS",
    "niqe": "NIQE",
    "musiq": "MUSIQ",
    "maniqa": "MANIQA",
    "clipiqa": "CLIP-IQA",
}


@dataclass(frozen=True)
class Choices:
    """What the published rules leave open."""

    runtime: str = "official"
    """Name of one of `esr.rank.runtimes.RUNTIMES`."""
    baseline: str | None = None
    """A row's label, or `published`; None looks for the protocol's own among the rows."""
    constraints: bool = False
    """Whether a track leaves out who is worse than the baseline in what its announcement names."""
    mixed_machines: bool = False
    """Whether rows are ranked together that were measured on machines of different classes."""
    seed: int = 0
    """Of the bootstrap behind the intervals of ranks."""


@dataclass(frozen=True)
class Candidate:
    """One row, before it is ranked."""

    row: Row
    is_baseline: bool
    """Whether it is the protocol's baseline, or was chosen as one: neither competes."""
    gate: GateVerdict
    costs: Figures
    reason: str | None
    """Why it is not ranked."""
    runtime_name: str
    """The runtime that it lacks if it has none to rank by: of the validation set, say."""
    no_runtime: str
    """Why it has none, if it has none and more can be said than that it was not measured."""

    def name_missing(self, terms: Iterable[RankFigure]) -> list[str]:
        """Name the figures that it lacks, among those that somebody ranks by."""
        return [
            self.runtime_name if name == "ave_time_ms" else FIGURE_NAMES[name]
            for name in terms
            if name not in self.costs
        ]

    def explain_missing(self, terms: Iterable[RankFigure]) -> str | None:
        """Say why it lacks figures of those that somebody ranks by; None if it has them all."""
        missing = [name for name in terms if name not in self.costs]
        explained: dict[RankFigure, str] = {
            "ave_time_ms": self.no_runtime,
            "fixed_time_ms": explain_missing_input(self.row),
        }
        plain = [
            self.runtime_name if name == "ave_time_ms" else FIGURE_NAMES[name]
            for name in missing
            if not explained.get(name)
        ]
        reasons = [explained[name] for name in missing if explained.get(name)]
        return "; ".join(reasons + [f"{', '.join(plain)} not measured"] * bool(plain)) or None

    @property
    def section(self) -> Section:
        """Where on the leaderboard it stands."""
        if self.row.failure is not None:
            return "failed"
        if self.row.disqualified is not None:
            return "unranked"
        return "ranked" if self.reason is None or self.is_baseline else "unranked"

    @property
    def runtime(self) -> Quantity | None:
        """What was ranked by, in ms; with the test set if the ranking is `with_test`."""
        return self.costs.get("ave_time_ms")


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
    served = row.label == baseline_label or is_baseline(row, protocol)
    costs, gate = _costs(row, choices, with_test), judge_gate(row, protocol)
    runtime_name = name_runtime(row, choices.runtime, with_test)
    no_runtime = explain_missing_runtime(row, choices.runtime, with_test)
    candidate = Candidate(row, served, gate, costs, None, runtime_name, no_runtime)
    return replace(candidate, reason=_why_not(candidate, protocol, with_test))


def _costs(row: Row, choices: Choices, with_test: bool) -> Figures:
    runtime = measure_runtime(row, choices.runtime, with_test)
    costs: dict[RankFigure, Quantity] = {} if runtime is None else {"ave_time_ms": runtime}
    for name, key in KEYS.items():
        if (value := official_figure(row, key)) is not None and value >= 0:
            costs[name] = Quantity.exact(value)
    return costs | metric_figures(row) | real_time_figures(row)


def _why_not(candidate: Candidate, protocol: Protocol, with_test: bool) -> str | None:
    row, gate = candidate.row, candidate.gate
    if row.failure is not None:
        return f"{row.failure.stage}: {row.failure.reason}"
    if row.disqualified is not None:
        return f"disqualified: {row.disqualified}"
    if row.record and not fits(row, protocol):
        scales = " and ".join(f"x{scale}" for scale in protocol.scales)
        return f"x{row.record.sidecar.scale}, the challenge is {scales}"
    if gate.passed is False:
        return gate.reason
    if (over := _over_budget(candidate.costs, protocol)) is not None:
        return over
    if with_test and not has_test(row):
        return "not measured on the test set, as others were"
    return candidate.explain_missing(protocol.tracks[0].terms)


def _over_budget(costs: Figures, protocol: Protocol) -> str | None:
    """Say what a submission costs more than it may; what was not counted cannot be allowed."""
    budget = protocol.budget
    limits: dict[RankFigure, float | None] = {}
    if budget is not None:
        limits = {"params_m": budget.params_m, "flops_g": budget.flops_g}
    size = "x".join(map(str, protocol.complexity_input))
    for name, limit in limits.items():
        if limit is None:
            continue
        word, unit = FIGURE_NAMES[name], "M" if name == "params_m" else "G"
        at = f" at {size}" if name == "flops_g" else ""
        if name not in costs:
            return f"{word} not counted, and at most {limit:g} {unit}{at} may be ranked"
        if costs[name].value > limit:
            return f"{costs[name].value:g} {unit} {word}{at}, at most {limit:g} {unit}"
    return None


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
    if int(match[1]) not in (protocol.baseline.model_id, protocol.baseline.shipped_id):
        return False
    return match[2].lower().startswith(protocol.baseline.name.lower())
