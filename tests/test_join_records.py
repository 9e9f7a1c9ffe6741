"""A submission measured again: sets are added to its row, and what is replaced is kept and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import boards
import pytest

from esr.challenge.protocol import protocols
from esr.records.measurement import Flag
from esr.records.record import Record, read_record
from esr.records.results_folder import Replacement, Store
from esr.records.split_result import SplitResult

PROTOCOL = protocols()["ntire2026"]
OFFICIAL = PROTOCOL.valid[0]

Change = Callable[[Record], Record]


def on(*sets: str, ms: float = 5.0, label: str = "01_Net") -> Record:
    """A record on sets, the first of which is the validation set; or the official one is."""
    made = replace(boards.record(1, "Net", ms, 27.0), label=label)
    splits = [
        replace(made.splits[0], role="valid" if not number else dataset, dataset=dataset)
        for number, dataset in enumerate(sets)
    ]
    return replace(made, splits=tuple(splits))


def roles(record: Record) -> dict[str, str]:
    return {split.role: split.dataset for split in record.splits}


def keep(folder: Path, *records: Record) -> list[Replacement | None]:
    store = Store(folder, PROTOCOL)
    store.open()
    return [store.save(record) for record in records]


def kept(folder: Path, label: str = "01_Net") -> Record:
    return read_record(folder / "records" / f"{label}.json")


def other_checkpoint(record: Record) -> Record:
    source = replace(record.provenance, checkpoint="other.pth", checkpoint_sha256="2" * 64)
    return replace(record, provenance=source)


def other_machine(record: Record) -> Record:
    return replace(record, machine=replace(record.machine, device_name="NVIDIA H100"))


def other_model(record: Record) -> Record:
    return replace(record, provenance=replace(record.provenance, model_sha256="3" * 64))


def other_sidecar(record: Record) -> Record:
    return replace(record, sidecar=replace(record.sidecar, data_range=255.0))


def other_files(record: Record) -> Record:
    return replace(record, splits=tuple(replace(s, data_sha256="4" * 64) for s in record.splits))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_checkpoint, "checkpoint other.pth instead of team01_Net.pth"),
        (lambda record: replace(record, form="training"), "form training instead of none"),
        (other_machine, "device NVIDIA H100 instead of NVIDIA RTX A6000"),
        (other_model, "another model file"),
        (other_sidecar, "another TOML file"),
        (lambda record: replace(record, protocol="ntire2024"), "ntire2024 instead of ntire2026"),
        (other_files, "other files of Set5"),
    ],
)
def test_figures_of_something_else_are_moved_away_and_named(
    tmp_path: Path, change: Change, said: str
) -> None:
    first = replace(
        on("Set5"), splits=tuple(replace(s, data_sha256="5" * 64) for s in on("Set5").splits)
    )
    _, replaced = keep(tmp_path, first, change(replace(first, note="later")))
    assert replaced is not None
    assert said in replaced.lost
    assert replaced.file.parent == tmp_path / "records" / "replaced"
    assert read_record(replaced.file) == first
    assert kept(tmp_path).note == "later"
    assert [row.label for row in Store(tmp_path, PROTOCOL).rows()] == ["01_Net"]


def test_of_two_that_are_replaced_in_one_second_both_are_kept(tmp_path: Path) -> None:
    first = on("Set5")
    replaced = keep(tmp_path, first, other_checkpoint(first), first, other_checkpoint(first))
    files = [one.file for one in replaced if one]
    assert len(set(files)) == 3
    assert all(file.is_file() for file in files)


def test_the_same_measured_again_is_no_replacement(tmp_path: Path) -> None:
    claimed = replace(
        on("Set5", ms=6.0), sidecar=replace(on().sidecar, team=replace(on().sidecar.team, name="B"))
    )
    assert keep(tmp_path, on("Set5"), claimed) == [None, None]
    assert kept(tmp_path).splits[0].runtime_ms == pytest.approx(6.0)
    assert not (tmp_path / "records" / "replaced").exists()


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        (("Set5",), ("Set14",), {"valid": "Set14", "Set5": "Set5"}),
        (("Set5", "Set14"), ("Set14", "B100"), {"valid": "Set14", "B100": "B100", "Set5": "Set5"}),
        # The set of the challenge is judged by its gate: nothing takes its place.
        ((OFFICIAL,), ("Set5",), {"valid": OFFICIAL, "Set5": "Set5"}),
        (("Set5",), (OFFICIAL,), {"valid": OFFICIAL, "Set5": "Set5"}),
    ],
)
def test_another_set_is_added_to_the_row(
    tmp_path: Path, first: tuple[str, ...], then: tuple[str, ...], expected: dict[str, str]
) -> None:
    earlier = replace(on(*first, ms=5.0), flags=(Flag("memorised", "an image of Set5"),))
    assert keep(tmp_path, earlier, on(*then, ms=7.0)) == [None, None]
    record = kept(tmp_path)
    assert roles(record) == expected
    assert next(iter(roles(record))) == "valid"
    times = {split.dataset: split.runtime_ms for split in record.splits}
    assert times == pytest.approx({dataset: 7.0 if dataset in then else 5.0 for dataset in times})
    told = {split.dataset: split.earlier is not None for split in record.splits}
    assert told == {dataset: dataset not in then for dataset in told}
    assert record.flags == earlier.flags
    # The official file holds every set under its role, as one run over all of them leaves it.
    entry = json.loads((tmp_path / "results.json").read_text())["01_Net"]
    assert {key for key in entry if key.endswith("_ave_psnr")} == {
        f"{r}_ave_psnr" for r in expected
    }


def test_a_set_that_all_rows_hold_is_their_validation_set(tmp_path: Path) -> None:
    keep(tmp_path, on("Set5"), on("Set14"), on("Set5", label="02_B"))
    rows = {row.label: row for row in Store(tmp_path, PROTOCOL).rows()}
    records = {label: row.record for label, row in rows.items() if row.record}
    assert roles(records["01_Net"]) == {"valid": "Set5", "Set14": "Set14"}
    assert roles(records["02_B"]) == {"valid": "Set5"}
    sides: list[SplitResult] = [record.splits[0] for record in records.values()]
    assert [split.role for split in sides] == ["valid"] * 2
    # Unless somebody was measured on that of the challenge.
    keep(tmp_path, on(OFFICIAL, "Set5", label="03_C"))
    rows = {row.label: row for row in Store(tmp_path, PROTOCOL).rows()}
    assert [roles(row.record) for row in rows.values() if row.record] == [
        {"Set5": "Set5", "Set14": "Set14"},
        {"Set5": "Set5"},
        {"valid": OFFICIAL, "Set5": "Set5"},
    ]
