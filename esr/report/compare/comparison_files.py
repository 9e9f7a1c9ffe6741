"""What differs between two runs: `comparison.csv` and `comparison.md` to keep, and the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from esr.base import json_file
from esr.base.console import stdout
from esr.base.visible_text import name, one_line
from esr.report.cell import MARK, Value
from esr.report.compare.comparison import Comparison
from esr.report.compare.difference import LEVEL, Difference
from esr.report.csv_table import write_csv
from esr.report.markdown_table import escape_markdown, write_pipes

_CSV_HEAD = ("Model", "What", "A", "B", "B / A", "Verdict", "Marked", "Detail")
_HEAD = ("What", "A", "B", "Change", "Verdict")
_ALIGNMENT = ("left", "right", "right", "right", "left")


def write_comparison(comparison: Comparison, a: str, b: str, save_dir: Path) -> None:
    """Write both files; a and b are where the results were read from."""
    json_file.write_text(save_dir / "comparison.csv", render_comparison_csv(comparison))
    json_file.write_text(save_dir / "comparison.md", render_comparison_markdown(comparison, a, b))


def render_comparison_csv(comparison: Comparison) -> str:
    """Write every difference unrounded; text as in `esr.report.csv_table`."""
    return write_csv(_CSV_HEAD, list(_list_rows(comparison)))


def _list_rows(comparison: Comparison) -> Iterator[tuple[Value, ...]]:
    for label, _, differences in comparison.blocks:
        for d in differences:
            yield label, d.subject, d.a, d.b, d.ratio, d.verdict, d.marked, d.detail
    for label in comparison.only_a:
        yield label, "submission", "present", "", "", "differs", True, ""
    for label in comparison.only_b:
        yield label, "submission", "", "present", "", "differs", True, ""


def render_comparison_markdown(comparison: Comparison, a: str, b: str) -> str:
    """Say a comparison in GitHub's Markdown.

    Args:
        comparison: what differs.
        a: where A was read from.
        b: and B.
    """
    sources = f"A: {escape_markdown(one_line(a))}  \nB: {escape_markdown(one_line(b))}"
    paragraphs = ["# Comparison", sources]
    paragraphs += [escape_markdown(line) for line in summarize(comparison)]
    for _, title, differences in comparison.blocks:
        paragraphs += [f"## {escape_markdown(title)}", _write_table(differences)]
    lines = [*explain_verdicts(comparison), "noted: a circumstance or a consequence, no result."]
    paragraphs.append("\n".join(f"- {escape_markdown(line)}" for line in lines))
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def _write_table(differences: Sequence[Difference]) -> str:
    rows = [
        (d.subject, *format_values(d), format_change(d), format_verdict(d)) for d in differences
    ]
    escaped = [[escape_markdown(one_line(text)) for text in row] for row in rows]
    return write_pipes(escaped, _HEAD, _ALIGNMENT)


def summarize(comparison: Comparison) -> Iterator[str]:
    """Say how many are the same, who is in one alone, and by which rules both are ranked."""
    count, differing = len(comparison.pairs), comparison.differing
    unjudged = sum(
        any(d.verdict in ("not judged", "not comparable") for d in pair.differences)
        for pair in comparison.pairs
    )
    rest = f"; {unjudged} with figures that could not be judged" if unjudged else ""
    yield f"{count} in both: {count - differing} without a mark, {differing} differ{rest}"
    for side, labels in (("A", comparison.only_a), ("B", comparison.only_b)):
        if labels:
            yield f"only in {side}: {', '.join(name(label) for label in labels)}"
    if comparison.only_a or comparison.only_b:
        yield "Rows of one side alone count as a difference; ranks are among the rows of both."
    yield from _name_rules(comparison)


def _name_rules(comparison: Comparison) -> Iterator[str]:
    if comparison.rules_of_b is not None:
        yield (
            f"A is of {comparison.rules}, B of {comparison.rules_of_b}: both are ranked by the"
            f" rules of {comparison.rules}, unless --protocol chooses others."
        )
    elif comparison.rules:
        yield f"Rules of {comparison.rules}."


def explain_verdicts(comparison: Comparison) -> Iterator[str]:
    """Explain the verdicts that occur."""
    verdicts = {d.verdict for _, _, differences in comparison.blocks for d in differences}
    if verdicts & {"differs", "beyond noise"}:
        yield f"{MARK} marks what a reproduction should not differ in."
    if verdicts & {"beyond noise", "within noise"}:
        yield (
            f"beyond noise: the runtimes per image differ by Wilcoxon's signed-rank test at"
            f" {100 * LEVEL:.0f} %, or the 95 % intervals of warm runtimes lie apart. That covers"
            " the scatter within the two runs, not what moves a whole run: clock rates,"
            " temperature, other programs."
        )
    if "not comparable" in verdicts:
        yield "not comparable: measured by different devices or clocks."


def format_values(difference: Difference) -> tuple[str, str]:
    """Say A and B with as many digits as tell them apart, and unknown as `-`."""
    for digits in range(4, 18):
        texts = _round(difference.a, digits), _round(difference.b, digits)
        if texts[0] != texts[1]:
            break
    return texts


def _round(value: Value, digits: int) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return one_line(str(value))
    return f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:.{digits - 2}f}"


def format_change(difference: Difference) -> str:
    """Say by how much B is more or less than A, absolutely and in percent."""
    a, b = difference.a, difference.b
    if isinstance(a, str) or isinstance(b, str) or a is None or b is None:
        return ""
    change = 0 if a == b else b - a  # Two infinite means have no difference, but equal ones.
    whole = isinstance(change, int) or abs(change) >= 100
    text = f"{change:+.0f}" if whole else f"{change:+.3g}"
    percent = 0.0 if difference.ratio is None else 100 * (difference.ratio - 1)
    return f"{text} ({percent:+.1f} %)" if abs(percent) >= 0.05 else text


def format_verdict(difference: Difference) -> str:
    """Say what a difference means, with the mark and the detail."""
    mark = f"{MARK} " if difference.marked else ""
    return f"{mark}{difference.verdict}" + (f"; {difference.detail}" if difference.detail else "")


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
    for _, title, differences in comparison.blocks:
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
