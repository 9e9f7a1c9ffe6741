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
from esr.base.plain_path import make_plain
from esr.base.visible_text import name, one_line
from esr.challenge.protocol import DEFAULT_PROTOCOL, Protocol, protocols
from esr.rank.entrants import PUBLISHED, Choices
from esr.rank.runtimes import RUNTIMES
from esr.records import official_results
from esr.records.results_folder import Row
from esr.report import formats, terminal
from esr.report.compare.comparison import compare
from esr.report.compare.comparison_files import print_comparison, write_comparison
from esr.report.html.page_title import TITLE_AT_MOST, embed_logo
from esr.report.paper.write_figures import write_figures
from esr.report.report_choices import (
    ReportChoices,
    describe_choices,
    explain_published,
    keep_choices,
    read_choices,
    set_gate,
)
from esr.tools.read_results import (
    Results,
    is_results_folder,
    load_by_own_rules,
    load_results,
    suggest_year,
)


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
    text = (
        "the year whose rules apply (default: that of the folder's latest record, or"
        f" {DEFAULT_PROTOCOL} for official results)"
    )
    add("--protocol", choices=protocols(), help=text)
    text = (
        "where to write (default: PATH if it is a results folder of ours, otherwise a folder"
        " leaderboard/ in it or beside it; nowhere for --compare)"
    )
    add("--save_dir", type=Path, metavar="DIR", help=text)
    text = f"row that scores are relative to, or '{PUBLISHED}' for the published figures"
    add("--baseline", metavar="LABEL", help=text)
    text = "digits of PSNR that the gate looks at, or 'none' (default: as the protocol says)"
    add("--gate_decimals", type=_decimals, metavar="N", help=text)
    text = "runtime to rank by; 'robust' is steady, or else warm (default: official)"
    add("--runtime", choices=RUNTIMES, help=text)
    text = "in each track, leave out who is worse than the baseline in the other figures"
    add("--constraints", action="store_true", help=text)
    text = "rank together what was measured on machines of different classes"
    add("--mixed_machines", action="store_true", help=text)
    text = "print how the places change with the runtime that is ranked by"
    add("--estimators", action="store_true", help=text)
    text = "leave no column out of leaderboard.csv, not even those that no row fills"
    add("--all_columns", action="store_true", help=text)
    add("--title", help="what report.html is called (default: the challenge's name)")
    add("--subtitle", help="the line above it")
    add("--logo", type=Path, metavar="FILE", help="a picture beside it")
    text = "drop what was chosen before for this results folder, which is kept in its choices.json"
    add("--forget", action="store_true", help=text)
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
    is_new = given.forget or not is_results_folder(given.path)
    kept, typed = ReportChoices() if is_new else read_choices(given.path), _read_typed(given)
    chosen = kept.replaced_by(typed)
    results = load_results(given.path, chosen.protocol)
    if given.baseline is not None:
        baseline = _find_baseline(given.baseline, results.rows, results.protocol)
        chosen = replace(chosen, baseline=baseline)
    save_dir = given.save_dir or _beside(given.path)
    finished = chosen.build_board(results.rows, results.protocol)
    json_file.write_text(save_dir / "results.txt", official_results.results_table(results.official))
    source = given.path if given.path.is_dir() else given.path.parent
    formats.write_all(finished, save_dir, source, chosen)
    figures = write_figures(finished, given.figures) if given.figures else []
    terminal.print_leaderboard(finished, make_plain(save_dir))
    if given.estimators:
        terminal.print_estimators(finished)
    if figures:
        terminal.print_line(f"{len(figures)} figures are in {make_plain(given.figures)}")
    if typed.protocol is None and (hint := suggest_year(results, given.path)):
        terminal.print_line(hint)
    if is_results_folder(given.path):
        # Tables that go elsewhere leave the folder's own as they are.
        is_own = save_dir.resolve() == given.path.resolve()
        folders = chosen if is_own else kept
        if is_own or given.forget:
            keep_choices(folders, given.path)
        terminal.print_choices(describe_choices(folders, given.path, finished))


def _read_typed(given: argparse.Namespace) -> ReportChoices:
    """Take what was typed; a baseline is looked for among the rows later."""
    title, subtitle = (
        None if text is None else one_line(text, TITLE_AT_MOST)
        for text in (given.title, given.subtitle)
    )
    return ReportChoices(
        protocol=given.protocol,
        gate_decimals=given.gate_decimals,
        runtime=given.runtime,
        constraints=given.constraints,
        mixed_machines=given.mixed_machines,
        all_columns=given.all_columns,
        title=title,
        subtitle=subtitle,
        logo=None if given.logo is None else embed_logo(given.logo),
    )


def _beside(path: Path) -> Path:
    """Choose our own results folder, or a folder of its own beside somebody else's files."""
    if is_results_folder(path):
        return path
    return (path if path.is_dir() else path.parent) / "leaderboard"


def _compare(given: argparse.Namespace) -> int:
    a, b, other = _read_both(given)
    protocol = set_gate(a.protocol, given.gate_decimals)
    baseline = _find_baseline_of_both(given.baseline, a.rows, b.rows, protocol)
    choices = Choices(
        given.runtime or "official", baseline, given.constraints, given.mixed_machines
    )
    found = compare(a.rows, b.rows, protocol, choices, rules_of_b=other)
    name_a, name_b = map(str, given.compare)
    if given.save_dir is not None:
        write_comparison(found, name_a, name_b, given.save_dir)
    print_comparison(found, name_a, name_b)
    return ExitCode.OK if found.is_equal else ExitCode.SOME_FAILED


def _read_both(given: argparse.Namespace) -> tuple[Results, Results, str | None]:
    """Read A and B by the same rules: those that were typed, A's own, else B's own.

    Returns:
        (A, B, the rules of B where those are others)
    """
    a, b = (load_by_own_rules(path, given.protocol) for path in given.compare)
    if given.protocol is not None or a.protocol == b.protocol:
        return a, b, None
    path_a, path_b = given.compare
    if not a.has_own_rules:
        return load_results(path_a, b.protocol.name), b, None
    return a, load_results(path_b, a.protocol.name), b.protocol.name if b.has_own_rules else None


def _find_baseline(text: str | None, rows: list[Row], protocol: Protocol) -> str | None:
    """Find the row that was typed as baseline.

    Raises:
        UserError: there is none; or a row was timed on a CPU, and cannot be held against the
            published runtime of a GPU.
    """
    if text is None:
        return None
    if text != PUBLISHED:
        return find_label(text, rows, "--baseline", [PUBLISHED])
    if problem := explain_published(rows, protocol):
        remedy = "measure the baseline here and give --baseline LABEL"
        raise UserError(problem, where=f"--baseline {PUBLISHED}", remedy=remedy)
    return text


def _find_baseline_of_both(
    text: str | None, a: list[Row], b: list[Row], protocol: Protocol
) -> str | None:
    """Find the row that was typed as baseline, which has to be the same in A and B.

    Raises:
        UserError: it is not in both, or is another row in each.
    """
    first, second = (_find_baseline(text, rows, protocol) for rows in (a, b))
    if first != second:
        what = f"it is {name(str(first))} in A and {name(str(second))} in B"
        raise UserError(what, where="--baseline", remedy="give a label that is in both")
    return first


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
    if named:
        what = f"{len(named)} rows are called '{name(text)}'"
        raise UserError(what, where=flag, remedy=f"choose one of {', '.join(map(name, named))}")
    shown = [name(row.name) for row in rows]
    meant = suggest(text, [*shown, *also])
    others = "".join(f", or '{word}'" for word in also)
    raise UserError(
        f"no row is called '{name(text)}'",
        where=flag,
        remedy=meant or f"choose one of {', '.join(shown)}{others}",
    )
