"""When the phases of a competition begin and end, in UTC, as the server takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from esr.base.errors import UserError

FORM = "%Y-%m-%d %H:%M:%S"
_LENGTHS = (timedelta(weeks=7), timedelta(weeks=1))
"""Of the validation phase and of the test phase, about those of the challenges."""
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class PhaseDates:
    """One phase, as it is written."""

    start: str
    end: str


def choose_dates(given: Sequence[Sequence[str] | None], today: datetime) -> list[PhaseDates]:
    """Take the dates that were given, and sensible ones instead of those that were not.

    Args:
        given: (start, end) of each phase, in order; None for the default: the first begins at the
            next midnight, each other when the one before has ended.
        today: now.

    Raises:
        UserError: no date, or one that does not follow the one before it.
    """
    chosen = []
    midnight = today.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    after = midnight + timedelta(days=1) - _SECOND
    for number, dates in enumerate(given):
        length = _LENGTHS[min(number, len(_LENGTHS) - 1)]
        start, end = map(_date, dates) if dates else (after + _SECOND, after + length)
        if number and start <= after:
            what = f"phase {number + 1} starts {start:{FORM}}, not after {after:{FORM}}"
            raise UserError(what, where="dates", remedy="a phase starts when the last has ended")
        if end <= start:
            what = f"phase {number + 1} ends {end:{FORM}}, not after its start {start:{FORM}}"
            raise UserError(what, where="dates", remedy="give a later end")
        chosen.append(PhaseDates(f"{start:{FORM}}", f"{end:{FORM}}"))
        after = end
    return chosen


def _date(text: str) -> datetime:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        remedy = "write it as '2027-01-31 12:00:00', in UTC"
        raise UserError("is no date", where=f"'{text}'", remedy=remedy) from None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
