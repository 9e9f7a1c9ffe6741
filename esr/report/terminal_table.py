"""The leaderboard fitted to a terminal: as many whole columns as it has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import wrap

from rich.box import Box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from esr.base.visible_text import one_line
from esr.report.column import ESSENTIAL
from esr.report.formats import LEADERBOARD
from esr.report.remarks import MARK
from esr.report.sheet import Claim, Sheet, SheetLine

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


@dataclass(frozen=True)
class _Layout:
    shown: list[int]
    """Columns, from left to right."""
    widths: list[int]
    left_out: list[int] = field(default_factory=list)


def leaderboard(sheet: Sheet, width: int) -> RenderableType:
    """Lay out a table, or a block a row where not even the essential columns have room.

    Args:
        sheet: the leaderboard.
        width: characters of the terminal.
    """
    layout = _fit(sheet, width)
    if layout is None:
        return _blocks(sheet)
    return _with_left_out(_table(sheet, layout), sheet, layout.left_out)


def _with_left_out(table: Table, sheet: Sheet, left_out: Sequence[int]) -> RenderableType:
    if not left_out:
        return table
    # The file's titles, without their units.
    found = (sheet.columns[index].title.partition(" [")[0] for index in left_out)
    titles = ", ".join(map(one_line, found))
    return Group(table, Text(f"also in {LEADERBOARD.name}: {titles}", style="dim"))


def _fit(sheet: Sheet, width: int) -> _Layout | None:
    """Choose columns; a name may be folded, a number never: half of one reads as another."""
    narrowest = [_narrowest(sheet, index) for index in range(len(sheet.columns))]
    full_name = min(narrowest[sheet.model], _NAME_AT_MOST)
    queue = sorted(range(len(narrowest)), key=lambda index: sheet.columns[index].priority or 0)
    others = [index for index in queue if index != sheet.model]
    free = width - full_name
    shown, left_out = [sheet.model], []
    for index in others:
        needed = narrowest[index] + _GAP
        essential = (sheet.columns[index].priority or 0) <= ESSENTIAL
        if essential or needed <= free:
            shown.append(index)
            free -= needed
        else:
            left_out.append(index)
    narrowest[sheet.model] = full_name + min(free, 0)
    if narrowest[sheet.model] < min(full_name, _NAME_AT_LEAST):
        return None
    shown.sort()
    return _Layout(shown, [narrowest[index] for index in shown], sorted(left_out))


def _narrowest(sheet: Sheet, index: int) -> int:
    cells = [cell for line in sheet.lines for cell in _cells(line, index, sheet.model)]
    return max(map(cell_len, [*sheet.headings[index].split(), *cells]), default=0)


def _cells(line: SheetLine, index: int, model: int) -> list[str]:
    """What stands in a column: the figure and the claim below it."""
    if not any(line.claims):
        return [line.cells[index]]
    return [line.cells[index], CLAIMED if index == model else _padded(line.claims[index])]


def _padded(claim: Claim | None) -> str:
    """Leave room where other claims have a mark, so that digits stand below digits."""
    if claim is None:
        return ""
    return str(claim) if claim.differs else f"{claim} "


def _table(sheet: Sheet, layout: _Layout) -> Table:
    table = Table(box=_BOX, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    headings = [
        wrap(sheet.headings[index], width)
        for index, width in zip(layout.shown, layout.widths, strict=True)
    ]
    height = max(map(len, headings))
    for index, width, heading in zip(layout.shown, layout.widths, headings, strict=True):
        # rich would align figures beside a folded name as it aligns headings.
        lowered = "\n".join([*[""] * (height - len(heading)), *heading])
        right = bool(sheet.columns[index].format)
        table.add_column(
            Text(lowered), justify="right" if right else "left", overflow="fold", width=width
        )
    for line, following in zip(sheet.lines, [*sheet.lines[1:], None], strict=True):
        among_others = line.standing.is_baseline and len(sheet.lines) > 1
        style = "italic" if among_others else _STYLES[line.standing.section]
        _add(table, line, style, layout.shown, sheet.model)
        if following and following.standing.section != line.standing.section:
            table.add_section()
    return table


def _add(table: Table, line: SheetLine, style: str, shown: Sequence[int], model: int) -> None:
    for row in zip(*(_cells(line, index, model) for index in shown), strict=True):
        table.add_row(*(_text(cell, style) for cell in row))
        style = "dim"


def _text(cell: str, style: str) -> Text:
    return Text(cell, style="bold red" if cell.endswith(MARK) and style == "dim" else style)


def _blocks(sheet: Sheet) -> RenderableType:
    shown = [i for i, column in enumerate(sheet.columns) if (column.priority or 0) <= _IN_BLOCKS]
    blocks = Table(box=None, show_header=False, pad_edge=False)
    blocks.add_column(no_wrap=True)
    blocks.add_column(overflow="fold")
    for line in sheet.lines:
        for index in shown:
            if cell := line.cells[index]:
                claim = line.claims[index]
                claimed = "" if claim is None else f" (claimed {claim})"
                blocks.add_row(Text(sheet.headings[index]), Text(cell + claimed))
        blocks.add_row()
    left_out = [index for index in range(len(sheet.columns)) if index not in shown]
    return _with_left_out(blocks, sheet, left_out)
