"""`python -m esr leaderboard`, as an organizer runs it."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from harness import PATIENCE_S, ROOT, Harness, run_program
from synthetic import synthetic_record, synthetic_split
from test_ranking import RULE_OF_2027

from esr.base import json_file
from esr.base.errors import UserError
from esr.records.results_folder import Row
from esr.tools.leaderboard import find_label


def run(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "esr", "leaderboard", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S)


def table(save_dir: Path) -> dict[str, dict[str, str]]:
    with (save_dir / "leaderboard.csv").open(newline="", encoding="utf-8") as file:
        # A column that no row fills is left out.
        return {row["Model"]: defaultdict(str, row) for row in csv.DictReader(file)}


def write_records(folder: Path, count: int, images: int) -> None:
    for number in range(count):
        splits = tuple(
            synthetic_split(role, images, 7.0 + number / 50, 27.0 + number / 2000, seed=number)
            for role in ("valid", "test")
        )
        record = synthetic_record(number, "SPAN" if number == 0 else f"Net{number}", splits)
        json_file.dump(record, folder / "records" / f"{record.label}.json")


@pytest.mark.parametrize("year", ["2024", "2026_head"])
def test_results_txt_of_an_official_file_is_the_official_one(
    shared: Path, tmp_path: Path, year: str
) -> None:
    source = shared / "reference" / f"official_results_{year}.json"
    done = run(source, "--protocol", f"ntire{year[:4]}", "--save_dir", tmp_path)
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "results.txt").read_bytes()
    published = shared / "reference" / f"official_results_{year}.txt"
    if published.exists():
        assert written == published.read_bytes()
    # The layout of the official script: one line a model in the file's order, name in 20 columns.
    results = json.loads(source.read_text())
    lines = written.decode().splitlines()[1:]
    for line, (name, figures) in zip(lines, results.items(), strict=True):
        cells = line.split("\t")
        assert cells[0] == name.ljust(20)
        assert cells[1] == f"{figures['valid_ave_psnr']:.2f}".ljust(10)
        assert cells[6] == f"{figures['num_parameters']:.3f}".ljust(10)


def test_an_official_file_is_never_overwritten(shared: Path, tmp_path: Path) -> None:
    source = tmp_path / "results.json"
    shutil.copy(shared / "reference" / "official_results_2024.json", source)
    before = source.read_bytes()
    done = run(source, "--protocol", "ntire2024")
    assert done.returncode == 0, done.stderr
    assert source.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["leaderboard", "results.json"]


def test_two_hundred_submissions_are_ranked_without_torch(tmp_path: Path) -> None:
    write_records(tmp_path, 200, 20)
    program = (
        "import sys\nfrom esr.tools.leaderboard import main\n"
        f"status = main([{str(tmp_path)!r}])\n"
        "assert status == 0\nsys.exit('torch' in sys.modules)\n"
    )
    run_program(program)
    rows = table(tmp_path)
    assert len(rows) == 200
    ranks = [int(row["Rank overall"]) for row in rows.values() if row["Rank overall"]]
    assert ranks == list(range(1, 200))
    assert rows["00_SPAN"]["Baseline"] == "baseline"


def test_a_new_year_needs_one_file_and_no_code(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "harness")
    (harness.path / "esr" / "challenge" / "protocols" / "ntire2027.toml").write_text(RULE_OF_2027)
    write_records(harness.results, 3, 4)
    arguments = [harness.results, "--protocol", "ntire2027", "--baseline", "published"]
    done = run(*arguments, "--gate_decimals", "1", cwd=harness.path)
    assert done.returncode == 0, done.stderr
    rows = table(harness.results)
    assert [row["Rank frugal"] for row in rows.values()] == ["1", "2", "3"]
    assert "Rank light" in rows["00_SPAN"]


def test_results_of_ours_are_ranked_where_they_are(tmp_path: Path) -> None:
    write_records(tmp_path, 2, 4)
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "01_Net1" in done.stdout
    assert "baseline: 00_SPAN" in done.stdout
    assert (tmp_path / "results.txt").exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "no such file or folder"),
        ("{}", "holds no results"),
        ("[1]", "does not hold what it should"),
        ("{", "does not hold what it should"),
        ('{"01_A": 3}', "does not hold what it should"),
        ("\x00", "does not hold what it should"),
    ],
)
def test_a_file_that_is_no_results_json_costs_one_line(
    tmp_path: Path, content: str | None, complaint: str
) -> None:
    path = tmp_path / "results.json"
    if content is not None:
        path.write_text(content)
    done = run(path)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_empty_folder_and_unknown_choices_cost_one_line(tmp_path: Path) -> None:
    assert "holds no results" in run(tmp_path).stderr
    write_records(tmp_path, 2, 2)
    for arguments, complaint in [
        (["--baseline", "07_X"], "no row is called '07_X'"),
        (["--baseline", "Net11"], "did you mean 01_Net1"),
        (["--gate_decimals", "two"], "neither a digit"),
        (["--protocol", "ntire1999"], "invalid choice"),
    ]:
        done = run(tmp_path, *arguments)
        assert done.returncode == 2
        assert complaint in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_baseline_is_found_by_its_name_alone(tmp_path: Path) -> None:
    write_records(tmp_path, 2, 2)
    done = run(tmp_path, "--baseline", "net1")
    assert done.returncode == 0, done.stderr
    assert "baseline: 01_Net1" in done.stdout


def test_a_name_of_several_rows_is_not_said_to_be_nobodys() -> None:
    rows = [Row(f"{number:02d}_RFDN") for number in (0, 8)]
    with pytest.raises(UserError, match="2 rows are called 'RFDN'") as refused:
        find_label("RFDN", rows, "--baseline")
    assert "choose one of 00_RFDN, 08_RFDN" in str(refused.value)
    assert find_label("08_RFDN", rows, "--baseline") == "08_RFDN"


def test_a_protocol_with_a_mistake_is_named_with_its_key(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "harness")
    write_records(harness.results, 2, 2)
    file = harness.path / "esr" / "challenge" / "protocols" / "ntire2027.toml"
    for right, wrong, complaint in [
        ('score = "rank_sum"', 'score = "guess"', "track light: no formula is called 'guess'"),
        ('score = "rank_sum"', 'score = "figure"', "track light: a figure is one term"),
        ("params_m = 2", "weight = 2", "ntire2027.toml: tracks.1.terms"),
        ('name = "light"', 'name = "frugal"', "two tracks have the same name"),
        ("decimals = 1", "decimals = ", "cannot be read as TOML"),
    ]:
        file.write_text(RULE_OF_2027.replace(right, wrong))
        done = run(harness.results, "--protocol", "ntire2027", cwd=harness.path)
        assert done.returncode == 2
        assert complaint in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_copy_of_a_record_cannot_win(tmp_path: Path) -> None:
    write_records(tmp_path, 2, 2)
    record = tmp_path / "records" / "01_Net1.json"
    shutil.copy(record, record.with_name("01_Net1_old.json"))
    done = run(tmp_path)
    assert done.returncode == 0
    with (tmp_path / "leaderboard.csv").open(newline="") as file:
        rows = {row["Model"]: row for row in csv.DictReader(file)}
    assert "01_Net1_old.json: is a record under another name" in rows["01_Net1_old"]["Reason"]
    assert rows["01_Net1_old"]["Val PSNR"] == ""
    assert rows["01_Net1"]["Val PSNR"] != ""


def test_a_folder_of_official_results_keeps_its_own_files(shared: Path, tmp_path: Path) -> None:
    shutil.copy(shared / "reference" / "official_results_2024.json", tmp_path / "results.json")
    (tmp_path / "results.txt").write_text("the organizer's own")
    assert run(tmp_path, "--protocol", "ntire2024").returncode == 0
    assert (tmp_path / "results.txt").read_text() == "the organizer's own"
    assert (tmp_path / "leaderboard" / "results.txt").exists()


def test_choices_leave_a_trace_in_every_format(shared: Path, tmp_path: Path) -> None:
    source = shared / "reference" / "official_results_2026_head.json"
    done = run(source, "--save_dir", tmp_path, "--constraints", "--gate_decimals", "none")
    assert done.returncode == 0, done.stderr
    for text in (
        done.stdout,
        *((tmp_path / n).read_text() for n in ("leaderboard.md", "report.html")),
    ):
        assert "worse than the baseline in" in text
        assert "as measured, not as printed" in text
    assert any(
        "worse than" in row["Not ranked in runtime because"] for row in table(tmp_path).values()
    )


def test_a_label_with_spaces_before_it_can_be_named_without_them(
    shared: Path, tmp_path: Path
) -> None:
    source = shared / "reference" / "official_results_2026_head.json"
    done = run(source, "--save_dir", tmp_path, "--baseline", "11_VSCINet")
    assert done.returncode == 0, done.stderr
    assert "baseline: 11_VSCINet" in done.stdout


@pytest.mark.parametrize(
    "junk",
    [
        {"valid_ave_runtime": 10**400},
        {"num_conv": 10**4000},
        {"valid_psnr": [10**400]},
        {"flops": 10**308},
        {"valid_ave_psnr": {"a": [1]}},
    ],
)
def test_junk_in_somebody_elses_file_costs_a_cell(shared: Path, tmp_path: Path, junk: dict) -> None:
    results = json.loads((shared / "reference" / "official_results_2026_head.json").read_text())
    results["01_PDS"] |= junk
    source = tmp_path / "results.json"
    source.write_text(json.dumps(results))
    for arguments in ([source], ["--compare", source, source]):
        done = run(*arguments, "--save_dir", tmp_path / "out")
        assert done.returncode == 0, done.stderr
    assert table(tmp_path / "out")["22_SPANV2_ESR_C2"]["Rank overall"] == "1"


def test_all_columns_are_written_on_demand_and_the_long_twin_always(tmp_path: Path) -> None:
    write_records(tmp_path, 2, 3)
    heads = []
    for arguments in ((), ("--all_columns",)):
        assert run(tmp_path, *arguments).returncode == 0
        heads.append((tmp_path / "leaderboard.csv").read_text().splitlines()[0].split(","))
    few, every = heads
    assert few == [title for title in every if title in few]
    assert "Failed stage" in set(every) - set(few)
    assert few[:11] == every[:11]
    # 2 submissions on 2 sets of 3 images, PSNR and runtime: 24 lines and the head.
    assert len((tmp_path / "per_image.csv").read_text().splitlines()) == 25
