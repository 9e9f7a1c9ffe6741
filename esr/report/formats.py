"""FORMATS: every file that a leaderboard is written to; one entry adds one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from esr.base import json_file
from esr.challenge.protocol import Protocol
from esr.records.results_folder import Publisher
from esr.report import csv_table, latex_table, markdown_table
from esr.report.board import Board, board
from esr.report.html import html_report


@dataclass(frozen=True)
class Format:
    """One file in the results folder."""

    name: str
    render: Callable[[Board, Path], str]
    """(board, results folder, from which pictures may be read) -> the file's text."""


LEADERBOARD = Format("leaderboard.csv", lambda board, _: csv_table.render(board))

FORMATS = (
    LEADERBOARD,
    Format("leaderboard.md", lambda board, _: markdown_table.render(board)),
    Format("leaderboard.tex", lambda board, _: latex_table.render(board)),
    Format(html_report.NAME, html_report.render),
)


def write(form: Format, board: Board, save_dir: Path, results: Path | None = None) -> None:
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
        write(form, board, save_dir, results)


def publisher(protocol: Protocol) -> Publisher:
    """Make what rebuilds the leaderboard that others may be reading while a run goes on."""
    return lambda rows, save_dir: write(LEADERBOARD, board(rows, protocol), save_dir)
