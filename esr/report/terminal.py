"""The terminal: how each submission ended, what its layers cost, the leaderboard, the listing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from esr.base.console import stdout
from esr.base.visible_text import name, name_some, one_line, say_count
from esr.base.word_wrap import wrap_words
from esr.challenge.protocol import protocols
from esr.evaluate.upload.list_uploads import list_uploads
from esr.images.metrics import METRICS
from esr.records.record import Failure, Outcome, Record
from esr.records.replace_record import Replacement
from esr.records.split_result import SplitResult
from esr.report.board import Board
from esr.report.deployment_table import lay_out_deployments, list_deployments
from esr.report.layer_table import lay_out_layers
from esr.report.terminal_table import lay_out_leaderboard, list_fitting
from esr.submissions.foreseen_problems import foresee_problems
from esr.submissions.submission import SELECT, Broken, CloneSubmission, Entry

_STYLES = {"done": "green", "kept": "cyan", "failed": "red", "stale": "yellow"}


def print_outcome(outcome: Outcome, processes: int = 1) -> None:
    """Print how a submission ended, and what its layers cost if that was asked for.

    Args:
        outcome: after one of its processes.
        processes: how many it shall have.
    """
    label = name(outcome.title)
    if isinstance(outcome, Failure):
        log = f" [log: {outcome.log}]" if outcome.log else ""
        print_line(f"{label}: failed ({outcome.stage}): {outcome.reason}{log}")
        return
    if processes > 1:
        print_line(f"{label}: {_describe_processes(outcome, processes)}")
    else:
        print_line(f"{label}: {_describe_figures(outcome)}")
    if outcome.layers and outcome.process_count == 1:
        console = stdout()
        console.print(lay_out_layers(label, outcome.layers, console.width))


def print_replacement(replaced: Replacement | None) -> None:
    """Say that a row is of something else now, and where its earlier record is."""
    if replaced is not None:
        what = ", ".join(replaced.lost)
        print_line(
            f"{name(replaced.label)}: takes the place of what was measured"
            f" {replaced.date.partition('T')[0]} ({what}), which is now {replaced.file};"
            " --label NAME keeps both"
        )


def print_kept(records: Iterable[Record]) -> None:
    """Print what is not measured again, with its figures."""
    for record in records:
        print_line(f"{name(record.title)}: kept: {_describe_figures(record)}")


def _describe_processes(record: Record, processes: int) -> str:
    """Say what the last process has measured, or why one failed."""
    count = record.process_count
    if failed := [flag.detail for flag in record.flags if flag.name == "process_failed"]:
        return f"{count} of {processes} processes; failed: {failed[-1]}"
    if count == 1:
        return f"process 1 of {processes}: {_describe_figures(record)}"
    means = (
        f"{split.dataset} {split.process_means_ms[-1]:.2f} ms ({split.process_runtime})"
        for split in record.splits
    )
    return f"process {count} of {processes}: {'; '.join(means)}"


def _describe_figures(record: Record) -> str:
    return "; ".join(
        f"{split.dataset} {_describe_quality(split)}, {split.runtime_ms:.2f} ms"
        for split in record.splits
    )


def _describe_quality(split: SplitResult) -> str:
    """Say every metric that was chosen; PSNR, which always is, needs no name."""
    means = ((metric, split.score(metric.name)) for metric in METRICS.values())
    return ", ".join(
        f"{'' if metric.name == 'psnr' else f'{metric.name.upper()} '}"
        f"{mean:.{metric.decimals}f} {metric.unit}".strip()
        for metric, mean in means
        if mean is not None
    )


def print_summary(
    kept: Sequence[Record], outcomes: Sequence[Outcome], board: Board, save_dir: Path
) -> None:
    """Print how each submission ended, if there were several."""
    if len({outcome.label for outcome in (*kept, *outcomes)}) > 1:
        rows = [line.standing.row for line in board.lines]
        recorded = (row.label for row in rows if row.record)
        stdout().print("", lay_out_summary(kept, outcomes, recorded, save_dir), sep="\n")


def lay_out_summary(
    kept: Sequence[Record], outcomes: Sequence[Outcome], recorded: Iterable[str], save_dir: Path
) -> Table:
    """Lay out who was measured and kept, who failed where, and whose figures are of before.

    Args:
        kept: records that were not measured again.
        outcomes: how the others ended; a baseline that was measured several times, each time.
        recorded: labels of all records, also of those whose submission fails now.
        save_dir: the results folder, below which the logs are.
    """
    recorded = set(recorded)
    last = {outcome.label: outcome for outcome in outcomes}
    failures = [outcome for outcome in last.values() if isinstance(outcome, Failure)]
    groups = {
        "done": [name(outcome.title) for outcome in last.values() if isinstance(outcome, Record)],
        "kept": [name(record.title) for record in kept],
        "failed": [_explain(f, save_dir) for f in failures if f.label not in recorded],
        "stale": [_explain(f, save_dir) for f in failures if f.label in recorded],
    }
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    for state, entries in groups.items():
        if entries:
            text = ("\n" if state in ("failed", "stale") else ", ").join(entries)
            table.add_row(Text(state, _STYLES[state]), Text(str(len(entries))), Text(text))
    return table


def _explain(failure: Failure, save_dir: Path) -> str:
    """Say where to look; the reason was told when it failed."""
    text = f"{name(failure.title)}: {failure.stage}"
    if not failure.log:
        return text
    log = Path(failure.log)
    below = log.relative_to(save_dir) if log.is_relative_to(save_dir) else log
    return f"{text}; log: {one_line(str(below))}"


def print_estimators(board: Board) -> None:
    """Print how the places change with the runtime that is ranked by."""
    compared = board.estimators
    if compared is None:
        print_line("Places by other runtimes: no two rows hold the runtime of every image.")
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    # A name that is cut short would be anybody's.
    table.add_column("Model", overflow="fold")
    for title in compared.titles:
        table.add_column(Text(title), justify="right")
    for label, places in compared.rows:
        table.add_row(Text(label), *map(Text, places))
    stdout().print("", Text(f"Places in {compared.track}, by runtime"), table)
    print_line(compared.note)


_REMARKS_AT_MOST = 20
_LINE_AT_MOST = 4096
"""Paths and reasons are printed whole; what is longer than any path is not."""


def print_leaderboard(board: Board, save_dir: Path, told: Collection[str] = ()) -> None:
    """Print the leaderboard, what it cannot say, and where everything was written.

    Args:
        board: the leaderboard.
        save_dir: where it was written to.
        told: labels of those whose failure stands on the screen already.
    """
    console = stdout()
    console.print()
    console.print(lay_out_leaderboard(board, console.width))
    shown = {board.columns[index].title for index in list_fitting(board, console.width)}
    console.print()
    if deployments := list_deployments(board):
        console.print(lay_out_deployments(deployments))
    remarks = [
        remark
        for remark in board.remarks
        if not (remark.failed and remark.failed <= {*told})
        and (not remark.columns or remark.columns & shown)
    ]
    rest = remarks[_REMARKS_AT_MOST:]
    kept = [remark for remark in rest if remark.is_kept]
    for line in (*remarks[:_REMARKS_AT_MOST], *kept):
        print_line(line)
    if (more := len(rest) - len(kept)) > 0:
        print_line(f"{say_count(more, 'more remark')} in report.html")
    print_line(f"Everything is in {save_dir}")


def print_uploads(kept: Sequence[Record], outcomes: Sequence[Outcome], save_dir: Path) -> None:
    """Print where the archives to upload are, and what they leave unsaid."""
    last = {outcome.label: outcome for outcome in (*kept, *outcomes)}
    records = [outcome for outcome in last.values() if isinstance(outcome, Record)]
    for line in list_uploads(records, save_dir):
        print_line(line)


_LISTED_AT_MOST = 32
"""Letters of a name that stand in one line of the listing."""


def print_choices(line: str | None) -> None:
    """Say what was chosen for the results folder, if anything was."""
    if line is not None:
        print_line(line)


def print_listing(entries: Iterable[Entry], unnamed: Sequence[str] = ()) -> None:
    """Print what `--list` shows: every submission, and what is wrong with it.

    Args:
        entries: the submissions.
        unnamed: a line for each file that was probably meant as one, too.
    """
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    titles = ("ID", "Name", "Team", "Scale", "Checkpoint", "State")
    rows = [[one_line(cell) for cell in _describe_entry(entry)] for entry in entries]
    columns = [column for column in zip(titles, *rows, strict=True) if any(column[1:])]
    for title, *cells in columns:
        justify: JustifyMethod = "right" if title in ("ID", "Scale") else "left"
        longest = max(map(len, cells)) if title == "Name" else 0
        width = max(len(title), min(longest, _LISTED_AT_MOST))
        table.add_column(title, justify=justify, overflow="fold", min_width=width)
    for row in zip(*(cells for _, *cells in columns), strict=True):
        table.add_row(*map(Text, row))
    stdout().print(table)
    for line in unnamed:
        print_line(line)


def _describe_entry(entry: Entry) -> tuple[str, ...]:
    if isinstance(entry, Broken):
        number = "" if entry.model_id is None else str(entry.model_id)
        return number, entry.label, "", "", "", f"broken: {entry.reason}"
    state = "; ".join(filter(None, foresee_problems(entry))) or "ready"
    if isinstance(entry, CloneSubmission):
        scale = f"x{entry.sidecar.scale}"
        weights = entry.folder_call.model_dir if entry.folder_call else f"by {SELECT}"
        return str(entry.model_id), entry.name or entry.label, "", scale, weights, state
    return (
        str(entry.model_id),
        entry.name,
        entry.sidecar.team.name or "",
        f"x{entry.sidecar.scale}",
        entry.checkpoint.name if entry.checkpoint else "missing",
        "; ".join([entry.problem, *([] if state == "ready" else [state])])
        if entry.problem
        else state,
    )


def print_years(years: Mapping[Path, int], protocol: str) -> None:
    """Say which clones are of another year than the rules they are measured by.

    Args:
        years: of the clones whose scripts tell.
        protocol: name of the one that nobody has chosen.
    """
    known = {year for year in years.values() if f"ntire{year}" in protocols()}
    for year in sorted(year for year in known if f"ntire{year}" != protocol):
        clones = [name(clone.name) for clone, of in years.items() if of == year]
        print_line(
            f"{name_some(clones)}: of {year}, measured by the rules of {protocol};"
            f" --protocol ntire{year} takes its own"
        )


def print_other_rules(own: str | None, protocol: str) -> None:
    """Say that a results folder is of other rules than this run, which nobody has chosen.

    Args:
        own: name of the protocol of its latest record; None if there is none.
        protocol: of the run.
    """
    if own not in (None, protocol):
        print_line(
            f"The results folder holds records of {own}, and this run measures by the rules of"
            f" {protocol}; --protocol {own} goes on with its own"
        )


def print_trust(entries: Iterable[Entry], trust: Collection[int]) -> None:
    """Say what it means that the checkpoints of some submissions are trusted."""
    for entry in entries:
        if entry.model_id in trust and not isinstance(entry, Broken):
            rights = "code in its checkpoint is run, with all your rights"
            print_line(f"{name(entry.label)}: --trust: {rights}")


def print_line(line: str) -> None:
    """Print one line, whatever is in it; on a terminal it is broken between words."""
    console, text = stdout(), one_line(line, _LINE_AT_MOST)
    if console.is_terminal:
        text = wrap_words(text, console.width)
    # As Text, since rich would read markup and emoji codes in a string.
    console.print(Text(text), soft_wrap=True)
