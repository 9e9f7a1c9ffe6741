"""The rules that a results folder was measured under."""

from __future__ import annotations

from collections.abc import Iterable

from esr.challenge.protocol import protocols
from esr.records.record import Record


def find_own_protocol(records: Iterable[Record]) -> str | None:
    """Name the rules of the latest record.

    Returns:
        the protocol's name; None if there is no record, or no such protocol in this version
    """
    latest = max(records, key=lambda record: record.provenance.date, default=None)
    return latest.protocol if latest is not None and latest.protocol in protocols() else None
