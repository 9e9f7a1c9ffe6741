"""A bundle held against the format, before the server refuses it or, worse, misunderstands it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from esr.tools.codabench import bundle_format as form
from esr.tools.codabench.bundle_format import BundleFields
from esr.tools.codabench.check_fields import check_fields

Part = Mapping[str, Any]
ArchiveFiles = Mapping[str, int]
"""Bytes of every file of a bundle, by path."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PROGRAM_FILES = ("metadata.yaml", "metadata")


def check_bundle(competition: Part, files: ArchiveFiles) -> list[str]:
    """List what is wrong with a bundle, one line each; none if the server will take it.

    Args:
        competition: what `competition.yaml` holds.
        files: what lies in the archive.
    """
    problems = [*check_fields(competition, form.COMPETITION, "competition")]
    for part, fields in _PARTS.items():
        for number, item in enumerate(_list(competition, part)):
            problems += check_fields(item, fields, f"{part}[{number}]")
    if problems:  # What follows takes the kinds of the fields for granted.
        return problems
    return [line for check in _CHECKS for line in check(competition, files)]


def _list(part: Part, key: str) -> list[Any]:
    value = part.get(key)
    return value if isinstance(value, list) else []


def _check_top(competition: Part, files: ArchiveFiles) -> Iterator[str]:
    if competition["version"] != 2:
        yield f"competition: version is 2, not {competition['version']}"
    if "competition.yaml" not in files:
        yield "competition.yaml is not at the top of the archive"
    for key in ("image", "terms"):
        yield from _check_file(competition[key], files, f"competition: {key}")
    email, queue = competition.get("contact_email"), competition.get("queue")
    if email is not None and not _EMAIL.fullmatch(email):
        yield f"competition: contact_email is no address: {email}"
    if queue is not None and not _is_uuid(queue):
        yield f"competition: queue is no UUID: {queue}"
    for key, fact in competition.get("fact_sheet", {}).items():
        yield from check_fields(fact, form.FACT, f"fact_sheet: {key}")
        if isinstance(fact, Mapping) and fact.get("key") != key:
            yield f"fact_sheet: {key} has another key: {fact.get('key')}"


def _check_pages(competition: Part, files: ArchiveFiles) -> Iterator[str]:
    for number, page in enumerate(competition["pages"]):
        yield from _check_file(page["file"], files, f"pages[{number}]: file")


def _check_tasks(competition: Part, files: ArchiveFiles) -> Iterator[str]:
    tasks = competition["tasks"]
    if not tasks:
        yield "competition: no tasks"
    yield from _check_unique(tasks, "index", "tasks")
    for number, task in enumerate(tasks):
        yield from _check_task(task, files, f"tasks[{number}]")


def _check_task(task: Part, files: ArchiveFiles, where: str) -> Iterator[str]:
    if "key" in task:  # Then the server reads nothing else.
        if not _is_uuid(task["key"]):
            yield f"{where}: key is no UUID: {task['key']}"
        return
    for key in ("name", "scoring_program"):
        if not task.get(key):
            yield f"{where}: {key} is missing"
    for key in ("scoring_program", "ingestion_program", "reference_data", "input_data"):
        if task.get(key):
            yield from _check_data(task[key], files, f"{where}: {key}", "program" in key)


def _check_phases(competition: Part, files: ArchiveFiles) -> Iterator[str]:
    known = {task["index"] for task in competition["tasks"]}
    phases = sorted(competition["phases"], key=lambda phase: int(phase.get("index", 0)))
    if not phases:
        yield "competition: no phases"
    yield from _check_unique(phases, "index", "phases")
    for number, phase in enumerate(phases):
        where = f"phases[{number}]"
        if not phase["tasks"]:
            yield f"{where}: no tasks"
        unknown = [index for index in phase["tasks"] if index not in known]
        yield from (f"{where}: no task has the index {index}" for index in unknown)
        for key in ("public_data", "starting_kit"):
            if key in phase:
                yield from _check_data(phase[key], files, f"{where}: {key}")
    if phases and phases[0].get("auto_migrate_to_this_phase"):
        yield "phases[0]: nothing migrates to the first phase"
    yield from _check_dates(phases)


def _check_dates(phases: list[Part]) -> Iterator[str]:
    before: datetime | None = None
    for number, phase in enumerate(phases):
        where = f"phases[{number}]"
        start, end = _date(phase["start"]), _date(phase.get("end"))
        if start is None:
            yield f"{where}: start is no date: {phase['start']}"
        if end is None and (number < len(phases) - 1 or "end" in phase):
            yield f"{where}: end is no date: {phase.get('end')}"
        if start and before and start <= before:
            yield f"{where}: starts before the last phase has ended"
        if start and end and end <= start:
            yield f"{where}: ends before it starts"
        before = end or before


def _check_solutions(competition: Part, files: ArchiveFiles) -> Iterator[str]:
    known = {task["index"] for task in competition["tasks"]}
    for number, solution in enumerate(_list(competition, "solutions")):
        where = f"solutions[{number}]"
        if "key" not in solution:
            yield from _check_data(solution.get("path", ""), files, f"{where}: path")
        if not set(solution["tasks"]) <= known:
            yield f"{where}: no such task"


def _check_leaderboards(competition: Part, files: ArchiveFiles) -> Iterator[str]:
    del files
    boards = competition["leaderboards"]
    if len(boards) != 1:
        yield f"competition: {len(boards)} leaderboards; the first one alone is used"
    for number, board in enumerate(boards):
        where = f"leaderboards[{number}]"
        columns = board["columns"]
        problems = [
            line
            for place, column in enumerate(columns)
            for line in _check_column(column, columns, f"{where}: columns[{place}]")
        ]
        yield from problems
        if not columns:
            yield f"{where}: no columns"
        if problems:
            continue
        yield from _check_unique(columns, "index", f"{where}: columns")
        yield from _check_unique(columns, "key", f"{where}: columns")
        if board.get("primary_index", 0) not in {column["index"] for column in columns}:
            yield f"{where}: primary_index is the index of no column"


def _check_column(column: object, columns: list[Any], where: str) -> Iterator[str]:
    yield from check_fields(column, form.COLUMN, where)
    if not isinstance(column, Mapping):
        return
    if ("computation" in column) != ("computation_indexes" in column):
        yield f"{where}: computation goes with computation_indexes"
    known = {other.get("index") for other in columns if isinstance(other, Mapping)}
    others = known - {column.get("index")}
    if not set(_list(column, "computation_indexes")) <= others:
        yield f"{where}: computation_indexes are those of other columns"


_PARTS: Mapping[str, BundleFields] = {
    "pages": form.PAGE,
    "phases": form.PHASE,
    "tasks": form.TASK,
    "solutions": form.SOLUTION,
    "leaderboards": form.LEADERBOARD,
}
_CHECKS: tuple[Callable[[Part, ArchiveFiles], Iterator[str]], ...] = (
    *(_check_top, _check_pages, _check_tasks),
    *(_check_phases, _check_solutions, _check_leaderboards),
)


def _check_unique(items: Collection[Part], key: str, where: str) -> Iterator[str]:
    times = Counter(item[key] for item in items if key in item)
    yield from (f"{where}: {key} {value} is there twice" for value, n in times.items() if n > 1)


def _check_file(path: str, files: ArchiveFiles, where: str) -> Iterator[str]:
    if path not in files:
        yield f"{where}: there is no file {path}"
    elif files[path] == 0:
        yield f"{where}: {path} is empty"


def _check_data(
    path: str, files: ArchiveFiles, where: str, is_program: bool = False
) -> Iterator[str]:
    """Check what is a zip archive, a folder that becomes one, or the UUID of what is there."""
    if _is_uuid(path):
        return
    if path in files:
        if PurePosixPath(path).suffix != ".zip":
            yield f"{where}: {path} is a loose file, neither a folder nor a .zip"
        return
    below = [name for name in files if name.startswith(f"{path.rstrip('/')}/")]
    if not below:
        yield f"{where}: there is nothing at {path}"
    elif is_program and not any(f"{path.rstrip('/')}/{name}" in files for name in _PROGRAM_FILES):
        yield f"{where}: {path} has no metadata.yaml at its top"


def _date(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
