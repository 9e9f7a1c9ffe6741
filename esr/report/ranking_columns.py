"""Columns that a protocol adds: ranks, scores, ties, gate, runtimes with intervals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from esr.challenge.protocol import Track
from esr.rank.figures import Quantity, warm_runtime
from esr.rank.ranking import Placing, Ranking, Standing
from esr.rank.scores import ABSOLUTE
from esr.report.column import Column, Value
from esr.report.placing import rank_text, score_text, warm_text

_GATE = {True: "passed", False: "failed", None: None}


def ranking_columns(ranking: Ranking) -> list[Column]:
    """List what a ranking says of each row; a table shows ranks if several rows are ranked."""
    several = sum(standing.section == "ranked" for standing in ranking.standings) > 1
    columns = [
        column
        for index, track in enumerate(ranking.protocol.tracks)
        for column in _track_columns(track, index, several)
    ]
    ranked_by = ranking.choices.runtime
    return [
        *columns,
        Column("Not ranked because", lambda s: None if s.section == "failed" else s.reason),
        Column("Baseline", lambda s: "baseline" if s.is_baseline else None),
        _margin("Val", lambda s: s.gate.val_margin_db),
        _margin("Test", lambda s: s.gate.test_margin_db),
        Column("Gate", lambda s: _GATE[s.gate.passed]),
        Column("Ranked runtime [ms]", lambda s: s.runtime.value if s.runtime else None, ".2f"),
        Column("Runtime low [ms]", lambda s: _end(s.runtime, "low"), ".2f"),
        Column("Runtime high [ms]", lambda s: _end(s.runtime, "high"), ".2f"),
        Column(
            "Warm Time [ms]",
            lambda s: warm.value if (warm := warm_runtime(s.row)) else None,
            ".2f",
            priority=2 if ranked_by == "robust" else 5,
            text=warm_text,
        ),
        Column("Warm low [ms]", lambda s: _end(warm_runtime(s.row), "low"), ".2f"),
        Column("Warm high [ms]", lambda s: _end(warm_runtime(s.row), "high"), ".2f"),
    ]


def _margin(title: str, value: Callable[[Standing], Value]) -> Column:
    heading = f"{title} margin [dB]"
    return Column(f"{title} gate margin [dB]", value, "+.3f", priority=12, heading=heading)


def _end(runtime: Quantity | None, end: str) -> float | None:
    """An end of a runtime's interval; a single run has none."""
    if runtime is None or runtime.low == runtime.high:
        return None
    return float(getattr(runtime, end))


def _track_columns(track: Track, index: int, several: bool) -> list[Column]:
    def of_placing(value: Callable[[Placing], Value]) -> Callable[[Standing], Value]:
        return lambda standing: value(standing.placings[index])

    name = track.name
    first = index == 0
    # The score of a single figure says what the figure says.
    alone = track.score in ABSOLUTE
    tells_more = (several or alone) and len(track.terms) > 1
    columns = [
        Column(
            f"Rank {name}",
            of_placing(lambda p: p.rank),
            "d",
            priority=(0 if first else 11) if several else None,
            text=partial(rank_text, track=index),
            heading="Rank" if first else "",
        ),
        Column(
            f"Score {name}",
            of_placing(lambda p: p.score.value if p.score else None),
            ".4g",
            priority=(5 if first or alone else 11) if tells_more else None,
            text=partial(score_text, track=index),
        ),
        Column(f"Tie {name}", of_placing(lambda p: p.tie), "d"),
    ]
    log = of_placing(lambda p: p.score.log if p.score else None)
    return [
        *columns,
        Column(f"ln Score {name}", log, ".3f"),
        Column(f"Not ranked in {name} because", of_placing(lambda p: p.reason)),
    ]
