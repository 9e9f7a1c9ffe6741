"""`leaderboard.tex`: the results table of a challenge report, for LaTeX with booktabs.

As in the report of 2022: the rank of a track stands as a subscript at the figure or score that it
ranks by; the best figure is bold and the second best underlined, the baseline out of competition;
the unranked stand below a line that says why, the baseline last. Claims stand in the other files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from esr.challenge.protocol import Protocol, Track
from esr.images.metrics import METRICS, Metric
from esr.rank.ranking import Ranking, Standing
from esr.report.board import Board
from esr.report.column import Column, Value
from esr.report.columns import OFFICIAL
from esr.report.latex_text import escaped
from esr.report.placing import BASE, NO_RANK, rank_text
from esr.report.sheet import Sheet, SheetLine, sheet

_HEAD = r"""%% Needs \usepackage{booktabs}; read it in with \input{leaderboard.tex}.
\begin{table*}[t]
\centering
\caption{%s}
\label{tab:leaderboard}
\scriptsize
\setlength{\tabcolsep}{3pt}
\begin{tabular}{@{}%s@{}}
\toprule
%s \\
\midrule
"""

_TAIL = r"""\bottomrule
\end{tabular}
\end{table*}
"""

_RANKED_BY = {
    "params_m": "Params [M]",
    "flops_g": "FLOPs [G]",
    "activations_m": "Acts [M]",
    "memory_mib": "Mem [M]",
    "num_conv": "Conv",
}
"""Columns of the figures that a track of one figure ranks by; of runtimes there are several."""


@dataclass(frozen=True)
class _Shown:
    """A column of this table."""

    index: int
    column: Column
    track: int | None
    """Whose ranks stand here as subscripts."""


def render(board: Board) -> str:
    """Say the leaderboard in LaTeX."""
    whole = sheet(board)
    shown = _columns(whole, board.ranking)
    headings = " &\n".join(_heading(whole.headings[one.index]) for one in shown)
    alignment = "".join("r" if one.column.format else "l" for one in shown)
    head = _HEAD % (_caption(board.ranking), alignment, headings)
    groups = [group for group in _groups(whole, shown, board.ranking.protocol) if group]
    return head + "\\midrule\n".join("".join(group) for group in groups) + _TAIL


def _caption(ranking: Ranking) -> str:
    name = escaped(ranking.protocol.name)
    return (
        f"Results by the rules of {name}. Subscripts are ranks. The best figure is bold, the"
        " second best underlined."
    )


def _columns(whole: Sheet, ranking: Ranking) -> list[_Shown]:
    at = {column.title: index for index, column in enumerate(whole.columns)}
    tracks: dict[str, int] = {}
    for number, track in enumerate(ranking.protocol.tracks):
        title = next((title for title in _titles(track, ranking) if title in at), None)
        if title is not None:
            tracks.setdefault(title, number)
    official = [column.title for column in OFFICIAL if column.title in at]
    quality = [title for title in at if _metric(title)]
    wanted = dict.fromkeys([*official, *quality, *tracks])
    return [_Shown(at[title], whole.columns[at[title]], tracks.get(title)) for title in wanted]


def _titles(track: Track, ranking: Ranking) -> tuple[str, ...]:
    """Where a track's ranks may stand, the best place first."""
    if len(track.terms) > 1:
        return (f"Score {track.name}",)
    (name,) = track.terms
    if name != "ave_time_ms":
        return (_RANKED_BY[name],)
    robust = ranking.choices.runtime == "robust"
    return ("Warm Time [ms]",) if robust else ("Ave Time [ms]", "Val Time [ms]")


def _heading(heading: str) -> str:
    """Stack a heading's words, so that a column is as narrow as its figures."""
    words = r" \\ ".join(escaped(word) for word in heading.split())
    return rf"\begin{{tabular}}[b]{{@{{}}c@{{}}}}{words}\end{{tabular}}"


def _groups(whole: Sheet, shown: Sequence[_Shown], protocol: Protocol) -> Iterator[list[str]]:
    """Lines that belong together, a rule between them."""
    ranked = [line for line in whole.section("ranked") if not line.standing.is_baseline]
    marks = [_marks(one, ranked) for one in shown]
    unranked, failed = whole.section("unranked"), whole.section("failed")
    plain: list[dict[str, str]] = [{} for _ in shown]
    yield [_row(line, shown, marks) for line in ranked]
    if unranked:
        why = _spanning(len(shown), _why(unranked, protocol), "@{}l")
        yield [f"{why} \\\\\n", *(_row(line, shown, plain) for line in unranked)]
    yield [_failed(line, len(shown)) for line in failed]
    baseline = [line for line in whole.section("ranked") if line.standing.is_baseline]
    yield [_row(line, shown, plain) for line in baseline]


def _marks(one: _Shown, lines: Sequence[SheetLine]) -> dict[str, str]:
    """Tell how the best and the second figure are printed; figures that look alike share it."""
    keyed = [(key, line.cells[one.index]) for line in lines if (key := _key(one, line.standing))]
    best = list(dict.fromkeys(cell for _, cell in sorted(keyed)))
    return dict(zip(best, ("textbf", "underline"), strict=False)) if len(best) > 1 else {}


def _key(one: _Shown, standing: Standing) -> tuple[float] | None:
    """Less is better."""
    title = one.column.title
    value: Value = one.column.value(standing)
    if title.startswith("Score ") and one.track is not None:
        score = standing.placings[one.track].score
        value = score.order.value if score else None
    if not isinstance(value, int | float) or math.isnan(value):
        return None
    metric = _metric(title)
    return (-value,) if metric and metric.higher_is_better else (value,)


def _metric(title: str) -> Metric | None:
    return METRICS.get(title.split()[-1].lower())


def _row(line: SheetLine, shown: Sequence[_Shown], marks: Sequence[dict[str, str]]) -> str:
    cells = [_cell(line, one, mark) for one, mark in zip(shown, marks, strict=True)]
    return " & ".join(cells) + " \\\\\n"


def _cell(line: SheetLine, one: _Shown, marks: dict[str, str]) -> str:
    text = line.cells[one.index]
    figure = _figure(text)
    if text in marks:
        figure = rf"\{marks[text]}{{{figure}}}"
    rank = NO_RANK if one.track is None else rank_text(line.standing, one.track)
    return figure if rank in (NO_RANK, BASE) else f"{figure}{{}}$_{{({rank})}}$"


def _figure(text: str) -> str:
    """Write `e^33.27` as a power, a minus as a minus."""
    if found := re.fullmatch(r"e\^([0-9.]+)", text):
        return f"$e^{{{found[1]}}}$"
    return f"${text}$" if re.fullmatch(r"-[0-9.]+", text) else escaped(text)


def _why(unranked: Sequence[SheetLine], protocol: Protocol) -> str:
    gate = protocol.gate
    if gate is None or any(line.standing.gate.passed is not False for line in unranked):
        return "The following are not ranked, for the reasons given in leaderboard.md."
    return (
        f"The following are not ranked: their PSNR is below {gate.val_psnr_db:.2f} dB (validation)"
        f" or {gate.test_psnr_db:.2f} dB (test)."
    )


def _failed(line: SheetLine, columns: int) -> str:
    failure = line.standing.row.failure
    text = f"failed ({failure.stage})" if failure else ""
    # If everybody failed, there is no column but that of names.
    rest = f"& {_spanning(columns - 1, text, 'l')}" if columns > 1 else text
    return f"{escaped(line.name)} {rest} \\\\\n"


def _spanning(columns: int, text: str, alignment: str) -> str:
    return rf"\multicolumn{{{columns}}}{{{alignment}}}{{{escaped(text)}}}"
