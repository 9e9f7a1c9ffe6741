"""Without --protocol every command takes the rules that a results folder was measured under."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import boards
import pytest

from esr.base import json_file
from esr.records.own_protocol import find_own_protocol
from esr.records.record import Record
from esr.tools.leaderboard import main as leaderboard
from esr.tools.paper_command import main as paper
from esr.tools.rows_command import main as rows


def record(number: int, name: str, protocol: str, date: str = "2026-11-21T12:00:00Z") -> Record:
    made = boards.record(number, name, 5.0 + number, 27.02)
    return replace(made, protocol=protocol, provenance=replace(made.provenance, date=date))


def write(folder: Path, *records: Record) -> Path:
    for one in records:
        json_file.dump(one, folder / "records" / f"{one.label}.json")
    return folder


def of_2024(folder: Path) -> Path:
    return write(folder, *(record(n, name, "ntire2024") for n, name in enumerate(("RLFN", "Net"))))


def scored(results: Path) -> bool:
    """Whether the baseline of the rules is among the rows: RLFN is that of 2024."""
    with (results / "leaderboard.csv").open(newline="") as file:
        return any(row.get("Score overall") for row in csv.DictReader(file))


def test_the_latest_record_says_by_which_rules_unless_this_version_does_not_know_them() -> None:
    early, late = "2026-11-21T12:00:00Z", "2026-11-22T12:00:00Z"
    older, newer = record(1, "A", "ntire2026", early), record(2, "B", "ntire2024", late)
    assert find_own_protocol([newer, older]) == find_own_protocol([older, newer]) == "ntire2024"
    assert find_own_protocol([older, replace(newer, protocol="ntire2099")]) is None
    assert find_own_protocol([]) is None


def test_no_command_ranks_a_folder_by_another_years_rules_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = of_2024(tmp_path / "results")
    for command, arguments in (
        (leaderboard, []),
        (rows, ["--hide", "01_Net"]),
        (rows, ["--show", "01_Net"]),
    ):
        assert command([str(results), *arguments]) == 0
        said = capsys.readouterr().out
        assert "ntire2026" not in said
        assert "ules of ntire2024" in said
        assert scored(results)
    page = (results / "report.html").read_text()
    assert "<dt>rules</dt><dd>ntire2024</dd>" in page.partition("</dl>")[0]


def test_the_table_of_a_paper_counts_as_the_year_of_the_folder(tmp_path: Path) -> None:
    def write_measured(year: str) -> Path:
        measured = record(1, "Net", year)
        (split, *_), counts = measured.splits, measured.counts
        images = tuple(replace(i, scores={"psnr": 27.0, "psnr_y": 28.0}) for i in split.images)
        splits = (replace(split, images=images),)
        counts = replace(counts, flops_official=2 * 10**9, flops_fvcore=3 * 10**9)
        return write(tmp_path / year, replace(measured, splits=splits, counts=counts))

    for year, figure in (("ntire2023", "2"), ("ntire2024", "3")):  # fvcore counts since 2024.
        results = write_measured(year)
        assert paper([str(results)]) == 0
        with (results / "paper.csv").open(newline="") as file:
            (row,) = csv.DictReader(file)
        assert float(row["Multi-Adds [G]"]) == float(figure)


def test_one_row_is_ranked_by_rules_that_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = write(tmp_path / "results", record(0, "RLFN", "ntire2024"))
    assert leaderboard([str(results)]) == 0
    assert "Rules of ntire2024; baseline: 00_RLFN." in capsys.readouterr().out


def test_two_folders_are_compared_by_the_rules_of_both_or_a_line_says_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = of_2024(tmp_path / "a")
    b = write(tmp_path / "b", record(0, "RLFN", "ntire2025"), record(1, "Net", "ntire2025"))
    assert leaderboard(["--compare", str(a), str(a)]) == 0
    assert "Rules of ntire2024." in capsys.readouterr().out
    # They differ in nothing but the rules, which are a circumstance.
    assert leaderboard(["--compare", str(a), str(b)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "A is of ntire2024, B of ntire2025: both are ranked by the rules of ntire2024" in said
    assert "rank overall" not in said
    # Official results have no rules of their own, on either side.
    official = tmp_path / "official.json"
    official.write_text(json.dumps({"00_RLFN": {"valid_ave_psnr": 27.0}}))
    for sides in ((a, official), (official, a)):
        leaderboard(["--compare", *map(str, sides)])
        assert "Rules of ntire2024." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "hint"),
    [("official_results_2024", "--protocol ntire2024"), ("official_results_2026_head", "")],
)
def test_of_official_results_the_year_is_suggested_where_it_can_be_told(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, hint: str
) -> None:
    file = tmp_path / "results.json"  # No year in its name: the baseline is what tells.
    shutil.copy(shared / "reference" / f"{name}.json", file)
    assert leaderboard([str(file)]) == 0
    said = capsys.readouterr().out
    assert "Rules of ntire2026" in said
    assert ("it seems to be of" in said) == bool(hint)
    assert hint in said
