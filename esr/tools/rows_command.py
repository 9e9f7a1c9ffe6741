"""`python -m esr rows RESULTS`: its rows are listed, hidden, disqualified or removed.

Nothing is deleted: what is removed is moved to `records/removed/` and `failures/removed/`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from esr.base.command import Parser, command
from esr.base.console import stdout
from esr.base.errors import UserError
from esr.base.visible_text import name, one_line
from esr.challenge.protocol import DEFAULT_PROTOCOL, Protocol, protocols
from esr.records.results_folder import Row, Store
from esr.report.board import build_board
from esr.report.formats import make_publisher, write_all
from esr.report.terminal import print_line
from esr.tools.leaderboard import find_label
from esr.tools.row_changes import RowChanges, read_reason

_HEAD = ("Row", "State", "Data sets", "Measured")


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    made = Parser(
        "python -m esr rows",
        allow_abbrev=False,
        description="List the rows of a results folder, or take some out of its tables or ranking.",
    )
    add = made.add_argument
    add("path", type=Path, metavar="RESULTS", help="results folder of test_demo.py")
    text = "move what was measured of them away, to records/removed/ and failures/removed/"
    add("--remove", nargs="+", default=[], metavar="LABEL", help=text)
    add("--hide", nargs="+", default=[], metavar="LABEL", help="leave them out of every table")
    text = "take them into the tables again"
    add("--show", nargs="+", default=[], metavar="LABEL", help=text)
    text = "take rank and score from them; they stand below the line, with the reason"
    add("--disqualify", nargs="+", default=[], metavar="LABEL", help=text)
    add("--reason", metavar="TEXT", help="why, for every table: with --disqualify")
    text = "rank them again"
    add("--reinstate", nargs="+", default=[], metavar="LABEL", help=text)
    text = "rules of the tables that are written anew (default: those of the latest record)"
    add("--protocol", choices=protocols(), help=text)
    return made


@command()
def main(arguments: list[str]) -> None:
    """Change what was asked for, write the tables anew if anything was, and list the rows."""
    given = parser().parse_args(arguments)
    reason = read_reason(given.reason, bool(given.disqualify))
    store = _open(given.path, given.protocol)
    rows = store.rows()
    labels = {
        deed: [find_label(text, rows, f"--{deed}") for text in getattr(given, deed)]
        for deed in ("hide", "show", "disqualify", "reinstate", "remove")
    }
    changes = RowChanges(**labels, reason=reason)
    for line in changes.apply(store, _rules(store, given.protocol)):
        print_line(line)
    if changes:
        _write_tables(store, given.protocol)
    stdout().print(lay_out_rows(store.rows(), store.hidden()))


def _open(path: Path, protocol: str | None) -> Store:
    if not (path / "records").is_dir():
        remedy = "give a --save_dir of test_demo.py"
        raise UserError("is no results folder", where=path, remedy=remedy)
    known = protocols()
    rows = Store(path, known[DEFAULT_PROTOCOL]).rows()
    if not rows:
        raise UserError("holds no rows", where=path)
    chosen = known[protocol or _find_latest_protocol(rows)]
    return Store(path, chosen, (make_publisher(chosen),))


def _find_latest_protocol(rows: Sequence[Row]) -> str:
    records = [row.record for row in rows if row.record]
    latest = max(records, key=lambda record: record.provenance.date, default=None)
    is_known = latest is not None and latest.protocol in protocols()
    return latest.protocol if latest is not None and is_known else DEFAULT_PROTOCOL


def _rules(store: Store, protocol: str | None) -> Protocol:
    return protocols()[protocol or _find_latest_protocol(store.rows())]


def _write_tables(store: Store, protocol: str | None) -> None:
    store.publish()
    write_all(build_board(store.shown_rows(), _rules(store, protocol)), store.save_dir)


def lay_out_rows(rows: Sequence[Row], hidden: set[str]) -> Table:
    """Lay out what is known of each row.

    Args:
        rows: of a results folder.
        hidden: labels of those that no table shows.
    """
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for title in _HEAD:
        table.add_column(title, overflow="fold", min_width=len(title))
    for row in rows:
        sets = [split.dataset for split in row.record.splits] if row.record else []
        date = row.record.provenance.date.partition("T")[0] if row.record else ""
        state = ", ".join(_describe_state(row, row.label in hidden))
        called = name(row.name)
        if row.name != row.label:
            called += f" ({name(row.label)})"
        texts = (called, state, ", ".join(sets), date)
        table.add_row(*(Text(one_line(text)) for text in texts))
    return table


def _describe_state(row: Row, is_hidden: bool) -> Iterator[str]:
    if is_hidden:
        yield "hidden"
    if row.disqualified is not None:
        yield f"disqualified ({row.disqualified})"
    if row.failure is None:
        yield "measured"
        return
    yield f"failed ({row.failure.stage})"
    if row.record:
        yield "figures of before"
    if row.is_gone:
        yield "stale: its model is gone"
