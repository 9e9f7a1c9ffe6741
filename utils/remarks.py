"""What the figures of a leaderboard cannot say themselves, in a line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from utils.ranking import PUBLISHED, Ranking
from utils.record import Record
from utils.row import Row

MARK = "!"
"""Stands beside a claim that differs."""


def remarks(ranking: Ranking, marked: bool) -> Iterator[str]:
    """Say who failed and why, what was ranked on what, and what does not fit together.

    Args:
        ranking: the leaderboard.
        marked: whether a claim is marked.
    """
    rows = [standing.row for standing in ranking.standings]
    records = [row.record for row in rows if row.record]
    for row in rows:
        if row.failure:
            yield f"{row.label} {_verb(row)} ({row.failure.stage}): {row.failure.reason}"
    for record in records:
        yield from _about_record(record)
    yield from _about_data(records)
    if marked:
        yield f"{MARK} marks a claim that differs by more than rounding."
    if len(rows) > 1:
        yield from _about_ranking(ranking, records)


def _about_record(record: Record) -> Iterator[str]:
    if record.note:
        yield f"{record.label}: {record.note}"
    yield from (f"{record.label}: {flag.name}: {flag.detail}" for flag in record.flags)


def _about_data(records: list[Record]) -> Iterator[str]:
    sets = sorted({(split.role, split.dataset) for record in records for split in record.splits})
    yield from (f"{role}: {dataset}" for role, dataset in sets if role != dataset)
    if any(record.clock == "perf_counter" for record in records):
        yield "Times are wall-clock times of a CPU, not comparable with official figures."


def _about_ranking(ranking: Ranking, records: list[Record]) -> Iterator[str]:
    for standing in ranking.standings:
        if standing.section == "unranked":
            yield f"{standing.row.label} is not ranked: {standing.reason}"
    yield _baseline(ranking)
    if ranking.choices.runtime == "robust":
        yield (
            "Ranked by warm runtimes with 95 % bootstrap intervals; neighbours whose intervals"
            " overlap form a tie."
        )
    else:
        yield "Ranked by official runtimes, a single run each."
    gates = {standing.gate.passed for standing in ranking.standings if standing.row.official}
    if gates == {None}:
        yield f"The PSNR gate of {ranking.protocol.name} was not judged: {_no_gate(ranking)}."
    questions: tuple[tuple[str, Callable[[Record], object]], ...] = (
        ("devices", lambda record: record.machine.device_name),
        ("PyTorch versions", lambda record: record.machine.torch),
        ("data sets", lambda record: tuple((s.role, s.dataset) for s in record.splits)),
    )
    for what, asked in questions:
        if len({asked(record) for record in records}) > 1:
            yield f"The rows were measured with different {what}: do not compare them."


def _no_gate(ranking: Ranking) -> str:
    if ranking.protocol.gate is None:
        return "none is known"
    return f"it is about {ranking.protocol.valid[0]} and {ranking.protocol.test[0]}"


def _baseline(ranking: Ranking) -> str:
    protocol = ranking.protocol
    if ranking.baseline == PUBLISHED:
        hardware = f" on {protocol.baseline.hardware}" if protocol.baseline.hardware else ""
        return f"Rules of {protocol.name}; baseline: {protocol.baseline.name}, published{hardware}."
    if ranking.baseline is not None:
        return f"Rules of {protocol.name}; baseline: {ranking.baseline}."
    return (
        f"Rules of {protocol.name}; its baseline {protocol.baseline.name} is not among the rows:"
        " choose one with python -m utils.leaderboard RESULTS --baseline LABEL, or its published"
        " figures with --baseline published."
    )


def _verb(row: Row) -> str:
    return f"failed; its figures are of {row.record.provenance.date}" if row.record else "failed"
