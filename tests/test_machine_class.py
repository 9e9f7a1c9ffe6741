"""Who was measured on another machine is not ranked with the others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from boards import record, row

from esr.challenge.protocol import protocols
from esr.rank.entrants import Choices
from esr.rank.ranking import rank
from esr.records.conditions import GpuState, GpuStates
from esr.records.record import Record
from esr.records.results_folder import Row

RULES = protocols()["ntire2026"]


def _reasons(rows: list[Row], *, mixed: bool = False) -> dict[str, str | None]:
    standings = rank(rows, RULES, Choices(mixed_machines=mixed)).standings
    return {standing.row.label: standing.reason for standing in standings}


def _three() -> list[Record]:
    return [record(n, name, 8.0 - n, 27.02) for n, name in enumerate(("SPAN", "A", "B"))]


@pytest.mark.parametrize(
    ("fact", "value", "said"),
    [
        ("device_name", "NVIDIA H100", "GPU NVIDIA H100, the baseline NVIDIA RTX A6000"),
        ("driver", "560.00", "driver 560.00, the baseline 550.00"),
        ("torch", "2.6.0", "PyTorch 2.6.0, the baseline 2.13.0"),
        ("cuda", "12.4", "CUDA 12.4, the baseline 13.0"),
        ("cudnn", 91000, "cuDNN 91000, the baseline 90000"),
    ],
)
def test_another_machine_stands_apart_unless_said(fact: str, value: object, said: str) -> None:
    base, same, other = _three()
    other = replace(other, machine=replace(other.machine, **{fact: value}))
    rows = [row(made) for made in (base, same, other)]
    reasons = _reasons(rows)
    assert reasons["01_A"] is None
    assert said in (reasons["02_B"] or "")
    assert set(_reasons(rows, mixed=True).values()) == {None}


def test_what_a_record_does_not_say_excludes_nobody() -> None:
    base, same, other = _three()
    other = replace(other, machine=replace(other.machine, driver=None, cuda=None, cudnn=None))
    assert set(_reasons([row(made) for made in (base, same, other)]).values()) == {None}


def test_a_flag_that_a_submission_may_set_is_no_machine() -> None:
    base, same, other = _three()
    other = replace(other, machine=replace(other.machine, cudnn_tf32=False, num_threads=1))
    assert set(_reasons([row(made) for made in (base, same, other)]).values()) == {None}


def test_without_a_baseline_the_majority_counts_in_whatever_order() -> None:
    records = [record(n, name, 5.0 + n, 27.02) for n, name in enumerate(("A", "B", "C"), 1)]
    records[0] = replace(records[0], machine=replace(records[0].machine, torch="2.6.0"))
    rows = [row(made) for made in records]
    for order in (rows, rows[::-1]):
        reasons = _reasons(order)
        assert "PyTorch 2.6.0, most rows 2.13.0" in (reasons["01_A"] or "")
        assert reasons["02_B"] is reasons["03_C"] is None


def test_a_clock_that_somebody_has_set_is_another_class() -> None:
    def clocked(made: Record, reasons: tuple[str, ...]) -> Row:
        state = GpuState(1200, 8000, 50, 100.0, reasons, False)
        splits = tuple(replace(s, gpu=GpuStates(state, state)) for s in made.splits)
        return row(replace(made, splits=splits))

    base, same, other = _three()
    rows = [clocked(base, ()), clocked(same, ()), clocked(other, ("ApplicationsClocksSetting",))]
    reasons = _reasons(rows)
    assert reasons["01_A"] is None
    assert "clock 1200 MHz, the baseline not set" in (reasons["02_B"] or "")
