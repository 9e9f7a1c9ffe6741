"""The terminal: two runs side by side, and only what differs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from esr.base.console import stdout
from esr.base.visible_text import name, one_line
from esr.report.compare.comparison import Comparison
from esr.report.compare.comparison_files import EVERYWHERE, change, remarks, said, summary, verdict
from esr.report.compare.difference import Difference

_VALUE_AT_MOST = 16
"""Longer texts, such as commands and reasons, stand below each other instead."""

_WIDTHS = (22, _VALUE_AT_MOST, _VALUE_AT_MOST, 20)


def lay_out(comparison: Comparison, a: str, b: str) -> RenderableType:
    """Lay out a comparison for a terminal of 80 columns or more.

    Args:
        comparison: what differs.
        a: where A was read from.
        b: and B.
    """
    parts: list[RenderableType] = [Text(f"A: {one_line(a)}"), Text(f"B: {one_line(b)}")]
    parts += [Text(line, style="bold") for line in summary(comparison)]
    if comparison.conditions:
        parts += [Text(), *_block(EVERYWHERE.capitalize(), comparison.conditions)]
    for pair in comparison.pairs:
        if pair.differences:
            parts += [Text(), *_block(name(pair.label), pair.differences)]
    if comparison.conditions or any(pair.differences for pair in comparison.pairs):
        explained = (*remarks(comparison), "Without a verdict: a circumstance or a consequence.")
        parts += [Text(), *(Text(line, style="dim") for line in explained)]
    return Group(*parts)


def _block(title: str, differences: Sequence[Difference]) -> list[RenderableType]:
    parts: list[RenderableType] = [Text(title, style="bold")]
    for one in differences:
        a, b = said(one)
        if max(len(a), len(b)) > _VALUE_AT_MOST:
            parts += [
                Text(f"  {one_line(one.subject)}"),
                Text(f"      A: {a}"),
                Text(f"      B: {b}"),
            ]
        else:
            parts.append(_figures(one.subject, a, b, change(one)))
        if one.verdict != "noted":
            parts.append(Text(f"      {one_line(verdict(one))}", style=_style(one)))
    return parts


def _figures(subject: str, *values: str) -> RenderableType:
    line = Table.grid(padding=(0, 1))
    for width, right in zip(_WIDTHS, (False, True, True, True), strict=True):
        line.add_column(width=width, justify="right" if right else "left", overflow="fold")
    line.add_row(Text(f"  {one_line(subject)}"), *map(Text, values))
    return line


def _style(one: Difference) -> str:
    return "bold red" if one.marked else "dim"


def print_comparison(comparison: Comparison, a: str, b: str) -> None:
    """Print a comparison; a and b are where the results were read from."""
    stdout().print(lay_out(comparison, a, b))
