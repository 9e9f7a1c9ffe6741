"""`python -m esr paper RESULTS`: the comparison that papers print, as LaTeX, Markdown and CSV."""

from __future__ import annotations

import argparse
from pathlib import Path

from esr.base import json_file
from esr.base.command import Parser, command
from esr.base.errors import UserError
from esr.base.plain_path import make_plain
from esr.base.visible_text import name, say_count
from esr.challenge.protocol import protocols
from esr.report.paper.hr_size import HrSize
from esr.report.paper.paper_formats import (
    render_paper_csv,
    render_paper_latex,
    render_paper_markdown,
)
from esr.report.paper.paper_table import build_paper_table
from esr.report.terminal import print_line
from esr.tools.read_results import load_by_own_rules


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    made = Parser(
        "python -m esr paper",
        allow_abbrev=False,
        description="Write the usual comparison of a paper: parameters, multiply-adds, and PSNR and"
        " SSIM of Y on each set.",
    )
    add = made.add_argument
    add("path", type=Path, metavar="RESULTS", help="results folder")
    text = "data sets, in the order of the columns (default: all that were measured)"
    add("--sets", nargs="+", default=[], metavar="SET", help=text)
    text = (
        "the year whose counter's multiply-adds are shown (default: that of the tables of RESULTS)"
    )
    add("--protocol", choices=protocols(), help=text)
    text = (
        "multiply-adds of an HR image of this size, scaled by its area: right for networks whose"
        " cost is proportional to it (default: as counted, mostly of an input of 3x256x256)"
    )
    add("--hr_size", type=_hr_size, metavar="WxH", help=text)
    add("--save_dir", type=Path, metavar="DIR", help="where to write (default: RESULTS)")
    return made


def _hr_size(text: str) -> HrSize:
    try:
        return HrSize.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


@command()
def main(arguments: list[str]) -> None:
    """Read the records and write three files."""
    given = parser().parse_args(arguments)
    results = load_by_own_rules(given.path, given.protocol)
    if not any(row.record for row in results.rows):
        raise UserError(
            "holds no records: an official results.json does not name its data sets",
            where=given.path,
            remedy="give a --save_dir of test_demo.py",
        )
    counter = results.protocol.flops_counter
    table = build_paper_table(results.rows, given.sets, counter, given.hr_size)
    folder = given.save_dir or (given.path if given.path.is_dir() else given.path.parent)
    for suffix, render in (
        ("tex", render_paper_latex),
        ("md", render_paper_markdown),
        ("csv", render_paper_csv),
    ):
        json_file.write_text(folder / f"paper.{suffix}", render(table))
    for row in results.rows:
        if row.disqualified is not None:
            print_line(f"{name(row.name)} is left out: disqualified: {row.disqualified}")
        elif row.failure is not None and row.record is not None:
            date = row.record.provenance.date
            print_line(f"{name(row.name)} failed this time: its figures are of {date}")
    print_line(
        f"{say_count(len(table.rows), 'row')}, {say_count(len(table.sets), 'set')}: paper.tex,"
        f" paper.md, paper.csv in {make_plain(folder)}"
    )
