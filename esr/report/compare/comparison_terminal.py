"""The terminal: two runs side by side, and only what differs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from esr.base.console import stdout
from esr.base.visible_text import one_line
from esr.report.compare.comparison import Comparison
from esr.report.compare.comparison_files import (
    explain_verdicts,
    format_change,
    format_values,
    format_verdict,
    summarize,
)
from esr.report.compare.difference import Difference

_VALUE_AT_MOST = 16
"""Longer texts, such as commands and reasons, stand below each other instead."""

_WIDTHS = (22, _VALUE_AT_MOST, _VALUE_AT_MOST, 20)


def print_comparison(comparison: Comparison, a: str, b: str) -> None:
    """Print a comparison; a and b are where the results were read from."""
    stdout().print(lay_out_comparison(comparison, a, b))


def lay_out_comparison(comparison: Comparison, a: str, b: str) -> RenderableType:
    """Lay out a comparison for a terminal of 80 columns or more.

    Args:
        comparison: what differs.
        a: where A was read from.
        b: and B.
    """
    parts: list[RenderableType] = [Text(f"A: {one_line(a)}"), Text(f"B: {one_line(b)}")]
    parts += [Text(line, style="bold") for line in summarize(comparison)]
    for title, differences in comparison.blocks:
        parts += [Text(), *_lay_out_block(title, differences)]
    if comparison.blocks:
        without = "Without a verdict: a circumstance or a consequence."
        lines = (*explain_verdicts(comparison), without)
        parts += [Text(), *(Text(line, style="dim") for line in lines)]
    return Group(*parts)


def _lay_out_block(title: str, differences: Sequence[Difference]) -> list[RenderableType]:
    parts: list[RenderableType] = [Text(title, style="bold")]
    for difference in differences:
        subject = one_line(difference.subject)
        a, b = format_values(difference)
        if max(len(a), len(b)) > _VALUE_AT_MOST:
            parts += [Text(f"  {subject}"), Text(f"      A: {a}"), Text(f"      B: {b}")]
        else:
            parts.append(_lay_out_figures(subject, a, b, format_change(difference)))
        if difference.verdict != "noted":
            style = "bold red" if difference.marked else "dim"
            parts.append(Text(f"      {one_line(format_verdict(difference))}", style=style))
    return parts


def _lay_out_figures(subject: str, *values: str) -> RenderableType:
    line = Table.grid(padding=(0, 1))
    for width, right in zip(_WIDTHS, (False, True, True, True), strict=True):
        line.add_column(width=width, justify="right" if right else "left", overflow="fold")
    line.add_row(Text(f"  {subject}"), *map(Text, values))
    return line
