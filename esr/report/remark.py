"""What is said of the figures of a leaderboard, graded by how much it matters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Grade = Literal["forbids", "warning", "note"]
"""`forbids`: figures of this board must not be compared, with each other or with published ones.
`warning`: something looks wrong, or is missing that a reader would expect. `note`: how to read."""

GRADES: tuple[Grade, ...] = ("forbids", "warning", "note")
"""The gravest first."""


class Remark(str):
    """One line of plain text.

    Args:
        text: the line.
        grade: how much it matters.
        failed: labels of the rows whose failure it tells; empty for any other remark.
        columns: titles of those whose signs it explains, so that it says nothing below a table
            without them; empty for any other remark.
        is_kept: whether it is said however many others are left out.
    """

    __slots__ = ("columns", "failed", "grade", "is_kept")
    grade: Grade
    failed: frozenset[str]
    columns: frozenset[str]
    is_kept: bool

    def __new__(
        cls,
        text: str,
        grade: Grade = "note",
        failed: Iterable[str] = (),
        columns: Iterable[str] = (),
        *,
        is_kept: bool = False,
    ) -> Remark:
        """Make one."""
        made = super().__new__(cls, text)
        made.grade, made.failed, made.columns = grade, frozenset(failed), frozenset(columns)
        made.is_kept = is_kept
        return made
