"""The leaderboard as CSV and on the terminal. Rounding happens only here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from utils import jsonfile
from utils.columns import Column, claim_of, columns_for, differs
from utils.record import Failure, Outcome
from utils.store import Row
from utils.submission import Broken, Entry

CSV_NAME = "leaderboard.csv"
_CLAIMED, _MARK = "  claimed", "!"
_NAME_AT_LEAST = 9
"""Letters of a name that stand in one line, however narrow the terminal."""


def write_csv(rows: list[Row], save_dir: Path) -> None:
    """Write `leaderboard.csv`: every column, every digit, unknown as an empty cell."""
    import pandas as pd  # A third of a second to import: only a run that writes pays it.

    columns = columns_for(rows)
    values = [[column.value(row) for column in columns] for row in rows]
    frame = pd.DataFrame(values, columns=[column.title for column in columns], dtype=object)
    jsonfile.write_text(save_dir / CSV_NAME, frame.to_csv(index=False, lineterminator="\n"))


def leaderboard(rows: list[Row], console: Console) -> Table:
    """Lay out the leaderboard for a terminal: a table, or a block a row where it is too narrow."""
    columns = [
        column for column in columns_for(rows) if column.shown({column.value(row) for row in rows})
    ]
    cells = [line for row in rows for line in _lines(columns, row)]
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


def _lines(columns: Sequence[Column], row: Row) -> list[list[str]]:
    """The row, and below it what its factsheet claims; a claim that differs is marked."""
    figures = [_cell(column, row) for column in columns]
    claims = [_claim(column, row) for column in columns]
    return [figures, [_CLAIMED, *claims[1:]]] if any(claims) else [figures]


def _claim(column: Column, row: Row) -> str:
    claim = claim_of(column, row)
    return "" if claim is None else f"{claim}{_MARK if differs(column, row) else ' '}"


def _cell(column: Column, row: Row) -> str:
    value = column.value(row)
    return "" if value is None else format(value, column.format)


def remarks(rows: list[Row]) -> list[str]:
    """Say in a line each what the figures of a leaderboard cannot say themselves."""
    lines = [
        f"{row.label} {_verb(row)} ({row.failure.stage}): {row.failure.reason}"
        for row in rows
        if row.failure
    ]
    records = [row.record for row in rows if row.record]
    lines += [f"{record.label}: {record.note}" for record in records if record.note]
    sets = sorted({(split.role, split.dataset) for record in records for split in record.splits})
    lines += [f"{role}: {dataset}" for role, dataset in sets if role != dataset]
    columns = columns_for(rows)
    if any(differs(column, row) for row in rows for column in columns):
        lines.append(f"{_MARK} marks a claim that differs by more than rounding.")
    if any(record.clock == "perf_counter" for record in records):
        lines.append("Times are wall-clock times of a CPU, not comparable with official figures.")
    return lines


def _verb(row: Row) -> str:
    return f"failed; its figures are of {row.record.provenance.date}" if row.record else "failed"


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


def print_leaderboard(rows: list[Row], save_dir: Path) -> None:
    """Print the leaderboard, what it cannot say, and where everything was written."""
    console = Console(highlight=False)
    console.print(leaderboard(rows, console))
    for line in (*remarks(rows), f"Everything is in {save_dir}"):
        console.print(line, markup=False, soft_wrap=True)


def print_listing(entries: Iterable[Entry]) -> None:
    """Print what `--list` shows."""
    Console(highlight=False).print(listing(entries))


def print_outcome(outcome: Outcome) -> None:
    """Print how a submission ended."""
    Console(highlight=False).print(outcome_line(outcome), markup=False, soft_wrap=True)
