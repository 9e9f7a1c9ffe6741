"""What forbids a comparison is always seen; nobody wins a race that was none; one name everywhere."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import boards
import pytest

from esr.challenge.protocol import protocols
from esr.datasets.lr_verdict import LrVerdict
from esr.rank.entrants import Choices
from esr.records.record import Record
from esr.records.results_folder import Row
from esr.report.board import Board, build_board
from esr.report.figure_points import shorten_name
from esr.report.html.html_report import render_html
from esr.report.winners import Winner, find_winners
from esr.submissions.clone.clone_files import CloneFacts, CloneSource

PROTOCOL = protocols()["ntire2026"]


def board(*records: Record, choices: Choices | None = None, protocol: str = "ntire2026") -> Board:
    return build_board([boards.row(one) for one in records], protocols()[protocol], choices)


def on_set(record: Record, dataset: str, verdict: LrVerdict | None = None) -> Record:
    split = replace(record.splits[0], dataset=dataset, lr_verdict=verdict)
    return replace(record, splits=(split,))


def open_text(page: str) -> str:
    """What a reader sees of the header before touching anything."""
    header = page[page.index("<header") : page.index("</header>")]
    return re.sub(r"<details(?! open).*?</details>", "", header, flags=re.DOTALL)


def test_what_forbids_a_comparison_stands_open_above_however_much_else_is_said(
    tmp_path: Path,
) -> None:
    records = [replace(boards.record(n, "Net", 5.0 + n, 27.0), note="look here") for n in range(12)]
    records[3] = on_set(records[3], "Set5")
    records[4] = replace(records[4], clock="perf_counter")
    made = board(*records)
    assert sum(remark.grade != "forbids" for remark in made.remarks) > 8
    seen = open_text(render_html(made, tmp_path))
    for text in ("different data sets: do not compare", "wall-clock times of a CPU"):
        (remark,) = [remark for remark in made.remarks if text in remark]
        assert remark.grade == "forbids"
        assert text in seen
    assert "look here" not in seen
    # And in every other place it is the first that is read.
    grades = [remark.grade for remark in made.remarks]
    assert grades == sorted(grades, key=["forbids", "warning", "note"].index)


def test_what_throws_doubt_on_a_figure_comes_before_failures() -> None:
    doubted = replace(boards.record(40, "Net", 5.0, 27.0), note="look here")
    rows = [boards.failed(f"{number:02d}_Broken", "no weights") for number in range(25)]
    made = build_board([*rows, boards.row(doubted)], PROTOCOL)
    # A terminal shows twenty.
    assert any("look here" in remark for remark in made.remarks[:20])
    assert sum("no weights" in remark for remark in made.remarks) == 25


@pytest.mark.parametrize(
    ("verdict", "grade", "words"),
    [
        (LrVerdict(5, 0), "note", "LR is MATLAB's bicubic of HR: Set5 (5 images looked at)"),
        (
            LrVerdict(5, 4, "baby.png: LR is JPEG-compressed (quality 75)", is_defect=True),
            "forbids",
            "4 of 5 images looked at: baby.png: LR is JPEG-compressed (quality 75): compare nothing",
        ),
        (LrVerdict(2, 2, "a.png: LR is bicubic, but rounded once"), "note", "rounded once (python"),
    ],
)
def test_every_board_says_what_lr_is(verdict: LrVerdict, grade: str, words: str) -> None:
    records = [on_set(boards.record(n, "Net", 5.0, 27.0), "Set5", verdict) for n in (1, 2)]
    (remark,) = [remark for remark in board(*records).remarks if "MATLAB's bicubic" in remark]
    assert remark.grade == grade
    assert words in remark


def test_the_first_that_passed_the_gate_wins_with_its_figure() -> None:
    made = boards.varied("official")
    # Of the baseline: 5/8 of the runtime, 10.4/9.75 of the FLOPs, 0.16/0.15 of the parameters:
    # 0.8 exp(1.25) + 0.2 exp(2.1333) = 4.481.
    assert find_winners(made.ranking) == [
        Winner("Overall", ("01_First",), "score 4.481"),
        Winner("Runtime", ("01_First",), "5.00 ms"),
        Winner("FLOPs", ("01_First",), "10.40 G"),
        Winner("Parameters", ("01_First",), "0.160 M"),
    ]


def test_nobody_wins_where_the_gate_was_not_judged_or_nobody_else_runs(tmp_path: Path) -> None:
    unjudged = board(*(on_set(boards.record(n, "Net", 5.0 + n, 20.0), "Set5") for n in range(3)))
    alone = board(boards.record(1, "Lone", 5.0, 27.02))
    judged = board(boards.record(1, "A", 5.0, 27.02), boards.record(2, "B", 6.0, 27.02))
    assert [bool(find_winners(made.ranking)) for made in (unjudged, alone, judged)] == [
        *(False, False, True)
    ]
    page = render_html(unjudged, tmp_path)
    assert 'class="winners"' not in page
    # A gate that is about other sets, and a runtime that nobody is ranked by, do not apply.
    assert "PSNR gate" not in page.partition("</dl>")[0]
    assert "ranked by" not in render_html(alone, tmp_path).partition("</dl>")[0]
    assert "PSNR gate" in render_html(judged, tmp_path).partition("</dl>")[0]


def test_the_runtime_that_ranked_is_named_where_steady_ones_did(tmp_path: Path) -> None:
    made = boards.varied("robust")
    words = "steady runtimes, or warm ones where there are none"
    assert any(remark.startswith(f"Ranked by {words}") for remark in made.remarks)
    assert words in render_html(made, tmp_path)


def test_a_clone_is_called_by_its_own_name_in_every_remark() -> None:
    facts = CloneFacts("My [Net]", 1.0, None, None, (), (), trusted=False)
    made = replace(
        boards.record(7, "Net_", 5.0, 26.0),
        fork=CloneSource("/clone", None, facts, ()),
        note="data_range is 255",
        left_out=("late values",),
    )
    others = [boards.record(n, "Net", 5.0, 27.0) for n in (1, 2)]
    shown = board(made, *others)
    assert not any(made.label in remark for remark in shown.remarks)
    assert sum("My [Net]" in remark for remark in shown.remarks) == 3
    assert "My [Net]" in {shorten_name(line) for line in shown.lines}


def test_rows_that_share_a_reason_share_a_line() -> None:
    poor = [boards.record(n, "Poor", 5.0, 20.0) for n in range(2, 18)]
    poor = [replace(one, sidecar=replace(one.sidecar, scale=2)) for one in poor]
    said = board(boards.record(1, "A", 5.0, 27.02), *poor).remarks
    (line,) = [remark for remark in said if "not ranked" in remark]
    assert line.startswith("02_Poor, 03_Poor, 04_Poor, 05_Poor, 06_Poor and 11 more are not ranked")


def test_a_row_that_was_never_measured_has_a_name_of_its_own() -> None:
    assert [Row("01_A").name, boards.failed("02_B", "gone").name] == ["01_A", "02_B"]


def test_sets_whose_lr_is_the_same_share_a_line() -> None:
    verdict = LrVerdict(5, 5, "a.png: LR was made by another resampler", is_defect=True)
    first, second = boards.record(1, "A", 5.0, 27.0), boards.record(2, "B", 5.0, 27.0)
    split = replace(first.splits[0], dataset="Set5", lr_verdict=verdict)
    other = replace(split, role="Set14", dataset="Set14")
    rows = [replace(first, splits=(split, other)), replace(second, splits=(split,))]
    (remark,) = [remark for remark in board(*rows).remarks if "MATLAB's bicubic" in remark]
    assert remark.startswith(
        "LR of Set5, Set14 (01_A) is not MATLAB's bicubic of HR, 5 of 5 images"
    )


def _shown(made: Board) -> dict[str, str]:
    """What people read in the first row, by the heading."""
    return {made.columns[index].heading: made.lines[0].cells[index].text for index in made.shown}


def test_one_row_has_its_score_the_gates_verdict_and_the_rules() -> None:
    lone = boards.record(1, "Lone", 5.0, 27.02)
    published = Choices(baseline="published")
    alone = board(lone, choices=published)
    together = board(lone, boards.record(2, "Other", 6.0, 27.02), choices=published)
    # Who else runs changes no score that is relative to published figures.
    score = _shown(alone)["Score Overall"]
    assert score == _shown(together)["Score Overall"] != ""
    remarks = [*map(str, alone.remarks)]
    assert (
        "01_Lone passes the PSNR gate of ntire2026: 27.02 dB on DIV2K_LSDIR_valid, 26.90 needed;"
        " 27.02 dB on DIV2K_LSDIR_test, 26.99 needed."
    ) in remarks
    assert [r for r in remarks if r.startswith("Rules of ntire2026; baseline: SPAN, published")]
    assert not [remark for remark in remarks if remark.startswith("Ranked by")]
    # A baseline that stands alone is exp(2), whatever it is.
    assert "Score Overall" not in _shown(board(boards.record(0, "SPAN", 8.0, 27.02)))
    # Of sums of ranks one row says nothing.
    assert "Score Overall" not in _shown(board(lone, choices=published, protocol="ntire2023"))


@pytest.mark.parametrize(
    ("psnr_db", "dataset", "words"),
    [
        (26.8, "DIV2K_LSDIR_valid", "01_Lone is not ranked: 26.80 dB on DIV2K_LSDIR_valid, 26.90"),
        (27.0, "DIV2K_LSDIR_valid", "26.90 needed; not measured on DIV2K_LSDIR_test."),
        (27.0, "Set5", "The PSNR gate of ntire2026 was not judged: it is about DIV2K_LSDIR_valid"),
    ],
)
def test_one_row_says_how_it_stands_to_the_gate(psnr_db: float, dataset: str, words: str) -> None:
    made = board(on_set(boards.record(1, "Lone", 5.0, psnr_db), dataset))
    assert [remark for remark in made.remarks if words in remark]


@pytest.mark.parametrize("rows", [1, 2])
def test_a_baseline_that_is_missing_has_a_remedy_where_ranks_need_none(rows: int) -> None:
    made = board(
        *(boards.record(n, "Net", 5.0 + n, 27.02) for n in range(1, 1 + rows)), protocol="ntire2023"
    )
    (rules,) = [remark for remark in made.remarks if remark.startswith("Rules of ntire2023")]
    assert "whose ranks need no baseline; to compare with RFDN: " in rules
    assert "--model_id 0" in rules
    assert "--baseline published" in rules
