"""The terminal: leaderboard, list of submissions, how each one ended."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from utils.board import Board, Line
from utils.columns import Column, Value
from utils.record import Failure, Outcome
from utils.remarks import MARK
from utils.submission import Broken, Entry

_CLAIMED = "  claimed"
_NAME_AT_LEAST = 9
"""Letters of a name that stand in one line, however narrow the terminal."""


def leaderboard(board: Board, console: Console) -> Table:
    """Lay out the leaderboard for a terminal: a table, or a block a row where it is too narrow."""
    shown = [
        (index, column)
        for index, column in enumerate(board.columns)
        if column.shown({line.values[index] for line in board.lines})
    ]
    columns = [column for _, column in shown]
    cells = [text for line in board.lines for text in _lines(shown, line)]
    widths = [
        _narrowest(column, values)
        for column, values in zip(columns, zip(*cells, strict=True), strict=True)
    ]
    if sum(widths) + len(widths) <= console.width:
        right = [column.title for column in columns if column.format]
        table = _table([column.title for column in columns], right, widths)
        for row in cells:
            table.add_row(*(Text(cell) for cell in row))
        return table
    blocks = Table(box=None, show_header=False, pad_edge=False)
    for row in cells:
        for column, cell in zip(columns, row, strict=True):
            blocks.add_row(Text(column.title), Text(cell))
        blocks.add_row()
    return blocks


def _narrowest(column: Column, cells: Sequence[str]) -> int:
    # A name may be folded, a number never: half of one would read as another.
    longest = max(map(len, cells))
    words = max(map(len, column.title.split()))
    return max(words, longest if column.format else min(longest, _NAME_AT_LEAST))


def _table(titles: Sequence[str], right: Collection[str], widths: Sequence[int]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for title, width in zip(titles, widths, strict=True):
        justify: JustifyMethod = "right" if title in right else "left"
        table.add_column(Text(title), justify=justify, overflow="fold", min_width=width)
    return table


def _lines(shown: Sequence[tuple[int, Column]], line: Line) -> list[list[str]]:
    """The row, and below it what its factsheet claims; a claim that differs is marked."""
    figures = [_cell(column, line.values[index]) for index, column in shown]
    claims = [_claim(column, line) for _, column in shown]
    return [figures, [_CLAIMED, *claims[1:]]] if any(claims) else [figures]


def _claim(column: Column, line: Line) -> str:
    claim = line.claims.get(column.title)
    if claim is None:
        return ""
    return f"{claim}{MARK if column.title in line.differing else ' '}"


def _cell(column: Column, value: Value) -> str:
    return "" if value is None else format(value, column.format)


def outcome_line(outcome: Outcome) -> str:
    """Say in one line how a submission ended."""
    if isinstance(outcome, Failure):
        log = f" [log: {outcome.log}]" if outcome.log else ""
        return f"{outcome.label}: failed ({outcome.stage}): {outcome.reason}{log}"
    figures = (
        f"{split.dataset} {split.score('psnr'):.2f} dB, {split.runtime_ms:.2f} ms"
        for split in outcome.splits
    )
    return f"{outcome.label}: {'; '.join(figures)}"


def listing(entries: Iterable[Entry]) -> Table:
    """Lay out what `--list` shows: every submission, and what is wrong with it."""
    titles = ("ID", "Name", "Team", "Scale", "Checkpoint", "State")
    table = _table(titles, ("ID", "Scale"), [len(title) for title in titles])
    for entry in entries:
        table.add_row(*(Text(cell) for cell in _listing_cells(entry)))
    return table


def _listing_cells(entry: Entry) -> tuple[str, ...]:
    if isinstance(entry, Broken):
        number = "" if entry.model_id is None else str(entry.model_id)
        return number, entry.label, "", "", "", f"broken: {entry.reason}"
    return (
        str(entry.model_id),
        entry.name,
        entry.sidecar.team.name or "",
        f"x{entry.sidecar.scale}",
        entry.checkpoint.name if entry.checkpoint else "missing",
        entry.problem or "ready",
    )


def print_leaderboard(board: Board, save_dir: Path) -> None:
    """Print the leaderboard, what it cannot say, and where everything was written."""
    console = Console(highlight=False)
    console.print(leaderboard(board, console))
    for line in (*board.remarks, f"Everything is in {save_dir}"):
        console.print(line, markup=False, soft_wrap=True)


def print_listing(entries: Iterable[Entry]) -> None:
    """Print what `--list` shows."""
    Console(highlight=False).print(listing(entries))


def print_outcome(outcome: Outcome) -> None:
    """Print how a submission ended."""
    Console(highlight=False).print(outcome_line(outcome), markup=False, soft_wrap=True)
