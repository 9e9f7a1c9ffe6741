"""What is chosen for the tables of a results folder is kept there, and every command uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import Harness, write_pairs
from test_own_rules import of_2024, record, write

from esr.base.errors import UserError
from esr.report.report_choices import ReportChoices, keep_choices, read_choices
from esr.tools.leaderboard import main as leaderboard
from esr.tools.rows_command import main as rows

LOGO = b"\x89PNG\r\n\x1a\n of somebody"
CHOICES = ["--title", "Ours & theirs", "--baseline", "Net", "--runtime", "no_first"]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = of_2024(tmp_path / "results")
    return write(folder, record(2, "Other", "ntire2024"))


def head(results: Path) -> str:
    page = (results / "report.html").read_text()
    return page[page.index("<header") : page.index("</dl>")]


def test_what_was_chosen_outlives_every_command_that_writes_the_report_anew(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(LOGO)
    assert leaderboard([str(results), *CHOICES, "--logo", str(logo)]) == 0
    logo.unlink()
    first = head(results)
    for command, arguments in (
        (rows, ["--hide", "02_Other"]),
        (rows, ["--show", "02_Other"]),
        (leaderboard, []),
        (leaderboard, ["--save_dir", str(tmp_path / "elsewhere"), "--title", "Once"]),
    ):
        capsys.readouterr()
        assert command([str(results), *arguments]) == 0
        said = capsys.readouterr().out
        assert "--baseline 01_Net" in said
        assert f"python -m esr leaderboard {results} --forget drops it" in said
    assert "--title Once" not in said  # Of tables elsewhere nothing is kept.
    assert head(results) == first
    assert "Ours &amp; theirs" in first
    assert 'src="data:image/png;base64,iVBORw0KGgogb2Yg' in first  # That of LOGO, by base64.
    assert "the runtime of the official loop, the first image left out" in first
    assert "Once" in head(tmp_path / "elsewhere")

    # What is typed takes the place of what was kept, and of nothing else.
    assert leaderboard([str(results), "--title", "", "--baseline", "02_Other"]) == 0
    assert "NTIRE 2024 Efficient Super-Resolution" in head(results)
    assert "02_Other" in head(results)
    assert 'class="logo"' in head(results)
    assert leaderboard([str(results), "--forget"]) == 0
    assert not (results / "choices.json").exists()
    assert "--forget" not in capsys.readouterr().out.splitlines()[-1]
    assert 'class="logo"' not in head(results)


def test_rules_that_were_chosen_are_kept_until_a_run_states_others(results: Path) -> None:
    assert leaderboard([str(results), "--protocol", "ntire2025"]) == 0
    assert rows([str(results), "--hide", "02_Other"]) == 0
    assert "<dd>ntire2025</dd>" in head(results)
    kept = read_choices(results)
    assert kept.for_run(None, ReportChoices()).protocol == "ntire2025"
    assert kept.for_run("ntire2026", ReportChoices(all_columns=True)) == ReportChoices(
        protocol="ntire2026", all_columns=True
    )
    # Records say by which rules they were measured; nothing has to be kept.
    assert ReportChoices().for_run("ntire2026", ReportChoices()) == ReportChoices()


def test_a_baseline_that_is_gone_is_named_and_costs_nothing(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leaderboard([str(results), "--baseline", "02_Other"]) == 0
    assert rows([str(results), "--remove", "02_Other"]) == 0
    said = capsys.readouterr().out
    assert "that baseline is not used: 02_Other is not among the rows" in said
    assert "00_RLFN" in head(results)


URI = "data:image/png;base64,AAAA"


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "\x00",
        '{"titel": "x"}',
        '{"title": 3}',
        json.dumps({"title": "x" * 30_000}),
        '{"gate_decimals": -1}',
        '{"runtime": "fastest"}',
        '{"protocol": "ntire2099"}',
        '{"logo": "https://example.org/a.png"}',
        '{"logo": "data:text/html;base64,AAAA"}',
        json.dumps({"logo": URI + "\n<script>"}),
        json.dumps({"logo": URI + "A" * 300_000}),
        " " * 2**21,
        None,
    ],
)
def test_choices_that_are_damaged_or_hostile_cost_one_line_and_no_results(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    file = results / "choices.json"
    if content is None:
        (tmp_path / "private").write_text("{}")
        file.symlink_to(tmp_path / "private")
    else:
        file.write_text(content)
    for command, arguments in ((leaderboard, []), (rows, ["--remove", "01_Net"])):
        assert command([str(results), *arguments]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "choices.json: " in error
        assert "--forget" in error
    assert len([*(results / "records").glob("*.json")]) == 3
    assert not (results / "report.html").exists()


def test_what_was_kept_damaged_can_be_dropped(results: Path) -> None:
    (results / "choices.json").write_text("{")
    assert leaderboard([str(results), "--forget"]) == 0
    assert not (results / "choices.json").exists()


def test_every_choice_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    chosen = ReportChoices("ntire2024", 0, "warm", "x\ny", True, True, True, "a", "", URI)
    keep_choices(chosen, tmp_path)
    assert read_choices(tmp_path) == chosen
    with pytest.raises(UserError, match="no ordinary file"):
        read_choices(_as_folder(tmp_path / "other"))


def _as_folder(results: Path) -> Path:
    (results / "choices.json").mkdir(parents=True)
    return results


def test_a_run_keeps_to_the_choices_and_names_the_rules_that_it_does_not_measure_by(
    tmp_path: Path,
) -> None:
    harness = Harness(tmp_path / "harness")
    harness.add("team02_Broken", "no Python\n")
    write_pairs(harness.path / "data" / "demo")
    results = of_2024(harness.results)
    assert leaderboard([str(results), "--title", "Ours"]) == 0
    done = harness.run("--model_id", "2", "--mixed_machines")
    assert "--protocol ntire2024 goes on with its own" in done.stdout
    assert "--mixed_machines --title Ours" in done.stdout
    assert "Ours</h1>" in (results / "report.html").read_text()
    # Nothing was measured by other rules.
    assert "<dd>ntire2024</dd>" in head(results)
    (results / "choices.json").write_text("{")
    damaged = harness.run("--model_id", "2")
    assert (damaged.returncode, damaged.stderr.count("\n")) == (2, 1)
    assert "choices.json: " in damaged.stderr
