"""What `report.html` says of a run that failed: the end of its log, and how to run it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from esr.base.visible_text import one_line, visible
from esr.records.record import Failure
from esr.records.results_folder import Row

_LINES = 12
_BYTES = 8 * 2**10
_LINE_AT_MOST = 240
_COMMAND_AT_MOST = 2000


@dataclass(frozen=True)
class FailedRun:
    """The latest run of a submission, which failed."""

    stage: str
    reason: str
    log: str
    """Where it lies, below the results folder; empty if there is none."""
    tail: tuple[str, ...]
    """The last lines of the log."""
    command: str
    """Repeats the run."""


def describe_failure(row: Row, results: Path) -> FailedRun | None:
    """Gather what helps to find out why a run failed; None if the latest did not."""
    if (failure := row.failure) is None:
        return None
    file = Path("logs") / f"{row.label}.log"
    is_file_name = Path(row.label).name == row.label
    tail = _read_tail(results / file) if is_file_name else ()
    return FailedRun(
        failure.stage,
        one_line(failure.reason),
        one_line(str(file)) if tail else "",
        tail,
        _write_command(failure, row),
    )


def _read_tail(path: Path) -> tuple[str, ...]:
    if path.is_symlink() or not path.is_file():
        return ()
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _BYTES))
        text = log.read(_BYTES).decode(errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    return tuple(visible(line)[:_LINE_AT_MOST] for line in lines[-_LINES:])


def _write_command(failure: Failure, row: Row) -> str:
    """Repeat what was typed, for this submission alone."""
    chosen = row.label if failure.model_id is None else str(failure.model_id)
    given = failure.command or (row.record.provenance.command if row.record else ())
    if not given and failure.name:
        given = ("--submission", "PATH")
    words = ["python", "test_demo.py", *_without_choice(given), "--model_id", chosen]
    return one_line(shlex.join(words), _COMMAND_AT_MOST)


def _without_choice(command: Iterable[str]) -> Iterator[str]:
    """Leave out `--model_id` and its values."""
    is_value = False
    for word in command:
        if word.startswith("--"):
            is_value = word.partition("=")[0] == "--model_id"
        if not is_value:
            yield word
