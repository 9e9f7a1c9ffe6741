"""FORMATS: every file that a leaderboard is written to; one entry adds one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from esr.base import json_file
from esr.challenge.protocol import Protocol
from esr.records.results_folder import Publisher
from esr.report.board import Board, build_board
from esr.report.csv_table import CSV_FILE, render_csv
from esr.report.html.html_report import render_html
from esr.report.latex_table import render_latex
from esr.report.markdown_table import render_markdown


@dataclass(frozen=True)
class Format:
    """One file in the results folder."""

    name: str
    render: Callable[[Board, Path], str]
    """(board, results folder, from which pictures may be read) -> the file's text."""


LEADERBOARD = Format(CSV_FILE, lambda board, _: render_csv(board))

FORMATS = (
    LEADERBOARD,
    Format("leaderboard.md", lambda board, _: render_markdown(board)),
    Format("leaderboard.tex", lambda board, _: render_latex(board)),
    Format("report.html", render_html),
)


def write_format(form: Format, board: Board, save_dir: Path, results: Path | None = None) -> None:
    """Write one file, whole or not at all.

    Args:
        form: what to write.
        board: the leaderboard.
        save_dir: where to.
        results: folder of the records; `save_dir` unless stated.
    """
    json_file.write_text(save_dir / form.name, form.render(board, results or save_dir))


def write_all(board: Board, save_dir: Path, results: Path | None = None) -> None:
    """Write every file."""
    for form in FORMATS:
        write_format(form, board, save_dir, results)


def make_publisher(protocol: Protocol) -> Publisher:
    """Make what rebuilds the leaderboard that others may be reading while a run goes on."""
    return lambda rows, save_dir: write_format(LEADERBOARD, build_board(rows, protocol), save_dir)
