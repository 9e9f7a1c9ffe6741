"""What `python -m esr rows` is told to do with which rows: done, and told in a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from esr.base.errors import UserError
from esr.base.visible_text import name, one_line
from esr.challenge.protocol import Protocol
from esr.rank.entrants import is_baseline
from esr.records.results_folder import Row, Store

_REASON_AT_MOST = 300
"""Letters: it stands in a cell of every table."""


@dataclass(frozen=True)
class RowChanges:
    """Labels of the rows that something shall be done with."""

    hide: Sequence[str]
    show: Sequence[str]
    disqualify: Sequence[str]
    reinstate: Sequence[str]
    remove: Sequence[str]
    reason: str = ""
    """Why some are disqualified, fit to be shown."""

    def __post_init__(self) -> None:
        for (flag, labels), (other, others) in combinations(self._by_flag(), 2):
            undone = {flag, other} in ({"--hide", "--show"}, {"--disqualify", "--reinstate"})
            if (undone or other == "--remove") and (both := [x for x in labels if x in others]):
                where = f"{flag} {name(both[0])}"
                raise UserError(f"it stands behind {other} too", where=where, remedy="leave one")

    def __bool__(self) -> bool:
        return any(labels for _, labels in self._by_flag())

    def _by_flag(self) -> tuple[tuple[str, Sequence[str]], ...]:
        return (
            ("--hide", self.hide),
            ("--show", self.show),
            ("--disqualify", self.disqualify),
            ("--reinstate", self.reinstate),
            ("--remove", self.remove),
        )

    def apply(self, store: Store, protocol: Protocol) -> list[str]:
        """Do it.

        Args:
            store: the results folder.
            protocol: whose baseline cannot be disqualified without a word.

        Returns:
            what was done with each row, a line each
        """
        rows, hidden = {row.label: row for row in store.rows()}, store.hidden()
        store.hide(self.hide)
        store.show(self.show)
        store.disqualified.add(self.disqualify, self.reason)
        store.disqualified.drop(self.reinstate)
        moved = store.remove(self.remove)
        return [*self._tell(rows, hidden, protocol), *(f"moved to {file}" for file in moved)]

    def _tell(self, rows: Mapping[str, Row], hidden: set[str], protocol: Protocol) -> Iterator[str]:
        for label in self.hide:
            yield f"{name(rows[label].name)} {_HIDDEN} (--show {name(label)} takes it back)"
        for label in self.show:
            what = "is in every table again" if label in hidden else "was not hidden"
            yield f"{name(rows[label].name)} {what}"
        for label in self.disqualify:
            yield from _tell_disqualified(rows[label], self.reason, protocol)
        for label in self.reinstate:
            before = rows[label].disqualified
            what = "was not disqualified" if before is None else f"{_REINSTATED} ({before})"
            yield f"{name(rows[label].name)} {what}"


_HIDDEN = (
    "is hidden: it is in no table and not in the report, and others are ranked without it; what was"
    " measured stays"
)
_REINSTATED = "is ranked again as the rules say; it was disqualified"
_DISQUALIFIED = "is disqualified: below the line, without rank and score, with the reason"


def _tell_disqualified(row: Row, reason: str, protocol: Protocol) -> Iterator[str]:
    called, back = name(row.name), f"--reinstate {name(row.label)} takes it back"
    yield f"{called} {_DISQUALIFIED}: {reason} ({back})"
    if is_baseline(row, protocol):
        yield (
            f"{called} is the baseline of {protocol.name}: there are no scores without it; choose"
            " another with python -m esr leaderboard RESULTS --baseline LABEL"
        )


def read_reason(text: str | None, is_needed: bool) -> str:
    """Make what was typed fit to be shown.

    Args:
        text: what follows `--reason`; None without it.
        is_needed: whether anybody is disqualified.

    Raises:
        UserError: it is missing, empty or too long, or nobody is disqualified.
    """
    if not is_needed:
        if text is not None:
            remedy = "add --disqualify LABEL"
            raise UserError("nobody is disqualified", where="--reason", remedy=remedy)
        return ""
    if text is None or not text.strip():
        remedy = "add --reason TEXT, which stands in every table"
        raise UserError("no reason is given", where="--disqualify", remedy=remedy)
    if len(text.strip()) > _REASON_AT_MOST:
        what = f"{len(text.strip())} characters are too many for a cell of a table"
        remedy = f"say it in {_REASON_AT_MOST}"
        raise UserError(what, where="--reason", remedy=remedy)
    return one_line(text)
