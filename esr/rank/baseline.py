"""The network that scores are relative to: a row, or the published figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from esr.challenge.protocol import Protocol, RankFigure
from esr.rank.entrants import FIGURE_NAMES, PUBLISHED, Candidate, fits, is_baseline
from esr.rank.figures import Quantity, has_test
from esr.rank.scores import BY_BASELINE, Figures
from esr.records.results_folder import Row


@dataclass(frozen=True)
class Base:
    """What scores are relative to."""

    costs: Figures | None
    problem: str | None = None
    decimals: Mapping[RankFigure, int] = field(default_factory=dict)
    """Digits to which its figures are known; without them, all."""
    label: str | None = None
    """Of the row that it is; None if it is none."""


def find_baseline(rows: Sequence[Row], protocol: Protocol) -> str | None:
    """Find the protocol's own baseline among the rows."""
    labels = [row.label for row in rows if is_baseline(row, protocol)]
    # The shortest is the name itself; others may begin with it.
    return min(labels, key=len, default=None)


def counts_test(rows: Sequence[Row], protocol: Protocol, label: str | None) -> bool:
    """Decide which runtime counts: the baseline's, or that of most rows that can be ranked."""
    baseline = next((row for row in rows if row.label == label), None)
    if baseline is not None and may_serve(baseline, protocol):
        return has_test(baseline)
    able = [has_test(row) for row in rows if row.is_believed and fits(row, protocol)]
    return 2 * sum(able) > len(able)


def may_serve(row: Row, protocol: Protocol) -> bool:
    """Tell whether a row's figures may be what others are held against, whatever it lacks."""
    # Where it failed this time, an earlier record is of another session.
    return row.is_believed and fits(row, protocol)


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
    chosen = next((candidate for candidate in candidates if candidate.row.label == label), None)
    if chosen is None:
        return Base(None, "is not among the rows")
    if chosen.row.failure is not None:
        return Base(None, "failed this time")
    if chosen.row.disqualified is not None:
        return Base(None, "is disqualified")
    if not fits(chosen.row, protocol):
        return Base(None, "is of another scale")
    needed = _list_needed(protocol)
    missing = chosen.name_missing(needed) + [
        FIGURE_NAMES[name]
        for name in needed
        if name in chosen.costs and chosen.costs[name].value <= 0
    ]
    problem = f"has no {', '.join(missing)}" if missing else None
    costs = {name: cost for name, cost in chosen.costs.items() if cost.value > 0}
    return Base(costs, problem, label=label)


def _list_needed(protocol: Protocol) -> list[RankFigure]:
    """List the figures of the baseline without which a score is missing."""
    tracks = [track for track in protocol.tracks if track.score in BY_BASELINE]
    return list(dict.fromkeys(name for track in tracks for name in track.terms))


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
    first = protocol.tracks[0]
    needed = first.terms if first.score in BY_BASELINE else ()
    missing = [FIGURE_NAMES[name] for name in needed if name not in costs]
    where = "on validation and test set" if with_test else "on the validation set alone"
    problem = f"has no published {', '.join(missing)} {where}" if missing else None
    return Base(costs, problem, decimals)


def _decimals(printed: float) -> int:
    return -int(Decimal(str(printed)).as_tuple().exponent)
