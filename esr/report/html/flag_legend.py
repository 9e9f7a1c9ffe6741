"""What the flags of a report mean: a table at the end of the page, to which their names lead."""

from __future__ import annotations

from dataclasses import dataclass

from esr.audit.flag_meanings import FLAG_GRADES, FlagMeaning, list_flag_meanings
from esr.report.board import Board
from esr.report.row_marks import ROW_MARKS


@dataclass(frozen=True)
class ExplainedFlag:
    """A flag that a row of the page carries."""

    name: str
    grade: str
    """With the sign that it gives to a row."""
    meaning: str
    honest: str
    remedy: str


def list_explained_flags(board: Board) -> tuple[ExplainedFlag, ...]:
    """List the flags of all rows whose meaning is known, the gravest first."""
    records = [line.standing.row.record for line in board.lines]
    raised = {flag.name for record in records if record for flag in record.flags}
    known = [meaning for name, meaning in list_flag_meanings().items() if name in raised]
    known.sort(key=lambda meaning: FLAG_GRADES.index(meaning.grade))
    return tuple(map(_explain, known))


def _explain(flag: FlagMeaning) -> ExplainedFlag:
    texts = map(say_plainly, (flag.meaning, flag.honest, flag.remedy))
    return ExplainedFlag(flag.name, f"{flag.grade} {ROW_MARKS[flag.grade]}".strip(), *texts)


def say_plainly(text: str) -> str:
    """Show a sentence of `flags.toml` where there is no Markdown."""
    return text.replace("`", "")
