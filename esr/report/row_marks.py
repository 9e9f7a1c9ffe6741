"""The sign beside the name of a row whose flags throw doubt on its figures."""

from __future__ import annotations

from collections.abc import Sequence

from esr.audit.flag_meanings import FlagGrade, grade_flags
from esr.base.visible_text import name
from esr.records.results_folder import Row

ROW_MARKS: dict[FlagGrade, str] = {"grave": "\N{DOUBLE DAGGER}", "doubt": "\N{DAGGER}", "note": ""}
"""By the gravest flag of a row."""

_SAYS: dict[FlagGrade, str] = {
    "grave": "a flag that honest submissions do not raise",
    "doubt": "a flag that throws doubt on a figure",
}


def mark_row(row: Row) -> str:
    """Choose the sign of a row; empty where no figure is in doubt."""
    grade = grade_flags(row.record.flags) if row.record else None
    return ROW_MARKS[grade] if grade else ""


def mark_name(row: Row) -> str:
    """Show what a row is called, with its sign."""
    return f"{name(row.name)} {mark_row(row)}".rstrip()


def explain_marks(rows: Sequence[Row]) -> str:
    """Say in a line what the signs beside some rows mean; empty without any."""
    shown = {mark_row(row) for row in rows}
    parts = [f"{ROW_MARKS[grade]} marks {says}" for grade, says in _SAYS.items()
             if ROW_MARKS[grade] in shown]  # fmt: skip
    return f"{'; '.join(parts)}; docs/flags.md says what each means." if parts else ""
