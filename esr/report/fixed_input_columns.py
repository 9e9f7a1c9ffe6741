"""Columns of the Real-Time challenge: runtime and operations of the fixed input, P0."""

from __future__ import annotations

from collections.abc import Callable

from esr.challenge.fixed_input import FixedInput, FixedInputRun
from esr.rank.figures import ranked_split
from esr.records.official_results import GIGA, MEGA, scaled
from esr.report.column import Column, Value, known
from esr.report.timing_columns import of_record


def _of_input(
    title: str, value: Callable[[FixedInput], Value], form: str = "", priority: int | None = None
) -> Column:
    return of_record(
        title, lambda r: value(r.fixed_input) if r.fixed_input else None, form, priority, known
    )


def _of_run(
    title: str,
    value: Callable[[FixedInputRun], Value],
    form: str = "",
    priority: int | None = None,
    dtype: str | None = None,
) -> Column:
    def of_input(found: FixedInput) -> Value:
        runs = [run for run in found.runs if run.dtype == dtype] if dtype else [found.scored]
        return value(runs[0]) if runs and runs[0] else None

    return _of_input(title, of_input, form, priority)


def _size(found: FixedInput) -> str:
    return "x".join(map(str, found.input_size))


REAL_TIME = (
    of_record(
        "Bicubic PSNR", lambda r: ranked_split(r).bicubic_psnr_db, ".2f", priority=6, shown=known
    ),
    _of_run("Input Time [ms]", lambda run: run.mean_ms, ".2f", priority=2),
    _of_run("Input FPS", lambda run: 1000 / run.mean_ms, ".1f", priority=7),
    _of_run("Input dtype", lambda run: run.dtype.removeprefix("torch."), priority=5),
    _of_run("Input calls", lambda run: len(run.samples_ms), "d", priority=7),
    _of_run("Input warm-ups", lambda run: run.warmups, "d"),
    _of_run("Input fp32 Time [ms]", lambda run: run.mean_ms, ".2f", dtype="torch.float32"),
    _of_run("Input fp16 Time [ms]", lambda run: run.mean_ms, ".2f", dtype="torch.float16"),
    _of_input("Input size", _size, priority=7),
    _of_input("Input FLOPs [G]", lambda found: scaled(found.flops_official, GIGA), ".4f", 4),
    _of_input("Input Acts [M]", lambda found: scaled(found.activations, MEGA), ".2f"),
    _of_input("Input notes", lambda found: "; ".join(found.notes) or None),
)
"""What the fixed input cost; nobody sees them where there is none."""
