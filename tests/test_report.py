"""The leaderboard in a terminal, at any width."""

from __future__ import annotations

import io
import itertools
import json
import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import boards
import pytest
from harness import PATIENCE_S
from rich.cells import cell_len
from rich.console import Console
from synthetic import synthetic_record, synthetic_split

from esr.challenge.protocol import protocols
from esr.rank.figures import read_rows
from esr.records.results_folder import Row
from esr.report import terminal
from esr.report.board import Board, build_board
from esr.report.terminal_table import lay_out_leaderboard
from esr.submissions.sidecar import Claims


def _printed(made: Board, width: int, **console) -> str:
    to = Console(file=io.StringIO(), width=width, **console)
    to.print(lay_out_leaderboard(made, to.width))
    return to.file.getvalue()


def _cells(line: str) -> list[str]:
    return re.split(r"\s{2,}", line.strip())


@pytest.fixture
def official_2026(shared: Path) -> Board:
    file = shared / "reference" / "official_results_2026_head.json"
    return build_board(read_rows(json.loads(file.read_text())), protocols()["ntire2026"])


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160, 300])
def test_no_line_is_wider_than_the_terminal(official_2026: Board, width: int) -> None:
    for made in (official_2026, boards.varied(), boards.hostile()):
        lines = _printed(made, width).splitlines()
        assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_essential_figures_are_whole_at_any_width(official_2026: Board, width: int) -> None:
    tokens = _printed(official_2026, width).split()
    for line in official_2026.lines:
        values = dict(zip([c.title for c in official_2026.columns], line.values, strict=True))
        for title, form in (("Val PSNR", ".2f"), ("Test PSNR", ".2f"), ("Ave Time [ms]", ".2f")):
            assert format(values[title], form) in tokens
        assert format(values["Params [M]"], ".3f") in tokens
        assert format(values["FLOPs [G]"], ".2f") in tokens


def test_at_80_columns_names_are_whole_and_what_is_left_out_is_named(official_2026: Board) -> None:
    table, _, below = _printed(official_2026, 80).partition("also in leaderboard.csv: ")
    assert all(line.standing.row.label.strip() in table for line in official_2026.lines)
    left_out = " ".join(below.split()).split(", ")
    assert left_out == [
        *("Val Time", "Test Time", "Acts", "Mem", "Conv", "Rank runtime", "Rank flops"),
        *("Rank params", "Val gate margin", "Test gate margin"),
    ]


def test_a_set_has_one_name_in_the_table_and_below_it() -> None:
    lone = boards.record(1, "Lone", 5.0, 30.0)
    images = [
        replace(image, scores={**image.scores, "psnr_y": 31.0, "ssim_y": 0.9})
        for image in lone.splits[0].images
    ]
    split = replace(lone.splits[0], dataset="Set5", images=tuple(images))
    rows = [boards.row(replace(lone, splits=(split,)))]
    made = build_board(rows, protocols()["ntire2026"])
    # The file has one column for the validation set of everybody, whatever it is called.
    assert "Val SSIM_Y" in [column.title for column in made.columns]
    table, _, below = _printed(made, 50).partition("also in leaderboard.csv")
    assert table.count("Set5") == 3  # PSNR, Time and PSNR_Y.
    assert " ".join(below.split()) == ", where Set5 is Val: Acts, Mem, Conv, Set5 SSIM_Y"
    assert "leaderboard.csv" not in _printed(made, 100)


def test_at_160_columns_everything_has_room(official_2026: Board) -> None:
    printed = _printed(official_2026, 160)
    assert "leaderboard.csv" not in printed
    first = next(line for line in printed.splitlines() if "22_SPANV2" in line)
    # Official figures, score, ranks by runtime, FLOPs and parameters, margins to the gate.
    assert _cells(first) == [
        *("1", "22_SPANV2_ESR_C2", "26.92", "27.00", "5.69", "4.80", "5.24"),
        *("0.139", "1.59", "42.99", "417.51", "18", "3.87", "1", "1", "5", "+0.019", "+0.014"),
    ]


def test_the_protocols_scores_are_printed_exploding_ones_as_powers(official_2026: Board) -> None:
    lines = _printed(official_2026, 160).splitlines()
    scores = {
        _cells(line)[1]: _cells(line)[12] for line in lines if re.match(r"\s*(\d|base|-)", line)
    }
    assert scores["01_PDS"] == "5.84"
    assert scores["17_AMCANet"] == "90.36"
    assert (scores["00_SPAN"], scores["21_SAFMN"]) == ("7.39", "2.91e14")  # e^33.31


def test_a_line_parts_ranked_unranked_and_failed() -> None:
    table = _printed(boards.varied(), 100).partition("also in")[0]
    parts = re.split(r"\n\s*─+\s*\n", table)
    assert [set(re.findall(r"\b\d\d_\w+", part)) for part in parts[1:]] == [
        {"00_SPAN", "01_First", "02_Second", "03_Third", "04_Slow"},
        {"05_Poor", "06_Double"},
        {"07_Stale", "40_Broken"},
    ]


def test_ranks_show_baseline_and_ties() -> None:
    lines = _printed(boards.varied(), 100).splitlines()
    ranks = {cells[1]: cells[0] for line in lines if len(cells := _cells(line)) > 5}
    expected = {"00_SPAN": "base", "01_First": "1", "02_Second": "2a", "03_Third": "3a"}
    assert ranks | expected == ranks
    assert (ranks["05_Poor"], ranks["07_Stale"]) == ("-", "-")
    assert (
        "Ranks with the same letter are a tie: their intervals overlap that of the best among them."
        in boards.varied().remarks
    )


def test_repeats_have_their_interval_and_none_is_a_single_run() -> None:
    assert "5.00 ±0.19" in _printed(boards.varied(), 160)
    once = boards.varied("official")
    assert "±" not in _printed(once, 160)
    assert "Ranked by the runtime of the official loop, a single run each." in once.remarks


def test_a_passed_gate_is_named_with_everybodys_margin_up_to_a_few() -> None:
    (gate,) = (remark for remark in boards.varied().remarks if "passed by" in remark)
    # 27.02 - 26.90 and 27.02 - 26.99; neither the one below the gate nor the stale one.
    assert gate == (
        "PSNR gate, 26.90 dB on DIV2K_LSDIR_valid and 26.99 dB on DIV2K_LSDIR_test: passed by"
        " 01_First (+0.12, +0.03), 02_Second (+0.20, +0.11), 03_Third (+0.12, +0.03),"
        " 00_SPAN (+0.12, +0.03), 04_Slow (+0.40, +0.31)."
    )
    # On the validation set alone, and just at the gate: 26.8951 dB prints as 26.90.
    rows = [
        boards.row(synthetic_record(number, "X", (synthetic_split("valid", 3, 9.0, psnr_db),)))
        for number, psnr_db in enumerate([27.41, *[26.8951] * 7], 1)
    ]
    (gate,) = (r for r in build_board(rows, protocols()["ntire2026"]).remarks if "passed by" in r)
    assert gate.startswith("PSNR gate, 26.90 dB on DIV2K_LSDIR_valid: passed by ")
    assert "01_X (+0.51)" in gate
    assert "02_X (+0.00)" in gate
    assert gate.endswith(" and 3 more.")


@pytest.mark.parametrize("width", range(60, 170, 12))
def test_what_is_shown_matters_no_less_than_what_is_left_out(width: int) -> None:
    """Rank, PSNR, time, score, gate margin and rank by runtime before Conv and other ranks."""
    made = boards.varied()
    below = _printed(made, width).partition("also in leaderboard.csv: ")[2]
    left_out = set(" ".join(below.split()).split(", ")) - {""}
    titles = [made.columns[index].title.partition(" [")[0] for index in made.shown]
    assert left_out <= set(titles)
    minor = {"Conv", "Acts", "Mem", "Rank flops", "Rank params"}
    major = {"Score overall", "Val Time", "Val gate margin", "Test gate margin", "Rank runtime"}
    assert not (left_out & major and minor - left_out)
    assert "Rank flops" in left_out or "Conv" not in left_out


def test_one_row_has_no_rank_and_few_remarks() -> None:
    made = build_board([boards.row(boards.record(1, "Lone", 5.0, 27.02))], protocols()["ntire2026"])
    assert "Rank" not in _printed(made, 160)
    assert made.remarks == (
        "test: 3 images are not DIV2K_LSDIR_test, which has 200: compare nothing with published"
        " figures.",
        "valid: 3 images are not DIV2K_LSDIR_valid, which has 200: compare nothing with published"
        " figures.",
        "Rules of ntire2026; no scores, since the baseline SPAN is not among the rows: measure it"
        " too, with --model_id 2026, or choose one with python -m esr leaderboard RESULTS"
        " --baseline LABEL, or take its published figures with --baseline published.",
        "test: DIV2K_LSDIR_test; valid: DIV2K_LSDIR_valid",
        "The runtime is of a single run.",
        "01_Lone passes the PSNR gate of ntire2026: 27.02 dB on DIV2K_LSDIR_valid, 26.90 needed;"
        " 27.02 dB on DIV2K_LSDIR_test, 26.99 needed.",
    )
    assert [remark.grade for remark in made.remarks] == ["forbids"] * 2 + ["warning"] + ["note"] * 3


def _on_files(number: int, digest: str | None) -> Row:
    record = boards.record(number, "Net", 5.0 + number, 27.02)
    valid = replace(record.splits[0], data_sha256=digest)
    return boards.row(replace(record, splits=(valid, *record.splits[1:])))


def test_rows_of_other_files_of_the_same_set_are_named() -> None:
    rows = [_on_files(1, "a" * 64), _on_files(2, "b" * 64), _on_files(3, "a" * 64)]
    made = build_board([*rows, _on_files(4, None)], protocols()["ntire2026"])
    (said,) = [line for line in made.remarks if "consisted of other files" in line]
    assert said.startswith("DIV2K_LSDIR_valid consisted of other files for 02_Net than")
    same = build_board([rows[0], rows[2], _on_files(4, None)], protocols()["ntire2026"])
    assert not any("other files" in line for line in same.remarks)


def test_claims_stand_below_the_row_in_its_columns() -> None:
    lines = _printed(boards.varied(), 160).splitlines()
    row, claims = next(pair for pair in itertools.pairwise(lines) if "claimed" in pair[1])
    assert _cells(claims) == ["claimed", "0.160", "9.99!"]
    assert row[claims.index("0.160") :].startswith("0.160")


COLOR = re.compile(r"\x1b\[[0-9;]*3[0-9]m")


def test_colours_only_on_a_terminal_that_wants_them() -> None:
    made = boards.varied()
    assert "\x1b" not in _printed(made, 100)
    terminal = {"force_terminal": True, "color_system": "standard"}
    assert COLOR.search(_printed(made, 100, **terminal, _environ={}))
    assert not COLOR.search(_printed(made, 100, **terminal, _environ={"NO_COLOR": "1"}))


def test_a_piped_leaderboard_of_hostile_names_prints_even_in_ascii(tmp_path: Path) -> None:
    results = {name: {"valid_ave_psnr": 27.0, "valid_ave_runtime": 5.0} for name in boards.HOSTILE}
    (tmp_path / "results.json").write_text(json.dumps(results))
    command = [sys.executable, "-m", "esr", "leaderboard", str(tmp_path / "results.json")]
    done = subprocess.run(
        command,
        capture_output=True,
        cwd=Path(__file__).resolve().parents[1],
        env={"PYTHONIOENCODING": "ascii", "COLUMNS": "80"},
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr.decode()
    printed = done.stdout.decode("ascii")
    assert r"\x1b[31mred\x1b[0m" in printed
    assert not set(printed) & set("\x1b\x07\r\x00")


def test_val_carries_the_name_of_a_set_that_is_not_official() -> None:
    def headings(dataset: str) -> set[str]:
        record = boards.record(1, "Net", 5.0, 27.02)
        split = replace(record.splits[0], dataset=dataset)
        made = build_board([boards.row(replace(record, splits=(split,)))], protocols()["ntire2026"])
        assert {"Val PSNR", "Val Time [ms]"} <= {column.title for column in made.columns}
        return {made.columns[index].heading for index in made.shown}

    assert {"Set5 PSNR", "Set5 Time [ms]"} <= headings("Set5")
    assert {"Val PSNR", "Val Time [ms]"} <= headings("DIV2K_LSDIR_valid")


def test_many_remarks_end_in_how_many_more_there_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = boards.hostile()
    assert len(made.remarks) > 25
    to = Console(file=io.StringIO(), width=200)
    monkeypatch.setattr(terminal, "stdout", lambda: to)
    terminal.print_leaderboard(made, tmp_path)
    lines = to.file.getvalue().splitlines()
    # By which rules it is ranked is said whatever else is.
    assert lines[-2] == f"{len(made.remarks) - 21} more remarks in report.html"
    assert lines[-3].startswith("Rules of ntire2026")
    assert str(made.remarks[19]) in lines
    assert str(made.remarks[20]) not in lines


def _print_below(made: Board, width: int, monkeypatch: pytest.MonkeyPatch, save_dir: Path) -> str:
    to = Console(file=io.StringIO(), width=width)
    monkeypatch.setattr(terminal, "stdout", lambda: to)
    terminal.print_leaderboard(made, save_dir)
    return to.file.getvalue()


def test_no_name_is_cut_short_beside_the_places_by_other_runtimes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ["SPAN", "A_network_with_a_name_1", "A_network_with_a_name_2"]
    rows = [
        boards.row(boards.record(number, name, 5.0 + number, 27.02, repeats=True))
        for number, name in enumerate(names)
    ]
    to = Console(file=io.StringIO(), width=80)
    monkeypatch.setattr(terminal, "stdout", lambda: to)
    terminal.print_estimators(build_board(rows, protocols()["ntire2026"]))
    printed = to.file.getvalue()
    assert "warm" in printed
    assert "\N{HORIZONTAL ELLIPSIS}" not in printed
    assert max(map(cell_len, printed.splitlines()[:-1])) <= 80


def test_a_sign_is_explained_only_below_a_table_that_shows_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Of the same size, so that they tie in parameters and FLOPs, which no narrow table ranks by.
    rows = [boards.row(boards.record(0, "SPAN", 8.0, 27.02))]
    for name, ms in (("A", 5.0), ("B", 6.0)):
        made = boards.record(1, name, ms, 27.02)
        claims = Claims(activations_m=Decimal("1.5"))
        rows.append(boards.row(replace(made, sidecar=replace(made.sidecar, claims=claims))))
    board = build_board(rows, protocols()["ntire2026"])
    for sign, text in (
        ("1a", "Ranks with the same letter are a tie: equal scores."),
        ("1.5!", "! marks a claim that differs by more than rounding."),
    ):
        said = {
            width: _print_below(board, width, monkeypatch, tmp_path) for width in (40, 60, 80, 200)
        }
        shown = {width: sign in printed for width, printed in said.items()}
        assert {width: text in " ".join(p.split()) for width, p in said.items()} == shown
        assert shown[200]
        assert not shown[60]
