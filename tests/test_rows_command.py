"""Rows are listed, hidden and removed: every table follows, and nothing is deleted."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import boards
import pytest

from esr.challenge.protocol import protocols
from esr.records.measurement import Flag
from esr.records.record import Failure, read_record
from esr.records.results_folder import Store
from esr.report.board import build_board
from esr.tools.leaderboard import main as leaderboard
from esr.tools.rows_command import main

PROTOCOL = protocols()["ntire2026"]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    store = Store(folder, PROTOCOL)
    store.open()
    for number in (1, 2, 3):
        store.save(boards.record(number, "Net", 5.0 + number, 27.02))
    models = tmp_path / "models"
    models.mkdir()
    (models / "team05_There.py").write_text("")
    for label in ("04_Gone", "05_There"):
        file = str(models / f"team{label}.py")
        store.save(Failure(label, 4, "import", "no module", "2026-11-21", model_file=file))
    return folder


def named(results: Path) -> tuple[set[str], set[str], str]:
    with (results / "leaderboard.csv").open(newline="") as file:
        table = {row["Model"] for row in csv.DictReader(file)}
    official = json.loads((results / "results.json").read_text())
    return table, set(official), (results / "report.html").read_text()


def test_what_is_removed_is_in_no_table_and_still_there(results: Path) -> None:
    assert main([str(results), "--remove", "02_Net", "04_Gone"]) == 0
    table, official, report = named(results)
    assert table == {"01_Net", "03_Net", "05_There"}
    assert official == {"01_Net", "03_Net"}
    assert "02_Net" not in report
    moved = results / "records" / "removed" / "02_Net.json"
    assert read_record(moved) == boards.record(2, "Net", 7.0, 27.02)
    assert (results / "failures" / "removed" / "04_Gone.json").is_file()


def test_who_has_which_flags_is_listed(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = (Flag("memorised_images", "a"), Flag("stand_ins", "b"), Flag("stand_ins", "c"))
    flagged = replace(boards.record(1, "Net", 6.0, 27.02), flags=flags)
    Store(results, PROTOCOL).save(flagged)
    assert main([str(results)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("memorised_images") == printed.count("stand_ins") == 1
    assert "01_Net \N{DOUBLE DAGGER}" in printed


def test_what_is_hidden_stays_hidden_until_it_is_shown(results: Path) -> None:
    assert main([str(results), "--hide", "02_Net"]) == 0
    assert leaderboard([str(results)]) == 0
    Store(results, PROTOCOL).save(boards.record(2, "Net", 9.0, 27.02))
    table, official, report = named(results)
    assert "02_Net" not in table | official
    assert "02_Net" not in report
    assert "02_Net" in {row.label for row in Store(results, PROTOCOL).rows()}
    assert main([str(results), "--show", "02_Net"]) == 0
    table, official, report = named(results)
    assert "02_Net" in table & official
    assert "02_Net" in report


def test_a_folder_whose_rows_are_all_hidden_is_not_said_to_be_empty(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = [row.label for row in Store(results, PROTOCOL).rows()]
    assert main([str(results), "--hide", *labels]) == 0
    assert named(results)[:2] == (set(), set())
    capsys.readouterr()
    assert leaderboard([str(results)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "every row of it is hidden" in line
    assert "--show LABEL" in line


def test_no_name_of_a_set_is_broken_within_a_word(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    flagged = boards.record(1, "Network_of_a_long_name", 6.0, 27.02)
    flags = (Flag("unregistered_weights", "a"), Flag("constructor_warm_up", "b"))
    Store(results, PROTOCOL).save(replace(flagged, flags=flags))
    assert main([str(results)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("DIV2K_LSDIR_valid") == printed.count("DIV2K_LSDIR_test") == 4
    assert max(map(len, printed.splitlines())) <= 80


def test_a_model_of_somebody_else_stays_in_the_official_file(results: Path) -> None:
    file = results / "results.json"
    added = json.loads(file.read_text()) | {"elsewhere": {"valid_ave_psnr": 27.0}}
    file.write_text(json.dumps(added))
    assert main([str(results), "--remove", "01_Net", "--hide", "02_Net"]) == 0
    assert set(json.loads(file.read_text())) == {"03_Net", "elsewhere"}


def test_the_failure_of_a_model_that_is_gone_is_stale(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(results)]) == 0
    lines = capsys.readouterr().out.splitlines()
    states = {line.split()[0]: line for line in lines if "failed" in line}
    assert ["stale" in states[label] for label in ("04_Gone", "05_There")] == [True, False]
    remarks = build_board(Store(results, PROTOCOL).rows(), PROTOCOL).remarks
    (said,) = [remark for remark in remarks if "stale" in remark]
    assert said.startswith("04_Gone failed (import): no module; stale")
    # On a machine where nothing of it ever lay, nothing can be said.
    elsewhere = "/no/such/place/models/team06_X.py"
    Store(results, PROTOCOL).save(Failure("06_X", 6, "load", "x", "2026", model_file=elsewhere))
    rows = {row.label: row for row in Store(results, PROTOCOL).rows()}
    assert not rows["06_X"].is_gone


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--remove", "2_Net"), "did you mean"),
        (("--protocol", "ntire2044"), "invalid choice"),
    ],
)
def test_mistakes_cost_a_line_and_change_nothing(
    results: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    before = (results / "results.json").read_bytes()
    assert main([str(results), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert (results / "results.json").read_bytes() == before


def test_the_last_row_may_go(results: Path) -> None:
    labels = [row.label for row in Store(results, PROTOCOL).rows()]
    assert main([str(results), "--remove", *labels]) == 0
    assert json.loads((results / "results.json").read_text()) == {}
    assert main([str(results)]) == 2


def test_a_name_that_two_rows_share_becomes_the_ones_own_again(results: Path) -> None:
    store = Store(results, PROTOCOL)
    for label in ("07_A", "08_B"):
        failure = Failure(label, 7, "load", "x", "2026-11-21", name="Same")
        store.save(replace(failure, label=label))
    assert {row.name for row in store.rows()} >= {"07_A", "08_B"}
    store.remove(["08_B"])
    assert "Same" in {row.name for row in store.rows()}
