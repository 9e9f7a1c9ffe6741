"""Columns that a protocol adds: ranks, scores, ties, gate, runtimes with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from esr.challenge.protocol import Track
from esr.rank.ranking import Placing, Ranking, Standing
from esr.rank.scores import ABSOLUTE, RELATIVE
from esr.report.cell import Column, Value
from esr.report.runtime_columns import list_runtime_columns

NO_RANK = "-"
BASE = "base"

_GATE = {True: "passed", False: "failed", None: None}
_LN_SCORE_AT_MOST = math.log(1e4)
_DIGITS = {"weighted_sum": ".4f", "product": ".4f"}
"""Of the scores of a track, as their challenges print them; `.4g` of all others."""


def list_ranking_columns(ranking: Ranking) -> list[Column]:
    """List what a ranking says of each row; a table shows ranks if several rows are ranked.

    A score is shown of one row as well, unless it is the baseline, whose score says nothing.
    """
    several = sum(standing.section == "ranked" for standing in ranking.standings) > 1
    measured = [standing for standing in ranking.standings if standing.section != "failed"]
    compared = several or any(not standing.is_baseline for standing in measured)
    columns = [
        column
        for index, track in enumerate(ranking.protocol.tracks)
        for column in _list_track_columns(track, index, several, compared)
    ]
    return [
        *columns,
        Column("Not ranked because", lambda s: None if s.section == "failed" else s.reason),
        Column("Baseline", lambda s: "baseline" if s.is_baseline else None),
        _make_margin_column("Val", lambda s: s.gate.val_margin_db),
        _make_margin_column("Test", lambda s: s.gate.test_margin_db),
        Column("Gate", lambda s: _GATE[s.gate.passed]),
        *list_runtime_columns(ranking),
    ]


def _make_margin_column(title: str, value: Callable[[Standing], Value]) -> Column:
    short_title = f"{title} margin [dB]"
    return Column(f"{title} gate margin [dB]", value, "+.3f", priority=7, short_title=short_title)


def _list_track_columns(track: Track, index: int, several: bool, compared: bool) -> list[Column]:
    """List what a track adds.

    Args:
        track: which one.
        index: its place among the tracks.
        several: whether several rows are ranked.
        compared: whether a score that is relative to a baseline says something.
    """

    def of_placing(value: Callable[[Placing], Value]) -> Callable[[Standing], Value]:
        return lambda standing: value(standing.placings[index])

    first, by_runtime = index == 0, set(track.terms) == {"ave_time_ms"}
    # The score of a single figure says what the figure says.
    alone = track.score in ABSOLUTE
    relative = compared if track.score not in RELATIVE else several
    tells_more = (relative or alone) and len(track.terms) > 1
    log = of_placing(lambda p: p.score.log if p.score else None)
    digits = _DIGITS.get(track.score, ".4g")
    return [
        Column(
            f"Rank {track.name}",
            of_placing(lambda p: p.rank),
            "d",
            priority=(0 if first else 7 if by_runtime else 11) if several else None,
            text=partial(format_rank, track=index),
            short_title="Rank" if first else f"Rank {_shorten(track)}",
        ),
        Column(
            f"Score {track.name}",
            of_placing(lambda p: p.score.value if p.score else None),
            digits,
            priority=(5 if first or alone else 11) if tells_more else None,
            text=partial(format_score, track=index, digits=digits),
            short_title=f"Score {_shorten(track)}",
        ),
        Column(f"Rank low {track.name}", of_placing(lambda p: p.interval and p.interval[0]), "d"),
        Column(f"Rank high {track.name}", of_placing(lambda p: p.interval and p.interval[1]), "d"),
        Column(f"Tie {track.name}", of_placing(_write_ties), "d"),
        Column(f"ln Score {track.name}", log, ".3f"),
        Column(f"Not ranked in {track.name} because", of_placing(lambda p: p.reason)),
    ]


def _shorten(track: Track) -> str:
    """A track's title where columns are narrow."""
    return track.title.replace("Parameters", "Params")


def format_rank(standing: Standing, track: int) -> str:
    """Say a rank, the letters of its ties and its interval, as far as they are known: `2a [1-3]`.

    The baseline is `base`, and who has no rank `-`.
    """
    if standing.is_baseline and standing.section == "ranked":
        return BASE
    placing = standing.placings[track]
    if placing.rank is None:
        return NO_RANK
    letters = "".join(map(_number_in_letters, placing.ties))
    if placing.interval is None:
        return f"{placing.rank}{letters}"
    return f"{placing.rank}{letters} [{write_ends(placing.interval)}]"


def write_ends(places: tuple[int, int]) -> str:
    """Say between which places a row stands: `1-3`, or `2` where they are the same."""
    low, high = places
    return str(low) if low == high else f"{low}-{high}"


def _write_ties(placing: Placing) -> Value:
    """One number as such, several with spaces between them."""
    if len(placing.ties) < 2:
        return placing.ties[0] if placing.ties else None
    return " ".join(map(str, placing.ties))


def _number_in_letters(number: int) -> str:
    """Number things a, b, ... z, aa, ab, ..."""
    before, last = divmod(number - 1, 26)
    return (_number_in_letters(before) if before else "") + chr(ord("a") + last)


def format_score(standing: Standing, track: int, digits: str = ".4g") -> str:
    """Say a score; as `2.94e14` where its digits would tell nothing, whatever a float can hold."""
    score = standing.placings[track].score
    if score is None or score.value is None:
        return ""
    if score.log is None:
        return format(score.value, digits)
    if score.log <= _LN_SCORE_AT_MOST:
        return f"{score.value:.2f}"
    power = math.floor(score.log / math.log(10))
    mantissa = f"{math.exp(score.log - power * math.log(10)):.2f}"
    return f"1.00e{power + 1}" if mantissa == "10.00" else f"{mantissa}e{power}"
