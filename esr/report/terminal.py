"""The terminal: leaderboard, list of submissions, what is trusted."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from esr.base.console import stdout
from esr.base.visible_text import name, one_line
from esr.report.board import Board
from esr.report.terminal_table import lay_out_leaderboard
from esr.submissions.submission import SELECT, Broken, CloneSubmission, Entry

_LINE_AT_MOST = 4096
"""Paths and reasons are printed whole; what is longer than any path is not."""


def print_leaderboard(board: Board, save_dir: Path) -> None:
    """Print the leaderboard, what it cannot say, and where everything was written."""
    console = stdout()
    console.print()
    console.print(lay_out_leaderboard(board, console.width))
    console.print()
    for line in (*board.remarks, f"Everything is in {save_dir}"):
        print_line(line)


def print_listing(entries: Iterable[Entry]) -> None:
    """Print what `--list` shows: every submission, and what is wrong with it."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for title in ("ID", "Name", "Team", "Scale", "Checkpoint", "State"):
        justify: JustifyMethod = "right" if title in ("ID", "Scale") else "left"
        table.add_column(title, justify=justify, overflow="fold", min_width=len(title))
    for entry in entries:
        table.add_row(*(Text(one_line(cell)) for cell in _describe_entry(entry)))
    stdout().print(table)


def _describe_entry(entry: Entry) -> tuple[str, ...]:
    if isinstance(entry, Broken):
        number = "" if entry.model_id is None else str(entry.model_id)
        return number, entry.label, "", "", "", f"broken: {entry.reason}"
    if isinstance(entry, CloneSubmission):
        return str(entry.model_id), entry.label, "", "x4", f"by {SELECT}", "ready"
    return (
        str(entry.model_id),
        entry.name,
        entry.sidecar.team.name or "",
        f"x{entry.sidecar.scale}",
        entry.checkpoint.name if entry.checkpoint else "missing",
        entry.problem or "ready",
    )


def print_trust(entries: Iterable[Entry], trust: Collection[int]) -> None:
    """Say what it means that the checkpoints of some submissions are trusted."""
    for entry in entries:
        if entry.model_id in trust and not isinstance(entry, Broken):
            rights = "code in its checkpoint is run, with all your rights"
            print_line(f"{name(entry.label)}: --trust: {rights}")


def print_line(line: str) -> None:
    """Print one line, whatever is in it; the terminal folds it."""
    # As Text, since rich would read markup and emoji codes in a string.
    stdout().print(Text(one_line(line, _LINE_AT_MOST)), soft_wrap=True)
