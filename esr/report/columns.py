"""Columns of the leaderboard: one entry in OURS adds one to every table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from esr.audit.record_flags import complexity_notes
from esr.base.visible_text import one_line
from esr.images.metrics import METRICS
from esr.rank.figures import has_test, ranked_split
from esr.rank.ranking import Ranking, Standing
from esr.records import official_results
from esr.records.official_results import GIGA, MEGA, scaled
from esr.records.record import Record
from esr.records.split_result import SplitResult
from esr.report.cell import (
    Column,
    Value,
    any_known,
    differ,
    read_conditions,
    read_first_split,
    read_input,
    read_input_run,
    read_official,
    read_record,
    read_robust,
)
from esr.report.claims import PREFIXES
from esr.report.deployment_columns import list_deployment_columns
from esr.report.ranking_columns import list_ranking_columns
from esr.report.row_marks import mark_name
from esr.report.runtime_columns import has_several_processes

_PRIORITIES = (1, 1, 6, 6, 2, 3, 4, 9, 8, 10)
"""Of the official columns, in their order."""

OFFICIAL = (
    Column(
        "Model",
        lambda standing: standing.row.name,
        priority=0,
        text=lambda standing: mark_name(standing.row),
    ),
    *(read_official(*pair) for pair in zip(official_results.COLUMNS, _PRIORITIES, strict=True)),
)
"""The official columns by their official names, in their order."""


def _read_status(standing: Standing) -> str:
    row = standing.row
    if row.failure is None:
        return "ok"
    return "failed" if row.record is None else "stale"


OURS = (
    Column("Status", _read_status),
    Column("Failed stage", lambda s: s.row.failure.stage if s.row.failure else None),
    Column("Reason", lambda s: s.row.failure.reason if s.row.failure else None),
    read_record("Flags", lambda r: ", ".join(flag.name for flag in r.flags) or None),
    read_record("Team", lambda r: r.sidecar.team.name),
    read_record("Form", lambda r: r.form),
    read_record("Scale", lambda r: f"x{r.sidecar.scale}", priority=5),
    read_record("Protocol", lambda r: r.protocol, priority=5),
    read_record("Clock", lambda r: r.clock, priority=5),
    read_record("Device", lambda r: r.machine.device_name),
    read_record("FLOPs official [G]", lambda r: scaled(r.counts.flops_official, GIGA)),
    read_record("FLOPs fvcore [G]", lambda r: scaled(r.counts.flops_fvcore, GIGA)),
    read_record("FLOPs thop [G]", lambda r: scaled(r.counts.flops_thop, GIGA)),
    read_record("FLOPs dispatch [G]", lambda r: scaled(r.counts.flops_dispatch, GIGA)),
    read_record(
        "Counters", lambda r: "; ".join((*complexity_notes(r.counts), *r.counts.notes)) or None
    ),
    read_record("Params", lambda r: r.counts.params),
    read_record("Acts", lambda r: r.counts.activations),
    read_record("Process memory [MiB]", lambda r: r.peak_rss_mib),
    # How runtime and memory were measured, of the first data set.
    read_robust("Warm p90 [ms]", lambda robust: robust.p90_ms, ".2f"),
    read_robust("Warm samples", lambda robust: robust.samples, "d"),
    read_first_split("Steady ended", lambda s: s.steady.ended if s.steady else None),
    read_first_split("Steady rounds", lambda s: s.steady.rounds if s.steady else None, "d"),
    read_first_split("Launch share", lambda s: s.steady.launch_share if s.steady else None, ".2f"),
    read_first_split(
        "Energy [J/image]", lambda s: s.energy.joules_per_image if s.energy else None, ".3f"
    ),
    read_first_split("Idle power [W]", lambda s: s.energy.idle_w if s.energy else None, ".1f"),
    read_first_split("Busy power [W]", lambda s: s.energy.busy_w if s.energy else None, ".1f"),
    read_conditions("Warm wall [ms]", lambda conditions: conditions.wall_ms, ".2f"),
    read_conditions("Throttled samples", lambda conditions: len(conditions.throttled), "d"),
    read_first_split("Cold [ms]", lambda split: split.cold_ms, ".2f"),
    read_first_split("Cold ratio", lambda split: split.cold_ratio, ".2f"),
    read_first_split("First image [%]", lambda split: split.first_image_percent, ".1f"),
    read_first_split("Cold start [%]", lambda split: split.cold_start_percent, ".1f"),
    read_first_split("Parent's clock [ms]", lambda split: split.parents_runtime_ms, ".2f"),
    read_record("Processes", lambda r: r.process_count, "d"),
    read_first_split("Mean of processes [ms]", lambda split: split.process_mean_ms, ".2f"),
    read_first_split("Spread of processes [%]", lambda s: s.process_spread_percent, ".2f"),
    read_record("Busy cores", lambda r: r.busy_cores, ".1f"),
    read_record("Left out", lambda r: "; ".join(r.left_out) or None),
    read_record("Drift [%]", lambda r: r.drift.percent if r.drift else None, "+.2f", priority=8),
    read_first_split("Reserved Mem [MiB]", lambda split: split.reserved_mib, ".2f"),
    read_conditions("Clean Mem [MiB]", lambda conditions: conditions.memory_mib, ".2f"),
    read_conditions("Clean Reserved [MiB]", lambda conditions: conditions.reserved_mib, ".2f"),
    # P0, and what the fixed input of a real-time challenge cost; unseen where there is none.
    read_record("Bicubic PSNR", lambda r: ranked_split(r).bicubic_psnr_db, ".2f", 6, any_known),
    read_input_run("Input Time [ms]", lambda run: run.mean_ms, ".2f", priority=2),
    read_input_run("Input FPS", lambda run: 1000 / run.mean_ms, ".1f", priority=7),
    read_input_run("Input dtype", lambda run: run.dtype.removeprefix("torch."), priority=5),
    read_input_run("Input calls", lambda run: len(run.samples_ms), "d", priority=7),
    read_input_run("Input warm-ups", lambda run: run.warmups, "d"),
    read_input_run("Input fp32 Time [ms]", lambda run: run.mean_ms, ".2f", dtype="torch.float32"),
    read_input_run("Input fp16 Time [ms]", lambda run: run.mean_ms, ".2f", dtype="torch.float16"),
    read_input("Input size", lambda fixed: "x".join(map(str, fixed.input_size)), priority=7),
    read_input("Input FLOPs [G]", lambda fixed: scaled(fixed.flops_official, GIGA), ".4f", 4),
    read_input("Input Acts [M]", lambda fixed: scaled(fixed.activations, MEGA), ".2f"),
    read_input("Input notes", lambda fixed: "; ".join(fixed.notes) or None),
    read_record("Output dtype", lambda r: r.output_dtype),
    read_record("Weights", lambda r: ", ".join(r.precision.weights) if r.precision else None),
    read_record("Arithmetic", lambda r: ", ".join(r.precision.arithmetic) if r.precision else None),
    read_record("Checkpoint sha256", lambda r: r.provenance.checkpoint_sha256),
    read_record("Note", lambda r: r.note),
    read_record("Date", lambda r: r.provenance.date),
)
"""What the official table does not say."""

_SET_NAME_AT_MOST = 10

VALID = ("valid", "hybrid_test")
"""Roles that fill the validation columns; a run has one of them."""


def list_columns(ranking: Ranking) -> tuple[Column, ...]:
    """List the columns: the official ones, ranking, ours, and what each data set adds."""
    records = [standing.row.record for standing in ranking.standings]
    splits = [split for record in records if record for split in record.splits]
    further_roles = dict.fromkeys(split.role for split in splits if split.role not in PREFIXES)
    columns = [*_list_official_columns(ranking), *list_ranking_columns(ranking), *OURS]
    columns += [*_list_set_columns("Val", VALID), *_list_set_columns("Test", ("test",))]
    columns = _name_other_set(columns, ranking, splits)
    columns += list_deployment_columns([record for record in records if record])
    for role in further_roles:
        columns += [
            *_list_set_columns(role, (role,), official_psnr=False),
            _read_set(f"{role} Time [ms]", (role,), lambda s: s.runtime_ms, ".2f", 8, any_known),
        ]
    return tuple(columns)


def _list_official_columns(ranking: Ranking) -> list[Column]:
    columns = list(OFFICIAL)
    if not any(has_test(standing.row) for standing in ranking.standings):
        # Without a test set it is the validation runtime that nobody may miss.
        columns = [
            replace(column, priority=2) if column.title == "Val Time [ms]" else column
            for column in columns
        ]
    if not has_several_processes(ranking):
        return columns
    return [
        replace(column, short_title=column.title.replace(" [", ", first process ["))
        if column.title.endswith(" Time [ms]")
        else column
        for column in columns
    ]


def _name_other_set(
    columns: Sequence[Column], ranking: Ranking, splits: Sequence[SplitResult]
) -> list[Column]:
    """Put the set's name for `Val` where people read it, if all have one that is not official."""
    protocol = ranking.protocol
    measured = {split.dataset for split in splits if split.role in VALID}
    if len(measured) != 1 or measured & {*protocol.valid, *protocol.hybrid_test}:
        return list(columns)
    (dataset,) = measured
    shown = one_line(dataset, _SET_NAME_AT_MOST)
    return [
        replace(column, short_title=f"{shown}{column.heading.removeprefix('Val')}")
        if column.title.startswith("Val ") and column.priority is not None
        else column
        for column in columns
    ]


def _list_set_columns(
    title: str, roles: tuple[str, ...], official_psnr: bool = True
) -> list[Column]:
    """The data set's name and every metric, but PSNR where an official column shows it."""
    columns = [_read_set(f"{title} set", roles, lambda split: split.dataset, priority=5)]
    for metric in METRICS.values():
        if not (official_psnr and metric.name == "psnr"):
            heading, form = f"{title} {metric.name.upper()}", f".{metric.decimals}f"
            columns.append(_read_set(heading, roles, _read_mean(metric.name), form, 7, any_known))
    return columns


def _read_mean(metric: str) -> Callable[[SplitResult], Value]:
    return lambda split: split.score(metric)


def _read_set(
    title: str,
    roles: tuple[str, ...],
    value: Callable[[SplitResult], Value],
    form: str = "",
    priority: int | None = None,
    shown: Callable[[Sequence[Value]], bool] = differ,
) -> Column:
    def read(record: Record) -> Value:
        split = next((split for split in record.splits if split.role in roles), None)
        return value(split) if split else None

    return read_record(title, read, form, priority, shown)
