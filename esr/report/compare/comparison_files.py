"""`comparison.csv` and `comparison.md`: what differs between two runs, to keep and to send."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from tabulate import tabulate

from esr.base import json_file
from esr.base.visible_text import name, one_line
from esr.report.compare.comparison import Comparison
from esr.report.compare.difference import Difference, Value
from esr.report.compare.noise import LEVEL
from esr.report.csv_table import harmless
from esr.report.markdown_table import escaped
from esr.report.remarks import MARK

CSV = "comparison.csv"
MARKDOWN = "comparison.md"
EVERYWHERE = "in every submission"

_HEAD = ("Model", "What", "A", "B", "B / A", "Verdict", "Marked", "Detail")


def write(comparison: Comparison, a: str, b: str, save_dir: Path) -> None:
    """Write both files; a and b are where the results were read from."""
    json_file.write_text(save_dir / CSV, csv_text(comparison))
    json_file.write_text(save_dir / MARKDOWN, markdown(comparison, a, b))


def csv_text(comparison: Comparison) -> str:
    """Write every difference unrounded; text as in `esr.report.csv_table`."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_HEAD)
    for label, one in _differences(comparison):
        cells = (label, one.subject, one.a, one.b, one.ratio, one.verdict, one.marked, one.detail)
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in cells])
    for labels, there in (
        (comparison.only_a, ("present", "")),
        (comparison.only_b, ("", "present")),
    ):
        for label in labels:
            writer.writerow([harmless(label), "submission", *there, "", "differs", True, ""])
    return file.getvalue()


def _differences(comparison: Comparison) -> Iterator[tuple[str, Difference]]:
    yield from ((EVERYWHERE, one) for one in comparison.conditions)
    for pair in comparison.pairs:
        yield from ((pair.label, one) for one in pair.differences)


def markdown(comparison: Comparison, a: str, b: str) -> str:
    """Say a comparison in GitHub's Markdown.

    Args:
        comparison: what differs.
        a: where A was read from.
        b: and B.
    """
    paragraphs = ["# Comparison", f"A: {escaped(one_line(a))}  \nB: {escaped(one_line(b))}"]
    paragraphs += [escaped(line) for line in summary(comparison)]
    if comparison.conditions:
        paragraphs += [f"## {EVERYWHERE.capitalize()}", _table(comparison.conditions)]
    for pair in comparison.pairs:
        if pair.differences:
            paragraphs += [f"## {escaped(name(pair.label))}", _table(pair.differences)]
    explained = [*remarks(comparison), "noted: a circumstance or a consequence, no result."]
    paragraphs.append("\n".join(f"- {escaped(line)}" for line in explained))
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def _table(differences: Sequence[Difference]) -> str:
    rows = [
        [escaped(one_line(text)) for text in (one.subject, *said(one), change(one), verdict(one))]
        for one in differences
    ]
    head = ("What", "A", "B", "Change", "Verdict")
    align = ("left", "right", "right", "right", "left")
    return tabulate(rows, head, tablefmt="pipe", colalign=align, disable_numparse=True)


def summary(comparison: Comparison) -> Iterator[str]:
    """Say how many are the same, and who is in one alone."""
    count, differing = len(comparison.pairs), comparison.differing
    unjudged = sum(
        any(one.verdict in ("not judged", "not comparable") for one in pair.differences)
        for pair in comparison.pairs
    )
    rest = f"; {unjudged} with figures that could not be judged" if unjudged else ""
    yield f"{count} in both: {count - differing} without a mark, {differing} differ{rest}"
    for side, labels in (("A", comparison.only_a), ("B", comparison.only_b)):
        if labels:
            yield f"only in {side}: {', '.join(name(label) for label in labels)}"


def remarks(comparison: Comparison) -> Iterator[str]:
    """Explain the verdicts that occur."""
    found = {one.verdict for _, one in _differences(comparison)}
    if found & {"differs", "beyond noise"}:
        yield f"{MARK} marks what a reproduction should not differ in."
    if found & {"beyond noise", "within noise"}:
        yield (
            f"beyond noise: the runtimes per image differ by Wilcoxon's signed-rank test at"
            f" {100 * LEVEL:.0f} %, or the 95 % intervals of warm runtimes lie apart. That covers"
            " the scatter within the two runs, not what moves a whole run: clock rates,"
            " temperature, other programs."
        )
    if "not comparable" in found:
        yield "not comparable: measured by different devices or clocks."


def said(one: Difference) -> tuple[str, str]:
    """Say A and B with as many digits as tell them apart, and unknown as `-`."""
    for digits in range(4, 18):
        texts = _rounded(one.a, digits), _rounded(one.b, digits)
        if texts[0] != texts[1]:
            break
    return texts


def _rounded(value: Value, digits: int) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return one_line(str(value))
    return f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:.{digits - 2}f}"


def change(one: Difference) -> str:
    """Say by how much B is more or less than A, absolutely and in percent."""
    if isinstance(one.a, str) or isinstance(one.b, str) or one.a is None or one.b is None:
        return ""
    difference = one.b - one.a
    whole = isinstance(difference, int) or abs(difference) >= 100
    text = f"{difference:+.0f}" if whole else f"{difference:+.3g}"
    percent = 0.0 if one.ratio is None else 100 * (one.ratio - 1)
    return f"{text} ({percent:+.1f} %)" if abs(percent) >= 0.05 else text


def verdict(one: Difference) -> str:
    """Say what a difference means, with the mark and the detail."""
    mark = f"{MARK} " if one.marked else ""
    return f"{mark}{one.verdict}" + (f"; {one.detail}" if one.detail else "")
