"""A results folder reads what has changed, whoever has changed it, and nothing twice."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import boards
import pytest

from esr.challenge.protocol import protocols
from esr.records import results_folder
from esr.records.record import Record, read_record
from esr.records.results_folder import Store

PROTOCOL = protocols()["ntire2026"]


def numbered(number: int) -> Record:
    return replace(boards.record(number, "X", 5.0, 27.0), label=f"{number:02d}_X")


def test_no_record_is_read_again_while_others_are_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: Counter[str] = Counter()

    def counting(path: Path) -> Record:
        reads[path.name] += 1
        return read_record(path)

    monkeypatch.setattr(results_folder, "read_record", counting)
    store = Store(tmp_path, PROTOCOL)
    store.open()
    for number in range(12):
        store.save(numbered(number))
    assert [row.label for row in store.rows()] == [f"{number:02d}_X" for number in range(12)]
    assert set(reads.values()) == {1}


@pytest.mark.parametrize("how", ["replaced", "in place", "removed", "broken"])
def test_what_somebody_else_changes_is_seen(tmp_path: Path, how: str) -> None:
    store = Store(tmp_path, PROTOCOL)
    store.open()
    store.save(numbered(1))
    store.save(numbered(2))
    file = tmp_path / "records" / "01_X.json"
    text = file.read_text(encoding="utf-8")
    other = json.loads(text) | {"note": "another"}
    if how == "replaced":
        (tmp_path / "new").write_text(json.dumps(other), encoding="utf-8")
        (tmp_path / "new").replace(file)
    elif how == "in place":
        file.write_text(json.dumps(other), encoding="utf-8")
    elif how == "removed":
        file.unlink()
    else:
        file.write_text("{", encoding="utf-8")
    notes = {row.label: row.record.note if row.record else "failed" for row in store.rows()}
    expected = {"removed": {}, "broken": {"01_X": "failed"}}.get(how, {"01_X": "another"})
    assert notes == {**expected, "02_X": numbered(2).note}


def test_a_model_that_somebody_else_adds_to_results_json_stays(tmp_path: Path) -> None:
    store = Store(tmp_path, PROTOCOL)
    store.open()
    store.save(numbered(1))
    file = tmp_path / "results.json"
    added = json.loads(file.read_text(encoding="utf-8")) | {"elsewhere": {"valid_ave_psnr": 27.0}}
    file.write_text(json.dumps(added), encoding="utf-8")
    store.save(numbered(2))
    assert set(json.loads(file.read_text(encoding="utf-8"))) == {"01_X", "02_X", "elsewhere"}
