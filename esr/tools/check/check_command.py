"""`python -m esr check --model_id N`: as `python test_demo.py --check --model_id N`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from esr.base.command import command
from esr.base.console import stdout
from esr.base.errors import ExitCode, UserError
from esr.base.house import ROOT
from esr.base.scratch import scratch_folder
from esr.base.visible_text import name, one_line
from esr.evaluate.entries import choose_entries, list_entries
from esr.evaluate.options import Options, parse
from esr.evaluate.settle_sandbox import settle_sandbox
from esr.sandbox import isolated_process
from esr.submissions.submission import CloneSubmission, Entry, Own
from esr.tools.check.check_submission import check_entry
from esr.tools.check.rule import Finding

_DETAIL_AT_MOST = 300
_WORDS = {
    "ok": ("green", "kept"),
    "FAIL": ("bold red", "broken"),
    "look": ("yellow", "to look at"),
    "-": ("dim", "not tried"),
}
"""How a rule went: its word in the list, its style, and what the verdict calls it."""


@command(debug=True)
def main(arguments: list[str]) -> int:
    """Run the command."""
    options = parse(["--check", *arguments], ROOT)
    with scratch_folder() as folder:
        entries = list_entries(options.selection, options.data, options.procedure, folder)
        return check(choose_entries(entries, options.selection), options)


def check(entries: Sequence[Entry], options: Options) -> ExitCode:
    """Try submissions by every rule and print what was found.

    Returns:
        OK if none breaks a rule that is required.

    Raises:
        UserError: the data or the device cannot be used.
    """
    options = settle_sandbox(options)
    isolated_process.check_device(options.confinement.device)
    in_our_layout = [entry for entry in entries if not isinstance(entry, CloneSubmission)]
    if len(in_our_layout) < len(entries):
        raise UserError(
            "is measured as it stands; the rules are for our own layout",
            where=f"--submission {options.selection.paths[0]}",
            remedy="put the network into models/team[ID]_[Model].py, or leave out --check",
        )
    ready: dict[str, bool] = {}
    with scratch_folder() as hr_dir, scratch_folder() as job_dir:
        for entry in in_our_layout:
            findings = check_entry(entry, options, hr_dir, job_dir)
            print_findings(entry, findings)
            ready[entry.label] = not any(finding.fatal for finding in findings)
    print_end(ready)
    return ExitCode.OK if all(ready.values()) else ExitCode.SOME_FAILED


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
        word = _word(finding)
        style, _ = _WORDS[word]
        table.add_row(Text(f"  {word}", style), Text(finding.name), _detail(finding))
    return table


def verdict(entry: Own, findings: Sequence[Finding]) -> str:
    """Say in one line whether a submission is ready."""
    counts = Counter(map(_word, findings))
    parts = [
        f"{counts[word]} {title}"
        for word, (_, title) in _WORDS.items()
        if counts[word] or word == "ok"
    ]
    ready = "is not ready" if any(finding.fatal for finding in findings) else "is ready"
    return f"{name(entry.label)} {ready}: {', '.join(parts)}."


def _word(finding: Finding) -> str:
    if finding.state == "failed":
        return "FAIL" if finding.required else "look"
    return "ok" if finding.state == "passed" else "-"


def _detail(finding: Finding) -> Text:
    detail = one_line(finding.detail, _DETAIL_AT_MOST)
    if finding.state == "failed":
        advice = one_line(finding.advice, _DETAIL_AT_MOST)
        return Text.assemble(detail, "\n", (f"-> {advice}", "cyan"))
    return Text("not tried" if finding.state == "skipped" else detail, "dim")
