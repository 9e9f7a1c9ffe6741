"""How the order changes with the figure of the runtime: everybody's place under each.

Of several processes a place has its 95 % interval, `2 [1-3]`. Of one process only the images can
be drawn anew, the same for everybody: `2 (1-3)` are 95 % of the places that come out. That covers
which images were chosen and how single passes scatter; what moves a whole process cannot be known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from esr.rank.image_draws import place_by_images
from esr.rank.ranking import Ranking, Standing, rank
from esr.rank.runtimes import RUNTIMES, list_runtimes
from esr.report.ranking_columns import NO_RANK, write_ends
from esr.report.row_marks import mark_name


@dataclass(frozen=True)
class EstimatorTable:
    """Places in the first track that a runtime decides."""

    track: str
    titles: tuple[str, ...]
    """Of the runtimes."""
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    """(name of the submission, its places)"""
    note: str


_BY_PROCESSES = "[low-high]: 95 % interval of the rank, by a bootstrap over processes and rounds."
_BY_IMAGES = (
    "(low-high): 95 % of the ranks when the images are drawn anew, from one process. What moves a"
    " whole process (clocks, memory layout, other programs) cannot be known from it."
)


def compare_estimators(ranking: Ranking) -> EstimatorTable | None:
    """Rank by every runtime that there is; None if nobody could change places.

    Args:
        ranking: whose rows, rules and choices.
    """
    rows = [standing.row for standing in ranking.standings]
    tracks = [
        number
        for number, track in enumerate(ranking.protocol.tracks)
        if "ave_time_ms" in track.terms
    ]
    names = list_runtimes([s.row for s in ranking.standings if s.section == "ranked"])
    rankings = [
        rank(rows, ranking.protocol, replace(ranking.choices, runtime=word)) for word in names
    ]
    track = next((t for t in tracks if any(_count_ranked(made, t) for made in rankings)), None)
    if track is None or max(_count_ranked(made, track) for made in rankings) < 2:
        return None
    places = [_list_places(made, track) for made in rankings]
    ranked = [
        standing.row
        for standing in ranking.standings
        if any(standing.row.label in by_label for by_label in places)
    ]
    by_processes = any(s.placings[track].interval for made in rankings for s in made.standings)
    by_images = any("(" in text for by_label in places for text in by_label.values())
    notes = [_BY_PROCESSES] * by_processes + [_BY_IMAGES] * by_images
    return EstimatorTable(
        ranking.protocol.tracks[track].title,
        tuple(RUNTIMES[word].title for word in names),
        tuple(
            (mark_name(row), tuple(by_label.get(row.label, NO_RANK) for by_label in places))
            for row in ranked
        ),
        " ".join(notes),
    )


def _count_ranked(ranking: Ranking, track: int) -> int:
    return sum(standing.placings[track].rank is not None for standing in ranking.standings)


def _list_places(ranking: Ranking, track: int) -> dict[str, str]:
    ranked = [s for s in ranking.standings if s.placings[track].rank is not None]
    if any(standing.placings[track].interval for standing in ranked):
        return {s.row.label: _write_interval(s, track) for s in ranked}
    return _write_range(ranking, ranked, track)


def _write_interval(standing: Standing, track: int) -> str:
    placing = standing.placings[track]
    if placing.interval is None:
        return str(placing.rank)
    return f"{placing.rank} [{write_ends(placing.interval)}]"


def _write_range(ranking: Ranking, ranked: Sequence[Standing], track: int) -> dict[str, str]:
    ends = place_by_images(ranking, track)
    return {
        s.row.label: f"{s.placings[track].rank}"
        + (f" ({write_ends(ends[s.row.label])})" if s.row.label in ends else "")
        for s in ranked
    }
