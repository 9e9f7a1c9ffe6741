"""A reason says what is missing and what adds it, contradicts no figure, and is told once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import boards
import pytest

from esr.challenge.fixed_input import Calls, FixedInput, FixedInputRun
from esr.challenge.protocol import protocols
from esr.rank.entrants import Choices
from esr.records.record import Record
from esr.records.results_folder import Store
from esr.report.board import Board, build_board
from esr.report.terminal import print_leaderboard
from esr.tools.leaderboard import main


def board(*records: Record, protocol: str = "ntire2026", runtime: str = "official") -> Board:
    rows = [boards.row(record) for record in records]
    return build_board(rows, protocols()[protocol], Choices(runtime=runtime))


def two(change=lambda record: record) -> list[Record]:
    return [change(boards.record(number, "Net", 5.0 + number, 27.02)) for number in (1, 2)]


def spent(record: Record) -> Record:
    return replace(record, left_out=("warm passes",))


@pytest.mark.parametrize(
    ("runtime", "change", "reason"),
    [
        (
            "warm",
            lambda r: r,
            "no warm runtime on validation and test set (--repeats N measures it)",
        ),
        (
            "steady",
            lambda r: r,
            "no steady runtime on validation and test set (--precision PERCENT",
        ),
        ("robust", lambda r: r, "neither a steady nor a warm runtime on validation and test set ("),
        ("warm", spent, "no warm runtime: left out, the time was spent (--time_budget)"),
    ],
)
def test_a_runtime_that_is_missing_is_named_with_the_flag_that_adds_it(
    runtime: str, change, reason: str
) -> None:
    made = board(*two(change), runtime=runtime)
    (said,) = [remark for remark in made.remarks if "not ranked" in remark]
    assert said.startswith(f"01_Net, 02_Net are not ranked: {reason}")


def test_no_reason_stands_beside_the_figure_that_it_denies() -> None:
    one = boards.record(1, "Net", 5.0, 27.0)
    run = FixedInputRun("torch.float16", 50, (3.0,) * 244)
    fixed = FixedInput((3, 24, 24), Calls(50, 244), (3, 1920, 1080), (run,))
    one = replace(one, fixed_input=fixed, sidecar=replace(one.sidecar, scale=2))
    made = board(one, protocol="rtsr2023")
    cells = dict(zip((c.title for c in made.columns), made.lines[0].cells, strict=True))
    assert cells["Input Time [ms]"].text == "3.00"
    assert "not measured" not in (made.ranking.standings[0].reason or "").partition(";")[0]
    assert "3x24x24" in (made.ranking.standings[0].reason or "")


def test_rules_without_scores_by_a_baseline_do_not_miss_it() -> None:
    remarks = board(*two(), protocol="ntire2023").remarks
    assert not any("no scores" in remark for remark in remarks)
    assert any("no scores" in remark for remark in board(*two(), protocol="ntire2024").remarks)
    # Nobody is ranked by the runtime of the images there.
    assert not any("Ranked by" in remark for remark in board(*two(), protocol="rtsr2023").remarks)


def test_tracks_of_another_scale_or_set_are_one_line_however_many_rows() -> None:
    rows = []
    for number in range(8):
        one = boards.record(number, "Net", 5.0, 27.0)
        scale = 2 + number % 2
        run = FixedInputRun("torch.float16", 50, (3.0,) * 244)
        size = (3, 3840 // scale, 2160 // scale)
        images = tuple(
            replace(i, scores={"psnr": 30.0, "psnr_rgb": 30.0}) for i in one.splits[0].images
        )
        split = replace(one.splits[0], dataset="NTIRE234K", images=images, bicubic_psnr_db=29.0)
        fixed = FixedInput(size, Calls(50, 244), size, (run,))
        sidecar = replace(one.sidecar, scale=scale)
        rows.append(replace(one, splits=(split,), fixed_input=fixed, sidecar=sidecar))
    made = board(*rows, protocol="rtsr2023")
    assert sum("Score" in remark or "score in a track" in remark for remark in made.remarks) == 1
    (line,) = [line for line in made.lines if line.name == "00_Net"]
    assert "x2, this track is x3" in line.reasons.values()


def test_published_figures_of_a_gpu_are_refused_for_times_of_a_cpu(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path, protocols()["ntire2024"])
    store.open()
    for record in two(lambda one: replace(one, clock="perf_counter")):
        store.save(record)
    command = [str(tmp_path), "--protocol", "ntire2024", "--baseline", "published"]
    assert main(command) == 2
    assert "01_Net was timed on a CPU" in capsys.readouterr().err
    assert main(command[:-2]) == 0
    assert "--baseline published" not in capsys.readouterr().out


def test_advice_fits_the_file_at_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path, protocols()["ntire2026"])
    store.open()
    store.save(two()[0])
    assert main([str(tmp_path)]) == 0
    capsys.readouterr()
    for file in ("leaderboard.csv", "results.txt", "report.html", "records/01_Net.json", "logs"):
        assert main([str(tmp_path / file)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.endswith(f"give the folder: python -m esr leaderboard {tmp_path}"), line
        assert "move the file away" not in line


def test_of_failures_alone_nothing_is_said_about_scores() -> None:
    made = build_board([boards.failed("02_B", "gone")], protocols()["ntire2026"])
    assert made.remarks == ("02_B failed (load): gone", "Rules of ntire2026.")


def test_a_failure_that_was_told_is_not_told_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [boards.row(two()[0]), boards.failed("02_B", "gone"), boards.failed("03_C", "lost")]
    made = build_board(rows, protocols()["ntire2026"])
    print_leaderboard(made, tmp_path, told={"02_B"})
    printed = capsys.readouterr().out
    assert "02_B failed" not in printed
    assert printed.count("03_C failed (load): lost") == 1
