"""How a run of several submissions ended, in a few lines at its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from esr.base.visible_text import name, one_line
from esr.records.record import Failure, Outcome, Record

_REASON_AT_MOST = 100
"""A few words; the log and the lines above have all of it."""

_STYLES = {"done": "green", "kept": "cyan", "failed": "red", "stale": "yellow"}


def summary(
    kept: Sequence[Record], outcomes: Sequence[Outcome], recorded: Iterable[str], save_dir: Path
) -> Table:
    """Lay out who was measured and kept, who failed and why, and whose figures are of before.

    Args:
        kept: records that were not measured again.
        outcomes: how the others ended; a baseline that was measured several times, each time.
        recorded: labels of all records, also of those whose submission fails now.
        save_dir: the results folder, below which the logs are.
    """
    recorded = set(recorded)
    last = {outcome.label: outcome for outcome in outcomes}
    failures = [outcome for outcome in last.values() if isinstance(outcome, Failure)]
    groups = {
        "done": [name(outcome.label) for outcome in last.values() if isinstance(outcome, Record)],
        "kept": [name(record.label) for record in kept],
        "failed": [_why(f, save_dir) for f in failures if f.label not in recorded],
        "stale": [_why(f, save_dir) for f in failures if f.label in recorded],
    }
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    for state, entries in groups.items():
        if entries:
            text = ("\n" if state in ("failed", "stale") else ", ").join(entries)
            table.add_row(Text(state, _STYLES[state]), Text(str(len(entries))), Text(text))
    return table


def _why(failure: Failure, save_dir: Path) -> str:
    reason = one_line(failure.reason, _REASON_AT_MOST)
    where = f"; log: {_below(Path(failure.log), save_dir)}" if failure.log else ""
    return f"{name(failure.label)}: {failure.stage}: {reason}{where}"


def _below(log: Path, save_dir: Path) -> str:
    return one_line(str(log.relative_to(save_dir) if log.is_relative_to(save_dir) else log))
