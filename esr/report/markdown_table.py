"""`leaderboard.md`: the rounded leaderboard for GitHub, claims and remarks below the figures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tabulate import tabulate

from esr.base.visible_text import one_line
from esr.report.board import Board, Line
from esr.report.ranking_columns import NO_RANK

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


def render_markdown(board: Board) -> str:
    """Say the leaderboard in GitHub's Markdown."""
    return "\n\n".join(_write_paragraphs(board)) + "\n"


def _write_paragraphs(board: Board) -> Iterator[str]:
    yield f"# Leaderboard by the rules of {escape_markdown(board.ranking.protocol.name)}"
    if ranked := board.list_section("ranked"):
        yield _write_table(board, ranked)
    if unranked := board.list_section("unranked"):
        yield "## Not ranked"
        yield _write_table(board, unranked, reasons=True)
    if failed := board.list_section("failed"):
        yield "## Failed"
        yield _write_failures(failed)
    if board.remarks:
        yield "## Remarks"
        yield "\n".join(f"- {_write_item(remark)}" for remark in board.remarks)


def _write_table(board: Board, lines: Sequence[Line], *, reasons: bool = False) -> str:
    shown = [
        index
        for index in board.shown
        if any(line.cells[index].text not in ("", NO_RANK) for line in lines)
    ]
    headings = [escape_markdown(board.columns[index].heading) for index in shown]
    alignment = ["right" if board.columns[index].format else "left" for index in shown]
    rows = [row for line in lines for row in _write_rows(board, line, shown, reasons)]
    if reasons:
        headings, alignment = [*headings, "Reason"], [*alignment, "left"]
    return write_pipes(rows, headings, alignment)


def _write_rows(
    board: Board, line: Line, shown: Sequence[int], reasons: bool
) -> Iterator[list[str]]:
    """The figures, and below them what the factsheet claims."""
    figures = [escape_markdown(line.cells[index].text) for index in shown]
    reason = escape_markdown(one_line(line.standing.reason or ""))
    yield [*figures, reason] if reasons else figures
    if board.has_claims(line):
        claims = [escape_markdown(line.cells[index].claim_text) for index in shown]
        claims[shown.index(board.model)] = "*claimed*"
        yield claims


def _write_failures(lines: Sequence[Line]) -> str:
    rows = [
        [escape_markdown(line.name), failure.stage, escape_markdown(one_line(failure.reason))]
        for line in lines
        if (failure := line.standing.row.failure)
    ]
    return write_pipes(rows, ["Model", "Stage", "Reason"], ["left"] * 3)


def write_pipes(
    rows: Sequence[Sequence[str]], headings: Sequence[str], alignment: Sequence[str]
) -> str:
    """Write a table of cells that are escaped already.

    Args:
        rows: a text a column.
        headings: one a column.
        alignment: `left` or `right`, one a column.
    """
    return tabulate(rows, headings, tablefmt="pipe", colalign=alignment, disable_numparse=True)


def _write_item(text: str) -> str:
    if start := _BLOCK.match(text):
        # The backslash of a number stands before its dot.
        return f"{start[0][:-1]}\\{start[0][-1]}{escape_markdown(text[start.end() :])}"
    return escape_markdown(text)


def escape_markdown(text: str) -> str:
    """Escape what Markdown, GitHub or HTML would give a meaning within a line."""
    text = _MEANINGFUL.sub(lambda match: f"\\{match[0]}", text)
    return _LINKING.sub(lambda match: _HTML[match[0]], text)
