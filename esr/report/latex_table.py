"""`leaderboard.tex`: the results table of a challenge report, for LaTeX with booktabs.

As in the report of 2022: the rank of a track stands as a subscript at the figure or score that it
ranks by; the best figure of the ranked is bold and the second best underlined. Below them stand the
baseline, out of competition, and the unranked; then, since a paper has no other file of ours, what
forbids a comparison and why rows are not ranked. Claims stand in the other files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from esr.challenge.protocol import Protocol, Track
from esr.images.metrics import METRICS, Metric
from esr.rank.entrants import KEYS
from esr.rank.psnr_gate import GateVerdict
from esr.rank.ranking import Ranking
from esr.records.official_results import COLUMNS
from esr.report.board import Board, Line
from esr.report.cell import Column
from esr.report.columns import OFFICIAL
from esr.report.ranking_columns import BASE, NO_RANK, format_rank
from esr.report.row_marks import ROW_MARKS, explain_marks
from esr.report.table_notes import write_notes

_HEAD = r"""%% Needs \usepackage{booktabs}; read it in with \input{leaderboard.tex}.
\begin{table*}[t]
\centering
\caption{%s}
\vspace{3pt}
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
%s\end{table*}
"""

_NOTES = r"""\par\smallskip
\parbox{\textwidth}{\raggedright %s}
"""

_MEANINGFUL = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "±": r"$\pm$",
    **dict(zip(ROW_MARKS.values(), (r"$^\ddagger$", r"$^\dagger$"), strict=False)),
    # An optional argument or a star, where they begin a row.
    "[": "{[}",
    "*": "{*}",
    # Ligatures, and a letter that packages for German make a command.
    "-": "{-}",
    "`": "{`}",
    "'": "{'}",
    '"': "{''}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
}

_LETTERS = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ")
"""Letters beyond ASCII that every LaTeX prints without a further package."""


@dataclass(frozen=True)
class _LatexColumn:
    """A column of this table."""

    index: int
    """Its position on the board."""
    column: Column
    track: int | None
    """Whose ranks stand here as subscripts."""


def render_latex(board: Board) -> str:
    """Say the leaderboard in LaTeX."""
    columns = _choose_columns(board)
    headings = " &\n".join(_stack_words(shown.column.heading) for shown in columns)
    alignment = "".join("r" if shown.column.format else "l" for shown in columns)
    caption = (
        f"Results by the rules of {escape_latex(board.ranking.protocol.name)}. Subscripts are"
        " ranks. The best figure among ranked rows is bold, the second best underlined."
    )
    if marks := explain_marks([line.standing.row for line in board.lines]):
        caption += f" {escape_latex(marks)}"
    head = _HEAD % (caption, alignment, headings)
    groups = [group for group in _write_groups(board, columns) if group]
    body = "\\midrule\n".join("".join(group) for group in groups)
    return head + body + _TAIL % _write_notes(board)


def _write_notes(board: Board) -> str:
    unranked = board.list_section("unranked")
    by_gate = bool(unranked) and _fail_gate_alone(unranked, board.ranking.protocol)
    notes = [escape_latex(note) for note in write_notes(board, with_reasons=not by_gate)]
    return _NOTES % " ".join(notes) if notes else ""


def _choose_columns(board: Board) -> list[_LatexColumn]:
    positions = {board.columns[index].title: index for index in board.shown}
    tracks: dict[str, int] = {}
    for number, track in enumerate(board.ranking.protocol.tracks):
        titles = (t for t in _list_rank_titles(track, board.ranking) if t in positions)
        if (title := next(titles, None)) is not None:
            tracks.setdefault(title, number)
    official = [column.title for column in OFFICIAL if column.title in positions]
    sets = {column.title for column in board.columns if column.title.endswith(" set")}
    times = {f"{title.removesuffix(' set')} Time [ms]" for title in sets}
    of_sets = [title for title in positions if _find_metric(title) or title in times]
    return [
        _LatexColumn(positions[title], board.columns[positions[title]], tracks.get(title))
        for title in dict.fromkeys([*official, *of_sets, *tracks])
    ]


def _list_rank_titles(track: Track, ranking: Ranking) -> tuple[str, ...]:
    """Where a track's ranks may stand, the best place first."""
    if len(track.terms) > 1:
        return (f"Score {track.name}",)
    (name,) = track.terms
    if name != "ave_time_ms":
        key = KEYS.get(name)
        return tuple(column.title for column in COLUMNS if key is not None and column.key == key)
    shown = _SHOWN_IN.get(ranking.choices.runtime, ("Ave Time [ms]", "Val Time [ms]"))
    return ("Ranked runtime [ms]", *shown)


_SHOWN_IN = {
    "warm": ("Warm Time [ms]",),
    "steady": ("Steady Time [ms]",),
    "robust": ("Steady Time [ms]", "Warm Time [ms]"),
}
"""Columns of what ranks, where it has none of its own."""


def _stack_words(heading: str) -> str:
    """Stack a heading's words, so that a column is as narrow as its figures."""
    words = r" \\ ".join(escape_latex(word) for word in heading.split())
    return rf"\begin{{tabular}}[b]{{@{{}}c@{{}}}}{words}\end{{tabular}}"


def _write_groups(board: Board, columns: Sequence[_LatexColumn]) -> Iterator[list[str]]:
    """Lines that belong together, a rule between them."""
    ranked = [line for line in board.list_section("ranked") if not line.standing.is_baseline]
    marks = [_mark_best(column, ranked) for column in columns]
    unranked, failed = board.list_section("unranked"), board.list_section("failed")
    unmarked: list[dict[str, str]] = [{} for _ in columns]
    yield [_write_row(line, columns, marks) for line in ranked]
    baseline = [line for line in board.list_section("ranked") if line.standing.is_baseline]
    if baseline:
        title = _span(len(columns), "Baseline, out of competition:", "@{}l")
        yield [f"{title} \\\\\n", *(_write_row(line, columns, unmarked) for line in baseline)]
    if unranked:
        reason = _span(len(columns), _explain_unranked(unranked, board.ranking.protocol), "@{}l")
        yield [f"{reason} \\\\\n", *(_write_row(line, columns, unmarked) for line in unranked)]
    yield [_write_failed(line, len(columns)) for line in failed]


def _mark_best(column: _LatexColumn, lines: Sequence[Line]) -> dict[str, str]:
    """Tell how the best and the second figure are printed; figures that look alike share it."""
    keyed = [
        (key, line.cells[column.index].text)
        for line in lines
        if (key := _make_sort_key(column, line)) is not None
    ]
    best = list(dict.fromkeys(text for _, text in sorted(keyed)))
    return dict(zip(best, ("textbf", "underline"), strict=False)) if len(best) > 1 else {}


def _make_sort_key(column: _LatexColumn, line: Line) -> float | None:
    """Less is better."""
    title, value = column.column.title, line.cells[column.index].value
    if title.startswith("Score ") and column.track is not None:
        score = line.standing.placings[column.track].score
        value = score.order.value if score else None
    if not isinstance(value, int | float) or math.isnan(value):
        return None
    metric = _find_metric(title)
    return -value if metric and metric.higher_is_better else value


def _find_metric(title: str) -> Metric | None:
    return METRICS.get(title.split()[-1].lower())


def _write_row(line: Line, columns: Sequence[_LatexColumn], marks: Sequence[dict[str, str]]) -> str:
    cells = [_write_cell(line, *pair) for pair in zip(columns, marks, strict=True)]
    return " & ".join(cells) + " \\\\\n"


def _write_cell(line: Line, column: _LatexColumn, marks: dict[str, str]) -> str:
    text = line.cells[column.index].text
    figure = _write_figure(text)
    if text in marks:
        figure = rf"\{marks[text]}{{{figure}}}"
    rank = NO_RANK if column.track is None else format_rank(line.standing, column.track)
    return figure if rank in (NO_RANK, BASE) else f"{figure}{{}}$_{{({rank})}}$"


def _write_figure(text: str) -> str:
    """Write `2.94e14` as a power of ten, a minus as a minus."""
    if power := re.fullmatch(r"([0-9.]+)e\+?([0-9]+)", text):
        return rf"${power[1]}\cdot10^{{{power[2]}}}$"
    return f"${text}$" if re.fullmatch(r"-[0-9.]+", text) else escape_latex(text)


def _fail_gate_alone(unranked: Sequence[Line], protocol: Protocol) -> bool:
    return protocol.gate is not None and all(
        _is_below(line.standing.gate) and line.standing.row.disqualified is None
        for line in unranked
    )


def _is_below(gate: GateVerdict) -> bool:
    """Whether a PSNR is below the gate: one that is unknown does not pass it, either."""
    margins_db = (gate.val_margin_db, gate.test_margin_db)
    return gate.passed is False and any(db is not None and db < 0 for db in margins_db)


def _explain_unranked(unranked: Sequence[Line], protocol: Protocol) -> str:
    gate = protocol.gate
    if gate is None or not _fail_gate_alone(unranked, protocol):
        return "Not ranked, for the reasons given below the table:"
    return (
        f"The following are not ranked: their PSNR is below {gate.val_psnr_db:.2f} dB (validation)"
        f" or {gate.test_psnr_db:.2f} dB (test)."
    )


def _write_failed(line: Line, columns: int) -> str:
    failure = line.standing.row.failure
    text = f"failed ({failure.stage})" if failure else ""
    # If everybody failed, there is no column but that of names.
    rest = f"& {_span(columns - 1, text, 'l')}" if columns > 1 else text
    return f"{escape_latex(line.name)} {rest} \\\\\n"


def _span(columns: int, text: str, alignment: str) -> str:
    return rf"\multicolumn{{{columns}}}{{{alignment}}}{{{escape_latex(text)}}}"


def escape_latex(text: str) -> str:
    """Escape text for LaTeX; a letter that needs a package or another engine becomes `U+4E2D`.

    Args:
        text: one line.
    """
    return "".join(_escape_char(char) for char in text)


def _escape_char(char: str) -> str:
    if char in _MEANINGFUL:
        return _MEANINGFUL[char]
    if char.isascii() or char in _LETTERS:
        return char
    return f"U+{ord(char):04X}"
