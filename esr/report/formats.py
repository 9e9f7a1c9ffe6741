"""FORMATS: every file that a leaderboard is written to; one entry adds one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from esr.base import json_file
from esr.challenge.protocol import Protocol
from esr.rank.entrants import Choices
from esr.records.results_folder import Publisher
from esr.report.board import Board, build_board
from esr.report.csv_table import CSV_FILE, CsvColumns, choose_filled, render_csv
from esr.report.html.html_report import render_html
from esr.report.html.page_title import PageTitle
from esr.report.latex_table import render_latex
from esr.report.layer_csv import LAYER_CSV_FILE, has_layers, render_layer_csv
from esr.report.long_csv_table import LONG_CSV_FILE, render_long_csv
from esr.report.markdown_table import render_markdown


@dataclass(frozen=True)
class Format:
    """One file in the results folder."""

    name: str
    render: Callable[[Board, Path], str]
    """(board, results folder, from which pictures may be read) -> the file's text."""
    is_needed: Callable[[Board], bool] = bool
    """Whether there is anything to say; if not, only a file that is there already is written."""


def make_leaderboard(choose: CsvColumns) -> Format:
    """Make the wide CSV file of some columns."""
    return Format(CSV_FILE, lambda board, _: render_csv(board, choose))


LEADERBOARD = make_leaderboard(choose_filled)

REPORT = Format("report.html", render_html)

FORMATS = (
    LEADERBOARD,
    Format(LONG_CSV_FILE, lambda board, _: render_long_csv(board)),
    Format(LAYER_CSV_FILE, lambda board, _: render_layer_csv(board), has_layers),
    Format("leaderboard.md", lambda board, _: render_markdown(board)),
    Format("leaderboard.tex", lambda board, _: render_latex(board)),
    REPORT,
)


def write_format(form: Format, board: Board, save_dir: Path, results: Path | None = None) -> None:
    """Write one file, whole or not at all.

    Args:
        form: what to write.
        board: the leaderboard.
        save_dir: where to.
        results: folder of the records; `save_dir` unless stated.
    """
    path = save_dir / form.name
    if form.is_needed(board) or path.exists():
        json_file.write_text(path, form.render(board, results or save_dir))


def write_all(
    board: Board,
    save_dir: Path,
    results: Path | None = None,
    choose: CsvColumns = choose_filled,
    page_title: PageTitle | None = None,
) -> None:
    """Write every file.

    Args:
        board: the leaderboard.
        save_dir: where to.
        results: folder of the records; `save_dir` unless stated.
        choose: the columns of the wide CSV file.
        page_title: what the report is called.
    """
    titled = Format(REPORT.name, partial(render_html, page_title=page_title))
    instead = {LEADERBOARD: make_leaderboard(choose), REPORT: titled}
    for form in FORMATS:
        write_format(instead.get(form, form), board, save_dir, results)


def make_publisher(
    protocol: Protocol, choose: CsvColumns = choose_filled, choices: Choices | None = None
) -> Publisher:
    """Make what rebuilds the leaderboard that others may be reading while a run goes on."""
    form = make_leaderboard(choose)
    return lambda rows, save_dir: write_format(form, build_board(rows, protocol, choices), save_dir)
