"""Who is first in each track: nobody before it is certain that there is a race.

A network that does next to nothing is the fastest of all. So the first of a track wins only if the
gate was judged and passed, or the track itself weighs PSNR, and only among others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from esr.challenge.protocol import QUALITY, RankFigure, Track
from esr.rank.ranking import Ranking, Standing
from esr.report.row_marks import mark_name

_UNITS: dict[RankFigure, tuple[str, str]] = {
    "ave_time_ms": (".2f", " ms"),
    "fixed_time_ms": (".2f", " ms"),
    "params_m": (".3f", " M"),
    "flops_g": (".2f", " G"),
    "activations_m": (".2f", " M activations"),
    "memory_mib": (".2f", " MiB"),
    "num_conv": (".0f", " convolutions"),
    "psnr_db": (".2f", " dB"),
    "psnr_y_x4_db": (".2f", " dB"),
}
"""How a figure is written that a track ranks by alone."""


@dataclass(frozen=True)
class Winner:
    """The first of a track, or several with the same score."""

    track: str
    names: tuple[str, ...]
    figure: str
    """What they won with: the figure of the track, or the score where that is made of several."""


def find_winners(ranking: Ranking) -> list[Winner]:
    """List the winners, in the order of the tracks; a track without one is left out."""
    return [
        winner
        for number, track in enumerate(ranking.protocol.tracks)
        for winner in _find_winner(ranking, number, track)
    ]


def _find_winner(ranking: Ranking, number: int, track: Track) -> Iterator[Winner]:
    ranked = [s for s in ranking.standings if s.placings[number].rank is not None]
    best = [standing for standing in ranked if standing.placings[number].rank == 1]
    weighs_quality = bool(set(track.terms) & set(QUALITY))
    judged = all(standing.gate.passed for standing in best)
    if len(ranked) > 1 and best and (weighs_quality or judged):
        names = tuple(mark_name(standing.row) for standing in best)
        yield Winner(track.title, names, _write_figure(best[0], number, track))


def _write_figure(standing: Standing, number: int, track: Track) -> str:
    figure = next(iter(track.terms))
    if len(track.terms) == 1 and figure in standing.costs and figure in _UNITS:
        form, unit = _UNITS[figure]
        return f"{standing.costs[figure].value:{form}}{unit}"
    score = standing.placings[number].score
    return "" if score is None or score.value is None else f"score {score.value:.4g}"
