"""`python -m esr leaderboard PATH`: rank what was measured, here or by the official script.

With `--compare A B` instead of PATH, it says what two of them differ in.

Works on records alone, without PyTorch.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from esr.base import json_file
from esr.base.command import Parser, command
from esr.base.did_you_mean import suggest
from esr.base.errors import ExitCode, UserError
from esr.base.visible_text import name
from esr.challenge.protocol import DEFAULT_PROTOCOL, Protocol, protocols
from esr.rank.entrants import PUBLISHED, Choices
from esr.rank.figures import read_rows
from esr.rank.runtimes import RUNTIMES
from esr.records import official_results
from esr.records.official_results import Official
from esr.records.results_folder import Row, Store
from esr.report import formats, terminal
from esr.report.board import build_board
from esr.report.compare.comparison import compare
from esr.report.compare.comparison_files import print_comparison, write_comparison
from esr.report.csv_table import choose_columns
from esr.report.html.page_title import make_page_title
from esr.report.paper.write_figures import write_figures


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    made = Parser(
        "python -m esr leaderboard",
        allow_abbrev=False,
        description="Rank results by the rules of a year, and write every table and the report.",
    )
    add = made.add_argument
    text = "results folder, or an official results.json"
    add("path", nargs="?", type=Path, metavar="PATH", help=text)
    text = "instead of PATH: say what two of them differ in, and mark what is beyond noise"
    add("--compare", nargs=2, type=Path, metavar=("A", "B"), help=text)
    text = "the year whose rules apply (default: %(default)s)"
    add("--protocol", choices=protocols(), default=DEFAULT_PROTOCOL, help=text)
    text = (
        "where to write (default: PATH if it is a results folder of ours, otherwise a folder"
        " leaderboard/ in it or beside it; nowhere for --compare)"
    )
    add("--save_dir", type=Path, metavar="DIR", help=text)
    text = f"row that scores are relative to, or '{PUBLISHED}' for the published figures"
    add("--baseline", metavar="LABEL", help=text)
    text = "digits of PSNR that the gate looks at, or 'none' (default: as the protocol says)"
    add("--gate_decimals", type=_decimals, default="protocol", metavar="N", help=text)
    text = "runtime to rank by; 'robust' is steady, or else warm (default: %(default)s)"
    add("--runtime", choices=RUNTIMES, default="official", help=text)
    text = "in each track, leave out who is worse than the baseline in the other figures"
    add("--constraints", action="store_true", help=text)
    text = "rank together what was measured on machines of different classes"
    add("--mixed_machines", action="store_true", help=text)
    text = "print how the places change with the runtime that is ranked by"
    add("--estimators", action="store_true", help=text)
    text = "leave no column out of leaderboard.csv, not even those that no row fills"
    add("--all_columns", action="store_true", help=text)
    add("--title", default="", help="what report.html is called (default: the challenge's name)")
    add("--subtitle", default="", help="the line above it")
    add("--logo", type=Path, metavar="FILE", help="a picture beside it")
    text = "draw every chart for a paper, too: SVG, PDF and PNG"
    add("--figures", type=Path, metavar="DIR", help=text)
    return made


def _decimals(text: str) -> int | Literal["none", "protocol"]:
    if text == "none":
        return "none"
    if text == "protocol":
        return "protocol"
    if not text.isdigit() or len(text) > 1:
        raise argparse.ArgumentTypeError(f"'{text}' is neither a digit nor 'none'")
    return int(text)


@command()
def main(arguments: list[str]) -> int | None:
    """Read, rank or compare, write and print; 1 if what was compared differs."""
    given = parser().parse_args(arguments)
    if (given.path is None) == (given.compare is None):
        raise UserError(
            "neither PATH nor --compare A B" if given.path is None else "PATH beside --compare A B",
            where="command line",
            remedy="give one of them",
        )
    if given.compare is not None:
        return _compare(given)
    _rank(given)
    return None


def _rank(given: argparse.Namespace) -> None:
    protocol = _with_gate(protocols()[given.protocol], given.gate_decimals)
    rows, results = read(given.path, protocol)
    finished = build_board(rows, protocol, _choices(given, rows))
    page_title = make_page_title(given.title, given.subtitle, given.logo)
    save_dir = given.save_dir or _beside(given.path)
    json_file.write_text(save_dir / "results.txt", official_results.results_table(results))
    source = given.path if given.path.is_dir() else given.path.parent
    columns = choose_columns(given.all_columns)
    formats.write_all(finished, save_dir, source, columns, page_title)
    figures = write_figures(finished, given.figures) if given.figures else []
    terminal.print_leaderboard(finished, save_dir.absolute())
    if given.estimators:
        terminal.print_estimators(finished)
    if figures:
        terminal.print_line(f"{len(figures)} figures are in {given.figures.absolute()}")


def _beside(path: Path) -> Path:
    """Choose our own results folder, or a folder of its own beside somebody else's files."""
    if (path / "records").is_dir():
        return path
    return (path if path.is_dir() else path.parent) / "leaderboard"


def _compare(given: argparse.Namespace) -> int:
    protocol = _with_gate(protocols()[given.protocol], given.gate_decimals)
    a, b = (read(path, protocol)[0] for path in given.compare)
    _choices(given, b)  # A baseline has to be in both.
    found = compare(a, b, protocol, _choices(given, a))
    name_a, name_b = map(str, given.compare)
    if given.save_dir is not None:
        write_comparison(found, name_a, name_b, given.save_dir)
    print_comparison(found, name_a, name_b)
    same = not (found.differing or found.only_a or found.only_b)
    return ExitCode.OK if same else ExitCode.SOME_FAILED


def _choices(given: argparse.Namespace, rows: list[Row]) -> Choices:
    chosen = given.baseline
    if chosen == PUBLISHED:
        _refuse_cpu(rows, protocols()[given.protocol])
    if chosen not in (None, PUBLISHED):
        chosen = find_label(chosen, rows, "--baseline", [PUBLISHED])
    return Choices(given.runtime, chosen, given.constraints, given.mixed_machines)


def _refuse_cpu(rows: list[Row], protocol: Protocol) -> None:
    """Hold no runtime of a CPU against one that was published of a GPU.

    Raises:
        UserError: a row is of a CPU.
    """
    timed = [row for row in rows if row.record and row.record.clock == "perf_counter"]
    if timed and any("ave_time_ms" in track.terms for track in protocol.tracks):
        hardware = protocol.baseline.hardware if protocol.baseline else None
        raise UserError(
            f"the published runtime is of a GPU{f' ({hardware})' if hardware else ''},"
            f" {name(timed[0].name)} was timed on a CPU",
            where=f"--baseline {PUBLISHED}",
            remedy="measure the baseline here and give --baseline LABEL",
        )


def find_label(text: str, rows: list[Row], flag: str, also: Sequence[str] = ()) -> str:
    """Find the row of a label or name; of a name without its id, if a single row has it.

    Args:
        text: what the user has typed.
        rows: those that there are.
        flag: that it was typed for.
        also: what else may be typed.

    Raises:
        UserError: there is no such row.
    """
    labels = [row.label for row in rows]
    if same := [row.label for row in rows if text in (row.label, row.name, row.name.strip())]:
        return same[0]
    named = [label for label in labels if label.partition("_")[2].casefold() == text.casefold()]
    if len(named) == 1:
        return named[0]
    shown = [name(row.name) for row in rows]
    meant = suggest(text, [*shown, *also])
    others = "".join(f", or '{word}'" for word in also)
    raise UserError(
        f"no row is called '{name(text)}'",
        where=flag,
        remedy=meant or f"choose one of {', '.join(shown)}{others}",
    )


def _with_gate(protocol: Protocol, decimals: int | Literal["none", "protocol"]) -> Protocol:
    if protocol.gate is None or decimals == "protocol":
        return protocol
    digits = None if decimals == "none" else decimals
    return replace(protocol, gate=replace(protocol.gate, decimals=digits))


def _advise(path: Path) -> str:
    """Say what to give instead of a path that cannot be ranked."""
    for place in path.absolute().parents:
        if (place / "records").is_dir() or (place / "results.json").is_file():
            return f"give the folder: python -m esr leaderboard {place}"
    return "give a --save_dir of test_demo.py, or an official results.json"


def _refuse_part(path: Path) -> None:
    """Refuse what is written beside the results, or is one of them.

    Raises:
        UserError: it is such a file.
    """
    if not path.is_file():
        return
    if path.suffix.lower() != ".json":
        what = "is a table made of results, from which nothing is read"
        raise UserError(what, where=path, remedy=_advise(path))
    if path.absolute().parent.name in ("records", "failures"):
        raise UserError("is of one submission alone", where=path, remedy=_advise(path))


def read(path: Path, protocol: Protocol) -> tuple[list[Row], dict[str, Official]]:
    """Read a results folder, or a `results.json` as the official script writes it.

    Returns:
        (rows, everything that `results.txt` lists)

    Raises:
        UserError: there is nothing there, or it cannot be read.
    """
    if path.is_dir() and (rows := (store := Store(path, protocol)).shown_rows()):
        return rows, store.results(rows)
    file = path / "results.json" if path.is_dir() else path
    _refuse_part(path)
    if not file.exists():
        raise UserError(
            "holds no results" if path.is_dir() else "no such file or folder",
            where=path,
            remedy=_advise(path),
        )
    # The path is the user's own, who may well have linked it.
    official = official_results.read_results(file.resolve())
    if not official:
        raise UserError("holds no results", where=file)
    return read_rows(official), official
