"""Columns of the leaderboard: one entry adds one to the CSV file and, if shown, to the terminal.

A column turns a row into a raw value; nothing is rounded here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from utils import official_results
from utils.claims import PREFIXES, agrees, claimed
from utils.metrics import METRICS
from utils.official_results import GIGA, scaled
from utils.record import Record, SplitResult
from utils.store import Row

Value = str | int | float | None
"""None is unknown and prints as an empty cell."""


def _known(values: set[Value]) -> bool:
    return values != {None}


def _varied(values: set[Value]) -> bool:
    return len(values - {None}) > 1


@dataclass(frozen=True)
class Column:
    """One column of the leaderboard."""

    title: str
    """With the unit in brackets."""
    value: Callable[[Row], Value]
    format: str = ""
    """How the terminal rounds it."""
    shown: Callable[[set[Value]], bool] = lambda _: False
    """Whether the terminal shows it, given its values in all rows."""


def _official(title: str, key: str, form: str) -> Column:
    def value(row: Row) -> Value:
        return (
            official_results.figure(official_results.entry(row.record), key) if row.record else None
        )

    return Column(title, value, form, shown=_known)


def _of_record(
    title: str,
    value: Callable[[Record], Value],
    shown: Callable[[set[Value]], bool] = lambda _: False,
) -> Column:
    return Column(title, lambda row: value(row.record) if row.record else None, shown=shown)


def _status(row: Row) -> str:
    if row.failure is None:
        return "ok"
    return "failed" if row.record is None else "stale"


OFFICIAL = (
    Column("Model", lambda row: row.label, shown=_known),
    _official("Val PSNR", "valid_ave_psnr", ".2f"),
    _official("Test PSNR", "test_ave_psnr", ".2f"),
    _official("Val Time [ms]", "valid_ave_runtime", ".2f"),
    _official("Test Time [ms]", "test_ave_runtime", ".2f"),
    _official("Ave Time [ms]", "ave_runtime", ".2f"),
    _official("Params [M]", "num_parameters", ".3f"),
    _official("FLOPs [G]", "flops", ".2f"),
    _official("Acts [M]", "activations", ".2f"),
    _official("Mem [M]", "valid_memory", ".2f"),
    _official("Conv", "num_conv", "d"),
)
"""The official columns by their official names, in their order."""

OURS = (
    Column("Status", _status, shown=lambda values: "stale" in values),
    Column("Failed stage", lambda row: row.failure.stage if row.failure else None),
    Column("Reason", lambda row: row.failure.reason if row.failure else None),
    _of_record("Team", lambda r: r.sidecar.team.name),
    _of_record("Form", lambda r: r.form),
    _of_record("Scale", lambda r: f"x{r.sidecar.scale}", shown=_varied),
    _of_record("Protocol", lambda r: r.protocol, shown=_varied),
    _of_record("Clock", lambda r: r.clock, shown=_varied),
    _of_record("Device", lambda r: r.machine.device_name),
    _of_record("FLOPs official [G]", lambda r: scaled(r.counts.flops_official, GIGA)),
    _of_record("FLOPs fvcore [G]", lambda r: scaled(r.counts.flops_fvcore, GIGA)),
    _of_record("FLOPs thop [G]", lambda r: scaled(r.counts.flops_thop, GIGA)),
    _of_record("Params", lambda r: r.counts.params),
    _of_record("Acts", lambda r: r.counts.activations),
    _of_record("Process memory [MiB]", lambda r: r.peak_rss_mib),
    _of_record("Output dtype", lambda r: r.output_dtype),
    _of_record("Checkpoint sha256", lambda r: r.provenance.checkpoint_sha256),
    _of_record("Note", lambda r: r.note),
    _of_record("Date", lambda r: r.provenance.date),
)
"""What the official table does not say."""

COLUMNS = (*OFFICIAL, *OURS)


def columns_for(rows: list[Row]) -> tuple[Column, ...]:
    """List the columns of a leaderboard: `COLUMNS`, and what each data set adds."""
    splits = [split for row in rows if row.record for split in row.record.splits]
    further = dict.fromkeys(split.role for split in splits if split.role not in PREFIXES)
    columns = [*COLUMNS, *_set_columns("Val", VALID), *_set_columns("Test", ("test",))]
    for role in further:
        columns += [
            *_set_columns(role, (role,)),
            _of_split(f"{role} PSNR", (role,), _score("psnr")),
        ]
        columns += [_of_split(f"{role} Time [ms]", (role,), lambda split: split.runtime_ms)]
    ever = {title for row in rows if row.record for title in claimed(row.record)}
    return (*columns, *_claim_columns([column for column in columns if column.title in ever]))


def claim_of(column: Column, row: Row) -> Decimal | None:
    """Look up what the factsheet claims for a cell; None if nothing."""
    return claimed(row.record).get(column.title) if row.record else None


def differs(column: Column, row: Row) -> bool:
    """Tell whether a cell differs from its claim by more than rounding."""
    claim, value = claim_of(column, row), column.value(row)
    return claim is not None and isinstance(value, int | float) and not agrees(claim, value)


def _claim_columns(measured: list[Column]) -> list[Column]:
    def differing(row: Row) -> str | None:
        titles = [column.title for column in measured if differs(column, row)]
        return ", ".join(titles) or None

    claims = [
        Column(f"Claimed {column.title}", partial(_claimed_value, column)) for column in measured
    ]
    return [*claims, Column("Claims that differ", differing)]


def _claimed_value(column: Column, row: Row) -> Value:
    claim = claim_of(column, row)
    return None if claim is None else float(claim)


VALID = ("valid", "hybrid_test")
"""Roles that fill the validation columns; a run has one of them."""


def _set_columns(title: str, roles: tuple[str, ...]) -> list[Column]:
    """The data set's name and every metric; PSNR has an official column where there is a title."""
    others = [name for name in METRICS if name != "psnr"]
    return [
        _of_split(f"{title} set", roles, lambda split: split.dataset, _varied),
        *(_of_split(f"{title} {name.upper()}", roles, _score(name)) for name in others),
    ]


def _score(metric: str) -> Callable[[SplitResult], Value]:
    return lambda split: split.score(metric)


def _of_split(
    title: str,
    roles: tuple[str, ...],
    value: Callable[[SplitResult], Value],
    shown: Callable[[set[Value]], bool] = lambda _: False,
) -> Column:
    def of_record(record: Record) -> Value:
        found = next((split for split in record.splits if split.role in roles), None)
        return value(found) if found else None

    return _of_record(title, of_record, shown)
