"""Why a figure is unknown: every empty cell that people see has a reason on the same screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from esr.base.visible_text import name, name_some, one_line
from esr.images.metrics import METRICS
from esr.rank.entrants import outside
from esr.rank.ranking import Ranking, Standing
from esr.records.record import Record
from esr.records.timing_samples import STEADY, WARM
from esr.report.cell import Column
from esr.report.claims import PREFIXES

COUNTED = ("FLOPs [G]", "Acts [M]", "Conv")
"""What counters fill: missed even where no row has it, and the column is not there."""

_SETS = {"Val": "the validation set", "Test": "the test set"}


def explain_empty_cell(column: Column, standing: Standing, ranking: Ranking) -> str:
    """Say in one line why a submission's figure is unknown.

    Args:
        column: that has no value for it.
        standing: of the submission, which was measured at least once.
        ranking: the rules, and the baseline.
    """
    return one_line(_explain(column.title, standing, ranking))


def _explain(title: str, standing: Standing, ranking: Ranking) -> str:
    if title.startswith("Score "):
        return _explain_score(title, standing, ranking)
    if title.endswith("gate margin [dB]"):
        return standing.gate.reason or "not measured on the gate's data set"
    if title == "Ranked runtime [ms]":
        return standing.explain_missing(["ave_time_ms"]) or "not measured"
    if title == "Ave Time [ms]":
        return "it is the mean over validation and test set, and one is missing"
    record = standing.row.record
    if record is None:
        return "the results that were read do not hold it"
    if title in COUNTED:
        return _explain_counts(title, record, ranking)
    return _explain_measured(title, record)


def _explain_score(title: str, standing: Standing, ranking: Ranking) -> str:
    names = [track.name for track in ranking.protocol.tracks]
    placing = standing.placings[names.index(title.removeprefix("Score "))]
    if reason := placing.reason or standing.reason:
        return reason
    if ranking.baseline_problem:
        return f"the baseline {ranking.baseline_problem}"
    return "it is relative to a baseline, and there is none"


def _explain_counts(title: str, record: Record, ranking: Ranking) -> str:
    """Quote the counter that should have filled a cell, or all that any counter says."""
    counter = ranking.protocol.flops_counter if title == "FLOPs [G]" else "official"
    notes = record.counts.notes
    by_counter = [note for note in notes if note.startswith(f"{counter}:")]
    return "; ".join(by_counter or notes) or f"the {counter} counter does not say why"


def _explain_measured(title: str, record: Record) -> str:
    if title == "Mem [M]" and record.clock == "perf_counter":
        return "it is memory of a GPU, and this was measured on a CPU"
    if title.startswith(("Warm ", "Steady ")) and _is_left_out(title, record):
        return "left out, the time was spent (--time_budget)"
    if title.startswith(("Warm ", "Steady ")) and record.is_folder_call:
        return "it reads and writes images, and only the whole call is timed"
    if title.startswith("Warm "):
        return "no repeats on every set that counts (--repeats)"
    if title == "Drift [%]":
        return "measured without a baseline around it (--interleave)"
    if title.startswith("Input "):
        notes = record.fixed_input.notes if record.fixed_input else ()
        return "; ".join(notes) or "no fixed input was run, or not in this precision"
    return _explain_split(title, record)


def _is_left_out(title: str, record: Record) -> bool:
    passes = WARM if title.startswith("Warm ") else STEADY
    return any(what.startswith(passes) for what in record.left_out)


def _explain_split(title: str, record: Record) -> str:
    """Say why there is no figure of a data set."""
    roles = {PREFIXES.get(split.role, split.role) for split in record.splits}
    prefixes = [prefix for prefix in (*_SETS, *roles) if title.startswith(f"{prefix} ")]
    for prefix in prefixes:
        if prefix not in roles:
            return f"not measured on {_SETS[prefix]}"
        metric = title.removeprefix(f"{prefix} ").lower()
        if metric in METRICS:
            return f"not asked for (--metrics {metric}), or undefined"
    return "not measured"


def list_empty_cells(
    reasons: Sequence[tuple[Standing, Mapping[str, str]]], ranking: Ranking
) -> Iterator[str]:
    """Say what is empty and why, a line for all submissions that lack the same for one reason.

    Args:
        reasons: of each submission, by the heading of every column that is empty.
        ranking: whose tracks may each be about another scale or data set.
    """
    tracks = ranking.protocol.tracks
    elsewhere = {outside(standing.row, track) for standing, _ in reasons for track in tracks}
    if any(reason in elsewhere for _, by_heading in reasons for reason in by_heading.values()):
        yield "Who was measured at another scale, or on another data set, has no score in a track."
    lacking: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for standing, by_heading in reasons:
        told = one_line(standing.reason or "")
        ordered = sorted(by_heading, key=lambda heading: by_heading[heading])
        for reason, headings in groupby(ordered, key=lambda heading: by_heading[heading]):
            # Which remarks of their own say.
            if reason != told and reason not in elsewhere:
                lacking.setdefault((tuple(headings), reason), []).append(name(standing.row.name))
    for (titles, reason), labels in lacking.items():
        who = name_some(labels)
        yield f"{who} {'has' if len(labels) == 1 else 'have'} no {', '.join(titles)}: {reason}"
