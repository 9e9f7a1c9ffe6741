"""Columns of the leaderboard: one entry adds one to the CSV file and, if brief, to the terminal.

A column turns a row into a raw value; nothing is rounded here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from utils import official_results
from utils.official_results import GIGA
from utils.record import Record
from utils.store import Row

Value = str | int | float | None
"""None is unknown and prints as an empty cell."""


@dataclass(frozen=True)
class Column:
    """One column of the leaderboard."""

    title: str
    """With the unit in brackets."""
    value: Callable[[Row], Value]
    format: str = ""
    """How the terminal rounds it."""
    brief: bool = False
    """Whether the terminal shows it."""


def _official(title: str, key: str, form: str) -> Column:
    def value(row: Row) -> Value:
        return (
            official_results.figure(official_results.entry(row.record), key) if row.record else None
        )

    return Column(title, value, form, brief=True)


def _of_record(title: str, value: Callable[[Record], Value], form: str = "") -> Column:
    return Column(title, lambda row: value(row.record) if row.record else None, form)


def _dataset(role: str) -> Callable[[Record], Value]:
    def value(record: Record) -> Value:
        split = record.split(role)
        return split.dataset if split else None

    return value


def _split_score(role: str, metric: str) -> Callable[[Record], Value]:
    def value(record: Record) -> Value:
        split = record.split(role)
        return split.score(metric) if split else None

    return value


def _status(row: Row) -> str:
    if row.failure is None:
        return "ok"
    return "failed" if row.record is None else "stale"


def _scaled(count: int | None, unit: int) -> float | None:
    return None if count is None else count / unit


OFFICIAL = (
    Column("Model", lambda row: row.label, brief=True),
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
    Column("Status", _status, brief=True),
    Column("Failed stage", lambda row: row.failure.stage if row.failure else None),
    Column("Reason", lambda row: row.failure.reason if row.failure else None),
    _of_record("Team", lambda r: r.sidecar.team.name),
    _of_record("Form", lambda r: r.form),
    _of_record("Protocol", lambda r: r.protocol),
    _of_record("Val set", _dataset("valid")),
    _of_record("Test set", _dataset("test")),
    _of_record("Val SSIM", _split_score("valid", "ssim")),
    _of_record("Test SSIM", _split_score("test", "ssim")),
    _of_record("Clock", lambda r: r.clock),
    _of_record("Device", lambda r: r.machine.device_name),
    _of_record("FLOPs official [G]", lambda r: _scaled(r.counts.flops_official, GIGA)),
    _of_record("FLOPs fvcore [G]", lambda r: _scaled(r.counts.flops_fvcore, GIGA)),
    _of_record("FLOPs thop [G]", lambda r: _scaled(r.counts.flops_thop, GIGA)),
    _of_record("Params", lambda r: r.counts.params),
    _of_record("Acts", lambda r: r.counts.activations),
    _of_record("Process memory [MiB]", lambda r: r.peak_rss_mib),
    _of_record("Output dtype", lambda r: r.output_dtype),
    _of_record("Checkpoint sha256", lambda r: r.provenance.checkpoint_sha256),
    _of_record("Date", lambda r: r.provenance.date),
)
"""What the official table does not say."""

COLUMNS = (*OFFICIAL, *OURS)


def columns_for(rows: list[Row]) -> tuple[Column, ...]:
    """List the columns of a leaderboard: `COLUMNS`, and three for every further data set."""
    known = {"valid", "test", "hybrid_test"}
    roles = dict.fromkeys(
        split.role
        for row in rows
        if row.record
        for split in row.record.splits
        if split.role not in known
    )
    further = [column for role in roles for column in _dataset_columns(role)]
    return (*COLUMNS, *further)


def _dataset_columns(role: str) -> tuple[Column, ...]:
    def runtime(record: Record) -> Value:
        split = record.split(role)
        return split.runtime_ms if split else None

    return (
        _of_record(f"{role} PSNR", _split_score(role, "psnr")),
        _of_record(f"{role} SSIM", _split_score(role, "ssim")),
        _of_record(f"{role} Time [ms]", runtime),
    )
