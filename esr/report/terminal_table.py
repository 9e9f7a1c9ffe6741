"""The leaderboard fitted to a terminal: as many whole columns as it has room for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

from rich.box import Box
from rich.cells import cell_len
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from esr.base.word_wrap import wrap_name
from esr.report.board import Board, Line
from esr.report.cell import ESSENTIAL, MARK, Cell
from esr.report.csv_table import CSV_FILE

CLAIMED = "  claimed"

_GAP = 2
_NAME_AT_LEAST = 9
_NAME_AT_MOST = 28
"""Longer names are folded: they must not push figures off the screen."""

_IN_BLOCKS = 10
"""Priority up to which a column has its line in a block: the official ones have."""

_BOX = Box("    \n    \n ── \n    \n ── \n ── \n    \n    \n")
"""A line below the head and between sections."""

_STYLES = {"ranked": "", "unranked": "dim", "failed": "red"}


def lay_out_leaderboard(board: Board, width: int) -> RenderableType:
    """Lay out a table, or a block a row where not even the essential columns have room.

    Args:
        board: the leaderboard.
        width: characters of the terminal.
    """
    widths, chosen = _fit(board, width), list_fitting(board, width)
    table = _lay_out_blocks(board, chosen) if widths is None else _lay_out_table(board, widths)
    left_out = [board.columns[index] for index in board.shown if index not in chosen]
    if not left_out:
        return table
    names = ", ".join(column.name for column in left_out)
    renamed = {column.set_name for column in left_out} - {""}
    called = "".join(f", where {dataset} is Val" for dataset in renamed)
    return Group(table, Text(f"also in {CSV_FILE}{called}: {names}", style="dim"))


def list_fitting(board: Board, width: int) -> list[int]:
    """List the columns that `lay_out_leaderboard` shows, by their positions on the board."""
    if (widths := _fit(board, width)) is not None:
        return list(widths)
    return [index for index in board.shown if _get_priority(board, index) <= _IN_BLOCKS]


def _fit(board: Board, width: int) -> dict[int, int] | None:
    """Choose columns; a name may be folded, a number never: half of one reads as another.

    Returns:
        the width of each by its position on the board, from left to right
    """
    narrowest = {index: _measure(board, index) for index in board.shown}
    full_name = min(narrowest[board.model], _NAME_AT_MOST)
    free = width - full_name
    chosen, full_at = {board.model}, None
    for index in sorted(board.shown, key=lambda index: _get_priority(board, index)):
        if index == board.model:
            continue
        needed, priority = narrowest[index] + _GAP, _get_priority(board, index)
        # What matters less has no place where something has had none.
        fits = needed <= free and full_at in (None, priority)
        if priority <= ESSENTIAL or fits:
            chosen.add(index)
            free -= needed
        elif full_at is None:
            full_at = priority
    narrowest[board.model] = full_name + min(free, 0)
    if narrowest[board.model] < min(full_name, _NAME_AT_LEAST):
        return None
    return {index: narrowest[index] for index in board.shown if index in chosen}


def _get_priority(board: Board, index: int) -> int:
    return board.columns[index].priority or 0


def _measure(board: Board, index: int) -> int:
    """Tell the characters that a column's longest word or cell takes."""
    texts = [text for line in board.lines for text in _stack_texts(board, line, index)]
    return max(map(cell_len, [*board.columns[index].heading.split(), *texts]), default=0)


def _stack_texts(board: Board, line: Line, index: int) -> list[str]:
    """What stands in a column: the figure and the claim below it."""
    cell = line.cells[index]
    if not board.has_claims(line):
        return [cell.text]
    return [cell.text, CLAIMED if index == board.model else _pad_claim(cell)]


def _pad_claim(cell: Cell) -> str:
    """Leave room where other claims have a mark, so that digits stand below digits."""
    return cell.claim_text if cell.claim is None or cell.differs else f"{cell.claim_text} "


def _lay_out_table(board: Board, widths: Mapping[int, int]) -> Table:
    table = Table(box=_BOX, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    headings = {index: wrap(board.columns[index].heading, widths[index]) for index in widths}
    height = max(map(len, headings.values()))
    for index, heading in headings.items():
        # rich would align figures beside a folded name as it aligns headings.
        lowered = "\n".join([*[""] * (height - len(heading)), *heading])
        justify: JustifyMethod = "right" if board.columns[index].format else "left"
        table.add_column(Text(lowered), justify=justify, overflow="fold", width=widths[index])
    for line, following in zip(board.lines, [*board.lines[1:], None], strict=True):
        _add_line(table, board, line, widths)
        if following and following.standing.section != line.standing.section:
            table.add_section()
    return table


def _add_line(table: Table, board: Board, line: Line, columns: Mapping[int, int]) -> None:
    among_others = line.standing.is_baseline and len(board.lines) > 1
    style = "italic" if among_others else _STYLES[line.standing.section]
    stacks = (_stack_texts(board, line, index) for index in columns)
    for texts in zip(*stacks, strict=True):
        wrapped = (
            wrap_name(text, columns[index]) if index == board.model else text
            for index, text in zip(columns, texts, strict=True)
        )
        table.add_row(*(_style_text(text, style) for text in wrapped))
        style = "dim"


def _style_text(text: str, style: str) -> Text:
    return Text(text, style="bold red" if text.endswith(MARK) and style == "dim" else style)


def _lay_out_blocks(board: Board, columns: Sequence[int]) -> Table:
    blocks = Table(box=None, show_header=False, pad_edge=False)
    blocks.add_column(no_wrap=True)
    blocks.add_column(overflow="fold")
    for line in board.lines:
        for index in columns:
            cell = line.cells[index]
            if cell.text:
                claimed = "" if cell.claim is None else f" (claimed {cell.claim_text})"
                blocks.add_row(Text(board.columns[index].heading), Text(cell.text + claimed))
        blocks.add_row()
    return blocks
