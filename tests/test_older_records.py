"""Records that the harness of November 2026 (819825a, schema 1) wrote are read by this one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from esr.challenge.protocol import protocols
from esr.evaluate.options import parse
from esr.records.record import SCHEMA, read_record
from esr.records.results_folder import Row, Store

WRITTEN = Path(__file__).parent / "records_schema_1"
RECORDS = sorted((WRITTEN / "records").glob("*.json"))


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    """Of a submission in our own layout, one of a clone, one of the real-time challenge, and a failure."""
    return {row.label: row for row in Store(WRITTEN, protocols()["ntire2026"]).rows()}


def test_every_kind_is_read(rows: dict[str, Row]) -> None:
    assert list(rows) == ["00_Tiny", "02_Wrapped", "03_Crash", "05_Twice"]
    failure = rows["03_Crash"].failure
    assert failure is not None
    assert (failure.stage, rows["03_Crash"].record) == ("restore", None)
    records = [row.record for row in rows.values() if row.record]
    assert {record.schema for record in records} == {SCHEMA}
    assert [bool(record.fork) for record in records] == [False, True, False]
    assert [bool(record.fixed_input) for record in records] == [False, False, True]
    assert not any(row.failure for row in rows.values() if row.record)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_what_was_asked_for_is_what_its_command_line_asks_for(path: Path, root: Path) -> None:
    record = read_record(path)
    options = parse([*record.provenance.command], root)
    assert record.request is not None
    assert record.request.procedure == options.procedure
    assert record.request.files == options.output.files
    assert record.request.interleave == options.selection.interleave
    assert record.request.sandbox is ("--sandbox" in record.provenance.command)
    assert record.request.code_sha256 == json.loads(path.read_text())["request"]["code_sha256"]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_figures_are_those_that_were_written(path: Path) -> None:
    record, written = read_record(path), json.loads(path.read_text())
    for split, before in zip(record.splits, written["splits"], strict=True):
        scores = [image["scores"]["psnr"] for image in before["images"]]
        assert split.score("psnr") == sum(scores) / len(scores)
        assert [image.runtime_ms for image in split.images] == [
            image["runtime_ms"] for image in before["images"]
        ]
    assert record.counts.flops_official == written["counts"]["flops_official"]
    assert record.provenance.checkpoint_sha256 == written["provenance"]["checkpoint_sha256"]


def test_they_stand_in_the_leaderboard_with_a_new_one(tmp_path: Path) -> None:
    shutil.copytree(WRITTEN, tmp_path, dirs_exist_ok=True)
    store = Store(tmp_path, protocols()["ntire2026"])
    record = read_record(RECORDS[0])
    store.save(record)
    assert json.loads((tmp_path / "records" / RECORDS[0].name).read_text())["schema"] == SCHEMA
    assert read_record(tmp_path / "records" / RECORDS[0].name) == record
    assert not (tmp_path / "records" / "unreadable").exists()
    assert set(json.loads((tmp_path / "results.json").read_text())) == {
        "00_Tiny", "02_Wrapped", "05_Twice",
    }  # fmt: skip


def test_a_record_of_another_label_in_the_way_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "records" / "00_Tiny.json"
    path.parent.mkdir()
    shutil.copy(WRITTEN / "records" / "02_Wrapped.json", path)
    Store(tmp_path, protocols()["ntire2026"]).save(read_record(RECORDS[0]))
    assert read_record(path).label == "00_Tiny"
    assert read_record(path.parent / "unreadable" / path.name).label == "02_Wrapped"
