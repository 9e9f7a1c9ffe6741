"""leaderboard.md, read by markdown-it: the tables are whole and names are only text."""

from __future__ import annotations

import re

import boards
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from esr.report.board import Board
from esr.report.markdown_table import escape_markdown, render_markdown

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
TEXT = {"text", "text_special"}


def _tables(text: str) -> list[list[list[str]]]:
    """Cells of every table, as a reader sees them; anything but text in one is an error."""
    tables: list[list[list[str]]] = []
    for token in PARSER.parse(text):
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type == "inline" and token.level == 4:
            if token.content == "*claimed*":
                tables[-1][-1].append("claimed")
                continue
            kinds = {child.type for child in token.children or []}
            assert kinds <= TEXT, (kinds, token.content)
            tables[-1][-1].append("".join(child.content for child in token.children or []))
    return tables


def _headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def test_ranked_unranked_and_failed_stand_apart() -> None:
    text = render_markdown(boards.varied())
    ranked, unranked, failed = _tables(text)
    names = [
        [row[row_model] for row in table[1:]]
        for table, row_model in ((ranked, 1), (unranked, 0), (failed, 0))
    ]
    assert names[0] == ["01_First", "claimed", "02_Second", "03_Third", "00_SPAN", "04_Slow"]
    assert names[1] == ["06_Double", "05_Poor"] or names[1] == ["05_Poor", "06_Double"]
    assert names[2] == ["07_Stale", "40_Broken"]
    assert _headings(text)[1:] == ["Not ranked", "Failed", "Remarks"]


def test_figures_are_rounded_and_claims_stand_below_with_their_marks() -> None:
    ranked = _tables(render_markdown(boards.varied()))[0]
    first, claims = (dict(zip(ranked[0], row, strict=True)) for row in ranked[1:3])
    assert (first["Rank"], first["Val PSNR"], first["Params [M]"]) == ("1", "27.02", "0.160")
    assert (claims["Params [M]"], claims["FLOPs [G]"]) == ("0.160", "9.99!")
    second = dict(zip(ranked[0], ranked[3], strict=True))
    assert second["Rank"] == "2a"


def test_the_unranked_have_their_reason() -> None:
    unranked = _tables(render_markdown(boards.varied()))[1]
    reasons = {row[0]: row[-1] for row in unranked[1:]}
    assert reasons["06_Double"] == "x2, the challenge is x4"
    assert "26.70 dB on DIV2K_LSDIR_valid, 26.90 needed" in reasons["05_Poor"]


def _seen(made: Board) -> set[str]:
    return {line.name for line in made.lines}


def test_hostile_names_are_one_cell_of_text_each() -> None:
    made = boards.hostile()
    text = render_markdown(made)
    tables = _tables(text)
    assert all(len({len(row) for row in table}) == 1 for table in tables)
    cells = {cell for table in tables for row in table for cell in row}
    # Runs of spaces are one space to a reader of Markdown.
    assert {" ".join(name.split()) for name in _seen(made)} <= {" ".join(c.split()) for c in cells}
    assert not re.search(r"<(?!/?em>)|@|www\.|://", text)


def test_hostile_remarks_are_one_item_each() -> None:
    made = boards.hostile()
    tokens = PARSER.parse(render_markdown(made).partition("## Remarks")[2])
    items = [token for token in tokens if token.type == "inline"]
    assert len(items) == len(made.remarks)
    assert {token.type for token in tokens} == {
        *("bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"),
        *("paragraph_open", "paragraph_close", "inline"),
    }
    assert {child.type for item in items for child in item.children or []} <= TEXT


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), min_size=1))
def test_any_text_is_read_as_it_was(text: str) -> None:
    text = " ".join(text.split())
    table = f"| a |\n|---|\n| {escape_markdown(text)} |\n"
    (cells,) = _tables(table) or [[["a"], [""]]]
    assert " ".join(cells[1][0].split()) == text if text else True
