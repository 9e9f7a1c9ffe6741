"""Columns of the leaderboard: one entry adds one to every table.

A column turns a standing into a raw value; nothing is rounded here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from esr.audit.complexity_flags import complexity_notes
from esr.base.visible_text import name
from esr.images.metrics import METRICS
from esr.rank.figures import has_test
from esr.rank.ranking import Ranking, Standing
from esr.records.official_results import GIGA, look_up, scaled
from esr.records.record import Record, SplitResult
from esr.report.claims import PREFIXES, agrees

# Named again, since whoever handles a board's columns looks for their types here.
from esr.report.column import Column as Column
from esr.report.column import Value as Value
from esr.report.column import known, varied
from esr.report.fixed_input_columns import REAL_TIME
from esr.report.ranking_columns import ranking_columns
from esr.report.timing_columns import TIMING, of_record


def _official(title: str, key: str, form: str, priority: int) -> Column:
    def value(standing: Standing) -> Value:
        found: object = look_up(standing.row.official or {}, key)
        # Infinite is a figure to show, though none to rank by: the PSNR of equal images.
        return found if isinstance(found, int | float) else None

    return Column(title, value, form, priority)


def _status(standing: Standing) -> str:
    row = standing.row
    if row.failure is None:
        return "ok"
    return "failed" if row.record is None else "stale"


OFFICIAL = (
    Column(
        "Model",
        lambda standing: standing.row.label,
        priority=0,
        text=lambda standing: name(standing.row.label),
    ),
    _official("Val PSNR", "valid_ave_psnr", ".2f", 1),
    _official("Test PSNR", "test_ave_psnr", ".2f", 1),
    _official("Val Time [ms]", "valid_ave_runtime", ".2f", 6),
    _official("Test Time [ms]", "test_ave_runtime", ".2f", 6),
    _official("Ave Time [ms]", "ave_runtime", ".2f", 2),
    _official("Params [M]", "num_parameters", ".3f", 3),
    _official("FLOPs [G]", "flops", ".2f", 4),
    _official("Acts [M]", "activations", ".2f", 9),
    _official("Mem [M]", "valid_memory", ".2f", 8),
    _official("Conv", "num_conv", "d", 10),
)
"""The official columns by their official names, in their order."""

OURS = (
    Column("Status", _status),
    Column("Failed stage", lambda s: s.row.failure.stage if s.row.failure else None),
    Column("Reason", lambda s: s.row.failure.reason if s.row.failure else None),
    of_record("Flags", lambda r: ", ".join(flag.name for flag in r.flags) or None),
    of_record("Team", lambda r: r.sidecar.team.name),
    of_record("Form", lambda r: r.form),
    of_record("Scale", lambda r: f"x{r.sidecar.scale}", priority=5),
    of_record("Protocol", lambda r: r.protocol, priority=5),
    of_record("Clock", lambda r: r.clock, priority=5),
    of_record("Device", lambda r: r.machine.device_name),
    of_record("FLOPs official [G]", lambda r: scaled(r.counts.flops_official, GIGA)),
    of_record("FLOPs fvcore [G]", lambda r: scaled(r.counts.flops_fvcore, GIGA)),
    of_record("FLOPs thop [G]", lambda r: scaled(r.counts.flops_thop, GIGA)),
    of_record("FLOPs dispatch [G]", lambda r: scaled(r.counts.flops_dispatch, GIGA)),
    of_record("Counters", lambda r: "; ".join(complexity_notes(r.counts)) or None),
    of_record("Params", lambda r: r.counts.params),
    of_record("Acts", lambda r: r.counts.activations),
    of_record("Process memory [MiB]", lambda r: r.peak_rss_mib),
    *TIMING,
    *REAL_TIME,
    of_record("Output dtype", lambda r: r.output_dtype),
    of_record("Weights", lambda r: ", ".join(r.precision.weights) if r.precision else None),
    of_record("Arithmetic", lambda r: ", ".join(r.precision.arithmetic) if r.precision else None),
    of_record("Checkpoint sha256", lambda r: r.provenance.checkpoint_sha256),
    of_record("Note", lambda r: r.note),
    of_record("Date", lambda r: r.provenance.date),
)
"""What the official table does not say."""


def columns_for(ranking: Ranking) -> tuple[Column, ...]:
    """List the columns: the official ones, ranking, ours, and what each data set adds."""
    records = [standing.row.record for standing in ranking.standings]
    splits = [split for record in records if record for split in record.splits]
    further = dict.fromkeys(split.role for split in splits if split.role not in PREFIXES)
    columns = [*_official_columns(ranking), *ranking_columns(ranking), *OURS]
    columns += [*_set_columns("Val", VALID), *_set_columns("Test", ("test",))]
    for role in further:
        columns += [
            *_set_columns(role, (role,), official_psnr=False),
            _of_split(f"{role} Time [ms]", (role,), lambda s: s.runtime_ms, ".2f", 8, known),
        ]
    return tuple(columns)


def _official_columns(ranking: Ranking) -> list[Column]:
    if any(has_test(standing.row) for standing in ranking.standings):
        return list(OFFICIAL)
    # Without a test set it is the validation runtime that nobody may miss.
    return [
        replace(column, priority=2) if column.title == "Val Time [ms]" else column
        for column in OFFICIAL
    ]


def claim_columns(
    measured: tuple[Column, ...], claims: Mapping[str, Mapping[str, Decimal]]
) -> list[Column]:
    """List the columns of claims beside those that were measured.

    Args:
        measured: columns.
        claims: by label, what the factsheet claims, by column title (`claims.claimed`).
    """
    ever = {title for own in claims.values() for title in own}
    compared = [column for column in measured if column.title in ever]

    def differing(standing: Standing) -> str | None:
        own = claims.get(standing.row.label, {})
        titles = [c.title for c in compared if differs(c, standing, own)]
        return ", ".join(titles) or None

    return [
        *(_claimed(column, claims) for column in compared),
        Column("Claims that differ", differing),
    ]


def differs(column: Column, standing: Standing, claims: Mapping[str, Decimal]) -> bool:
    """Tell whether a cell differs from its claim by more than rounding."""
    claim, value = claims.get(column.title), column.value(standing)
    return claim is not None and isinstance(value, int | float) and not agrees(claim, value)


def _claimed(column: Column, claims: Mapping[str, Mapping[str, Decimal]]) -> Column:
    def value(standing: Standing) -> Value:
        claim = claims.get(standing.row.label, {}).get(column.title)
        return None if claim is None else float(claim)

    return Column(f"Claimed {column.title}", value)


VALID = ("valid", "hybrid_test")
"""Roles that fill the validation columns; a run has one of them."""


def _set_columns(title: str, roles: tuple[str, ...], official_psnr: bool = True) -> list[Column]:
    """The data set's name and every metric, but PSNR where an official column shows it."""
    return [
        _of_split(f"{title} set", roles, lambda split: split.dataset, priority=5),
        *(
            _of_split(
                f"{title} {metric.name.upper()}",
                roles,
                _score(metric.name),
                f".{metric.decimals}f",
                priority=7,
                shown=known,
            )
            for metric in METRICS.values()
            if not (official_psnr and metric.name == "psnr")
        ),
    ]


def _score(metric: str) -> Callable[[SplitResult], Value]:
    return lambda split: split.score(metric)


def _of_split(
    title: str,
    roles: tuple[str, ...],
    value: Callable[[SplitResult], Value],
    form: str = "",
    priority: int | None = None,
    shown: Callable[[Sequence[Value]], bool] = varied,
) -> Column:
    def of_set(record: Record) -> Value:
        found = next((split for split in record.splits if split.role in roles), None)
        return value(found) if found else None

    return of_record(title, of_set, form, priority, shown)
