"""The terminal: leaderboard, list of submissions, how each one ended."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from esr.base.console import stdout
from esr.base.visible_text import name, one_line
from esr.images.metrics import METRICS
from esr.records.record import Failure, Outcome, Record, SplitResult
from esr.report import terminal_table
from esr.report.board import Board
from esr.report.layer_table import print_layers
from esr.report.run_summary import summary
from esr.report.sheet import sheet
from esr.submissions.submission import SELECT, Broken, Entry, ForkSubmission

_REMARK_AT_MOST = 4096
"""Paths and reasons are printed whole; what is longer than any path is not."""


def leaderboard(board: Board, console: Console) -> RenderableType:
    """Lay out the leaderboard for a terminal."""
    return terminal_table.leaderboard(sheet(board), console.width)


def outcome_line(outcome: Outcome) -> str:
    """Say in one line how a submission ended."""
    if isinstance(outcome, Failure):
        log = f" [log: {outcome.log}]" if outcome.log else ""
        return f"{name(outcome.label)}: failed ({outcome.stage}): {outcome.reason}{log}"
    return f"{name(outcome.label)}: {_figures(outcome)}"


def _figures(record: Record) -> str:
    return "; ".join(
        f"{split.dataset} {_quality(split)}, {split.runtime_ms:.2f} ms" for split in record.splits
    )


def _quality(split: SplitResult) -> str:
    """Say every metric that was chosen; PSNR, which always is, needs no name."""
    means = ((metric, split.score(metric.name)) for metric in METRICS.values())
    return ", ".join(
        f"{'' if metric.name == 'psnr' else f'{metric.name.upper()} '}"
        f"{mean:.{metric.decimals}f} {metric.unit}".strip()
        for metric, mean in means
        if mean is not None
    )


def listing(entries: Iterable[Entry]) -> Table:
    """Lay out what `--list` shows: every submission, and what is wrong with it."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for title in ("ID", "Name", "Team", "Scale", "Checkpoint", "State"):
        justify: JustifyMethod = "right" if title in ("ID", "Scale") else "left"
        table.add_column(title, justify=justify, overflow="fold", min_width=len(title))
    for entry in entries:
        table.add_row(*(Text(one_line(cell)) for cell in _listing_cells(entry)))
    return table


def _listing_cells(entry: Entry) -> tuple[str, ...]:
    if isinstance(entry, Broken):
        number = "" if entry.model_id is None else str(entry.model_id)
        return number, entry.label, "", "", "", f"broken: {entry.reason}"
    if isinstance(entry, ForkSubmission):
        return str(entry.model_id), entry.label, "", "x4", f"by {SELECT}", "ready"
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
    console = stdout()
    console.print()
    console.print(leaderboard(board, console))
    console.print()
    for line in (*board.remarks, f"Everything is in {save_dir}"):
        _print_line(line)


def print_listing(entries: Iterable[Entry]) -> None:
    """Print what `--list` shows."""
    stdout().print(listing(entries))


def print_trust(entries: Iterable[Entry], trust: Collection[int]) -> None:
    """Say what it means that the checkpoints of some submissions are trusted."""
    for entry in entries:
        if entry.model_id in trust and not isinstance(entry, Broken):
            what = "code in its checkpoint is run, with all your rights"
            _print_line(f"{name(entry.label)}: --trust: {what}")


def print_outcome(outcome: Outcome) -> None:
    """Print how a submission ended, and what its layers cost if that was asked for."""
    _print_line(outcome_line(outcome))
    if isinstance(outcome, Record) and outcome.layers:
        print_layers(outcome.label, outcome.layers)


def print_kept(records: Iterable[Record]) -> None:
    """Print what is not measured again, with its figures."""
    for record in records:
        _print_line(f"{name(record.label)}: kept: {_figures(record)}")


def print_summary(
    kept: Sequence[Record], outcomes: Sequence[Outcome], board: Board, save_dir: Path
) -> None:
    """Print how each submission ended, if there were several."""
    if len({outcome.label for outcome in (*kept, *outcomes)}) > 1:
        rows = [line.standing.row for line in board.lines]
        recorded = (row.label for row in rows if row.record)
        stdout().print("", summary(kept, outcomes, recorded, save_dir), sep="\n")


def _print_line(line: str) -> None:
    # As Text, since rich would read markup and emoji codes in a string.
    stdout().print(Text(one_line(line, _REMARK_AT_MOST)), soft_wrap=True)
