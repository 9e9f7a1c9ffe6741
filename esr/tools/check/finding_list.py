"""The list of rules on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from esr.base.console import stdout
from esr.base.visible_text import name, one_line
from esr.submissions.submission import Own
from esr.tools.check.rule import Finding

_DETAIL_AT_MOST = 300


def print_findings(entry: Own, findings: Sequence[Finding]) -> None:
    """Print how a submission did by every rule, and what it comes to."""
    console = stdout()
    console.print()
    console.print(Text(f"{name(entry.label)}, by {len(findings)} rules", "bold"))
    console.print()
    console.print(listing(findings))
    console.print()
    console.print(Text(verdict(entry, findings), "bold"))


def print_end(ready: Mapping[str, bool]) -> None:
    """Print which of several submissions are ready."""
    if len(ready) < 2:
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for state, word, style in ((True, "ready", "green"), (False, "not ready", "bold red")):
        labels = [name(label) for label, is_ready in ready.items() if is_ready is state]
        if labels:
            table.add_row(Text(word, style), Text(", ".join(labels)))
    console = stdout()
    console.print()
    console.print(table)


def listing(findings: Sequence[Finding]) -> Table:
    """Lay out the rules, and beside a broken one what was seen and what to do."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=6)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        word, style = _word(finding)
        table.add_row(Text(f"  {word}", style), Text(finding.name), _detail(finding))
    return table


def verdict(entry: Own, findings: Sequence[Finding]) -> str:
    """Say in one line whether a submission is ready."""
    kept = sum(finding.state == "passed" for finding in findings)
    broken = sum(finding.state == "failed" and finding.required for finding in findings)
    notes = sum(finding.state == "failed" and not finding.required for finding in findings)
    untried = sum(finding.state == "skipped" for finding in findings)
    parts = [f"{kept} kept"]
    parts += [f"{broken} broken"] if broken else []
    parts += [f"{notes} to look at"] if notes else []
    parts += [f"{untried} not tried"] if untried else []
    ready = "is not ready" if any(finding.fatal for finding in findings) else "is ready"
    return f"{name(entry.label)} {ready}: {', '.join(parts)}."


def _word(finding: Finding) -> tuple[str, str]:
    if finding.state == "passed":
        return "ok", "green"
    if finding.state == "skipped":
        return "-", "dim"
    return ("FAIL", "bold red") if finding.required else ("look", "yellow")


def _detail(finding: Finding) -> Text:
    detail = one_line(finding.detail, _DETAIL_AT_MOST)
    if finding.state == "failed":
        return Text.assemble(detail, "\n", (f"-> {finding.advice}", "cyan"))
    return Text("not tried" if finding.state == "skipped" else detail, "dim")
