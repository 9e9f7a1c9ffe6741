"""Columns of the leaderboard: one entry adds one to every table.

A column turns a standing into a raw value; nothing is rounded here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from utils import official_results
from utils.claims import PREFIXES, agrees
from utils.metrics import METRICS
from utils.official_results import GIGA, scaled
from utils.protocol import Track
from utils.ranking import Placing, Ranking, Standing
from utils.record import Record, SplitResult

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
    value: Callable[[Standing], Value]
    format: str = ""
    """How the terminal rounds it."""
    shown: Callable[[set[Value]], bool] = lambda _: False
    """Whether the terminal shows it, given its values in all rows."""


def _official(title: str, key: str, form: str) -> Column:
    def value(standing: Standing) -> Value:
        return official_results.figure(standing.row.official or {}, key)

    return Column(title, value, form, shown=_known)


def _of_record(
    title: str,
    value: Callable[[Record], Value],
    shown: Callable[[set[Value]], bool] = lambda _: False,
) -> Column:
    def of_standing(standing: Standing) -> Value:
        return value(standing.row.record) if standing.row.record else None

    return Column(title, of_standing, shown=shown)


def _status(standing: Standing) -> str:
    row = standing.row
    if row.failure is None:
        return "ok"
    return "failed" if row.record is None else "stale"


OFFICIAL = (
    Column("Model", lambda standing: standing.row.label, shown=_known),
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
    Column("Failed stage", lambda s: s.row.failure.stage if s.row.failure else None),
    Column("Reason", lambda s: s.row.failure.reason if s.row.failure else None),
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


def columns_for(ranking: Ranking) -> tuple[Column, ...]:
    """List the columns: the official ones, ranking, ours, and what each data set adds."""
    records = [standing.row.record for standing in ranking.standings]
    splits = [split for record in records if record for split in record.splits]
    further = dict.fromkeys(split.role for split in splits if split.role not in PREFIXES)
    columns = [*OFFICIAL, *_ranking_columns(ranking), *OURS]
    columns += [*_set_columns("Val", VALID), *_set_columns("Test", ("test",))]
    for role in further:
        columns += [
            *_set_columns(role, (role,)),
            _of_split(f"{role} PSNR", (role,), _score("psnr")),
        ]
        columns += [_of_split(f"{role} Time [ms]", (role,), lambda split: split.runtime_ms)]
    return tuple(columns)


def _ranking_columns(ranking: Ranking) -> list[Column]:
    columns = [
        column
        for index, track in enumerate(ranking.protocol.tracks)
        for column in _track_columns(track, index)
    ]
    return [
        *columns,
        Column("Not ranked because", lambda s: None if s.section == "failed" else s.reason),
        Column("Baseline", lambda s: "baseline" if s.is_baseline else None),
        Column("Val gate margin [dB]", lambda s: s.gate.val_margin_db, "+.3f"),
        Column("Test gate margin [dB]", lambda s: s.gate.test_margin_db, "+.3f"),
        Column("Gate", lambda s: _GATE[s.gate.passed]),
        Column("Ranked runtime [ms]", lambda s: s.runtime.value if s.runtime else None, ".2f"),
        Column("Runtime low [ms]", lambda s: _end(s, "low"), ".2f"),
        Column("Runtime high [ms]", lambda s: _end(s, "high"), ".2f"),
    ]


_GATE = {True: "passed", False: "failed", None: None}


def _end(standing: Standing, end: str) -> float | None:
    """An end of the runtime's interval; a single run has none."""
    runtime = standing.runtime
    if runtime is None or runtime.low == runtime.high:
        return None
    return float(getattr(runtime, end))


def _track_columns(track: Track, index: int) -> list[Column]:
    def of_placing(value: Callable[[Placing], Value]) -> Callable[[Standing], Value]:
        return lambda standing: value(standing.placings[index])

    name = track.name
    columns = [
        Column(f"Rank {name}", of_placing(lambda p: p.rank), "d"),
        Column(f"Score {name}", of_placing(lambda p: p.score.value if p.score else None), ".4g"),
        Column(f"Tie {name}", of_placing(lambda p: p.tie), "d"),
    ]
    if track.score == "exponential":
        log = of_placing(lambda p: p.score.log if p.score else None)
        columns.append(Column(f"ln Score {name}", log, ".3f"))
    return columns


def claim_columns(
    measured: tuple[Column, ...], claims: Mapping[str, Mapping[str, Decimal]]
) -> list[Column]:
    """List the columns of claims beside those that were measured.

    Args:
        measured: columns.
        claims: by label, what the factsheet claims, by column title (`utils.claims.claimed`).
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
