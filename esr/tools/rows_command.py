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
from esr.base.word_wrap import wrap_name
from esr.challenge.protocol import protocols
from esr.records.results_folder import Row, Store
from esr.report.formats import make_publisher, write_all
from esr.report.report_choices import (
    ReportChoices,
    describe_choices,
    keep_choices,
    read_choices,
)
from esr.report.row_marks import mark_name
from esr.report.terminal import print_choices, print_line
from esr.tools.leaderboard import find_label
from esr.tools.read_results import is_results_folder
from esr.tools.row_changes import RowChanges, read_reason

_HEAD = ("Row", "State", "Flags", "Data sets", "Measured")
_UNBROKEN = ("Flags", "Data sets", "Measured")
"""Where a narrow terminal breaks no word."""
_SET_AT_MOST = 20
"""Letters of a set's name that stand in one line, if it can be broken."""


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
    text = (
        "rules of the tables that are written anew (default: those chosen before, or else of the"
        " latest record)"
    )
    add("--protocol", choices=protocols(), help=text)
    return made


@command()
def main(arguments: list[str]) -> None:
    """Change what was asked for, write the tables anew if anything was, and list the rows."""
    given = parser().parse_args(arguments)
    reason = read_reason(given.reason, bool(given.disqualify))
    chosen = _choose(given.path, given.protocol)
    store = _open(given.path, chosen)
    rows = store.rows()
    labels = {
        deed: [find_label(text, rows, f"--{deed}") for text in getattr(given, deed)]
        for deed in ("hide", "show", "disqualify", "reinstate", "remove")
    }
    changes = RowChanges(**labels, reason=reason)
    for line in changes.apply(store, store.protocol()):
        print_line(line)
    if changes:
        _write_tables(store, chosen)
    stdout().print(lay_out_rows(store.rows(), store.hidden()))


def _choose(path: Path, protocol: str | None) -> ReportChoices:
    if not is_results_folder(path):
        remedy = "give a --save_dir of test_demo.py"
        raise UserError("is no results folder", where=path, remedy=remedy)
    return read_choices(path).replaced_by(ReportChoices(protocol))


def _open(path: Path, chosen: ReportChoices) -> Store:
    store = Store(path, chosen.rules, (make_publisher(chosen),))
    if not store.rows():
        raise UserError("holds no rows", where=path)
    return store


def _write_tables(store: Store, chosen: ReportChoices) -> None:
    store.publish()
    finished = chosen.build_board(store.shown_rows(), store.protocol())
    write_all(finished, store.save_dir, chosen=chosen)
    keep_choices(chosen, store.save_dir)
    print_line(f"The tables are by the rules of {store.protocol().name}.")
    print_choices(describe_choices(chosen, store.save_dir, finished))


def lay_out_rows(rows: Sequence[Row], hidden: set[str]) -> Table:
    """Lay out what is known of each row.

    Args:
        rows: of a results folder.
        hidden: labels of those that no table shows.
    """
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for title in _HEAD:
        table.add_column(title, overflow="fold", no_wrap=title in _UNBROKEN)
    for row in rows:
        sets = [split.dataset for split in row.record.splits] if row.record else []
        broken = [part for each in sets for part in wrap_name(each, _SET_AT_MOST).split("\n")]
        date = row.record.provenance.date.partition("T")[0] if row.record else ""
        state = ", ".join(_describe_state(row, row.label in hidden))
        called = mark_name(row)
        if row.name != row.label:
            called += f" ({name(row.label)})"
        cells = [[called], [state], _name_flags(row), broken, [date]]
        table.add_row(*(Text("\n".join(map(one_line, lines))) for lines in cells))
    return table


def _name_flags(row: Row) -> list[str]:
    return [*dict.fromkeys(flag.name for flag in row.record.flags)] if row.record else []


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
