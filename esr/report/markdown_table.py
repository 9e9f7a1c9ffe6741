"""`leaderboard.md`: the rounded leaderboard for GitHub, claims and remarks below the figures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tabulate import tabulate

from esr.base.visible_text import one_line
from esr.report.board import Board
from esr.report.placing import NO_RANK
from esr.report.sheet import Sheet, SheetLine, sheet

_MEANINGFUL = re.compile(
    r"""[\\`*|~$]                             # emphasis, code, cells, mathematics
    |(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])     # within a word it means nothing
    |\[(?![A-Za-z]{1,3}\](?![(\[:]))         # links, but for units
    """,
    re.VERBOSE,
)
_BLOCK = re.compile(r"[#+=-]|\d+[.)]")
"""What begins a heading or a list where it begins a line."""

_HTML = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;", ":": "&#58;", ".": "&#46;"}
_LINKING = re.compile(r"[<>&@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""What begins HTML, mentions a person, or makes a link without being asked to."""


def render(board: Board) -> str:
    """Say the leaderboard in GitHub's Markdown."""
    return "\n\n".join(_paragraphs(board)) + "\n"


def _paragraphs(board: Board) -> Iterator[str]:
    whole = sheet(board)
    yield f"# Leaderboard by the rules of {escaped(board.ranking.protocol.name)}"
    if ranked := whole.section("ranked"):
        yield _table(whole, ranked)
    if unranked := whole.section("unranked"):
        yield "## Not ranked"
        yield _table(whole, unranked, reasons=True)
    if failed := whole.section("failed"):
        yield "## Failed"
        yield _failures(failed)
    if board.remarks:
        yield "## Remarks"
        yield "\n".join(f"- {_item(remark)}" for remark in board.remarks)


def _table(whole: Sheet, lines: Sequence[SheetLine], *, reasons: bool = False) -> str:
    shown = [
        index
        for index in range(len(whole.columns))
        if any(line.cells[index] not in ("", NO_RANK) for line in lines)
    ]
    headings = [escaped(whole.headings[index]) for index in shown]
    alignment = ["right" if whole.columns[index].format else "left" for index in shown]
    rows = [row for line in lines for row in _rows(line, shown, whole.model, reasons)]
    if reasons:
        headings, alignment = [*headings, "Reason"], [*alignment, "left"]
    return _pipes(rows, headings, alignment)


def _rows(line: SheetLine, shown: Sequence[int], model: int, reasons: bool) -> Iterator[list[str]]:
    """The figures, and below them what the factsheet claims."""
    figures = [escaped(line.cells[index]) for index in shown]
    yield [*figures, escaped(one_line(line.standing.reason or ""))] if reasons else figures
    if any(line.claims):
        claims = {index: claim for index in shown if (claim := line.claims[index])}
        yield ["*claimed*" if i == model else escaped(str(claims.get(i, ""))) for i in shown]


def _failures(lines: Sequence[SheetLine]) -> str:
    rows = [
        [escaped(line.name), failure.stage, escaped(one_line(failure.reason))]
        for line in lines
        if (failure := line.standing.row.failure)
    ]
    return _pipes(rows, ["Model", "Stage", "Reason"], ["left"] * 3)


def _pipes(rows: Sequence[Sequence[str]], headings: Sequence[str], alignment: list[str]) -> str:
    return tabulate(rows, headings, tablefmt="pipe", colalign=alignment, disable_numparse=True)


def _item(text: str) -> str:
    if start := _BLOCK.match(text):
        # The backslash of a number stands before its dot.
        return f"{start[0][:-1]}\\{start[0][-1]}{escaped(text[start.end() :])}"
    return escaped(text)


def escaped(text: str) -> str:
    """Escape what Markdown, GitHub or HTML would give a meaning within a line."""
    text = _MEANINGFUL.sub(lambda found: f"\\{found[0]}", text)
    return _LINKING.sub(lambda found: _HTML[found[0]], text)
