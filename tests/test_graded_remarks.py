"""What forbids a comparison is always seen; nobody wins a race that was none; one name everywhere."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import boards
import pytest
from rich.console import Console

from esr.challenge.protocol import protocols
from esr.datasets.lr_verdict import LrVerdict
from esr.rank.entrants import Choices
from esr.records.measurement import Flag
from esr.records.record import Record
from esr.records.results_folder import Row
from esr.report import terminal
from esr.report.board import Board, build_board
from esr.report.figure_points import shorten_name
from esr.report.html.html_report import render_html
from esr.report.html.html_table import list_badges
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
    (failed,) = [remark for remark in made.remarks if "no weights" in remark]
    assert failed == (
        "00_Broken, 01_Broken, 02_Broken, 03_Broken, 04_Broken and 20 more failed (load):"
        " no weights"
    )


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
    head, *others = (
        render_html(made, tmp_path).partition("</dl>")[0] for made in (unjudged, alone, judged)
    )
    # A gate that is about other sets is told, and a runtime that nobody is ranked by is not.
    assert "not judged: nobody was measured on DIV2K_LSDIR_valid or DIV2K_LSDIR_test" in head
    assert "ranked by" not in others[0]
    for text in (head, *others):
        assert "<dt>rules</dt><dd>ntire2026</dd>" in text
    # The gate of 2026, as its repository prints it.
    assert "26.90 dB on DIV2K_LSDIR_valid, 26.99 dB on DIV2K_LSDIR_test<" in others[1]


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


def test_a_flag_or_note_of_forty_rows_is_one_line() -> None:
    flags = (Flag("stand_ins", "not installed: timm"), Flag("custom_op", "8 of them"))
    many = [
        replace(boards.record(n, "Net", 5.0, 27.0), flags=flags, note="look here")
        for n in range(1, 41)
    ]
    said = board(*many, replace(boards.record(50, "Own", 5.0, 27.0), flags=flags[:1])).remarks
    who = "01_Net, 02_Net, 03_Net, 04_Net, 05_Net and"
    about = [remark for remark in said if "stand_ins" in remark or "custom_op" in remark]
    assert about == [
        f"{who} 36 more: stand_ins: not installed: timm",
        f"{who} 35 more: custom_op: 8 of them",
    ]
    assert [remark for remark in said if "look here" in remark] == [f"{who} 35 more: look here"]


def test_the_end_of_a_remark_is_not_lost_to_the_names_of_forty_rows() -> None:
    def on_files(number: int) -> Record:
        made = boards.record(number, "A_rather_long_name_of_a_network", 5.0, 27.0)
        splits = tuple(replace(s, data_sha256=f"{number % 2}" * 64) for s in made.splits)
        return replace(made, splits=splits)

    said = board(*map(on_files, range(80))).remarks
    (valid, _) = [remark for remark in said if "other files for" in remark]
    assert valid.endswith("than for the other rows (SHA-256): do not compare them.")


def test_a_page_ends_no_remark_before_the_other_files_do(tmp_path: Path) -> None:
    said = [f"what number {number} says of it" for number in range(15)]
    made = board(replace(boards.record(1, "A", 5.0, 27.0), left_out=tuple(said)))
    (long,) = [remark for remark in made.remarks if said[-1] in remark]
    assert len(long) > 400
    assert long in render_html(made, tmp_path)


def test_one_image_is_no_plural() -> None:
    split = replace(boards.record(1, "A", 5.0, 27.0).splits[0], lr_verdict=LrVerdict(1, 0))
    made = replace(
        boards.record(1, "A", 5.0, 27.0), splits=(replace(split, images=split.images[:1]),)
    )
    said = " ".join(board(made).remarks)
    assert "valid: 1 image is not DIV2K_LSDIR_valid, which has 200" in said
    assert "(1 image looked at)" in said


def test_failures_told_already_are_not_told_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = [boards.failed(f"0{number}_X", "no weights") for number in (1, 2)]
    made = build_board([*rows, boards.failed("03_Y", "no class")], PROTOCOL)

    def printed(told: set[str]) -> str:
        to = Console(file=io.StringIO(), width=200)
        monkeypatch.setattr(terminal, "stdout", lambda: to)
        terminal.print_leaderboard(made, tmp_path, told)
        return to.file.getvalue()

    assert "no weights" not in printed({"01_X", "02_X"})
    # The second is of an earlier run.
    assert "01_X, 02_X failed (load): no weights" in printed({"01_X"})
    assert "03_Y failed (load): no class" in printed({"01_X", "02_X"})


def test_a_baseline_that_others_are_not_held_against_is_not_said_to_be() -> None:
    """The year's own beside the one that was chosen; and in a year of sums of ranks."""
    rows = [boards.record(number, name, 5.0, 27.02) for number, name in ((0, "SPAN"), (1, "A"))]

    def explain(made: Board, label: str) -> str:
        (line,) = [line for line in made.lines if line.standing.row.label == label]
        (badge,) = [badge for badge in list_badges(line, made) if badge.kind == "baseline"]
        return badge.explanation

    own, chosen = board(*rows), board(*rows, choices=Choices(baseline="01_A"))
    assert explain(own, "00_SPAN") == explain(chosen, "01_A") == "scores are relative to it"
    assert explain(chosen, "00_SPAN") == "it does not compete"
    imdn = replace(boards.record(9, "IMDN", 5.0, 29.3), label="-1_IMDN")
    assert explain(board(imdn, *rows, protocol="ntire2022"), "-1_IMDN") == "it does not compete"


def test_letters_mean_intervals_of_runtimes_and_equality_of_counts() -> None:
    """B and C overlap in their runtimes, and are as large as each other."""
    base, b, c = (
        boards.record(number, name, ms, 27.02, repeats=True)
        for number, (name, ms) in enumerate((("SPAN", 8.0), ("B", 5.0), ("C", 5.01)))
    )
    made = board(base, b, replace(c, counts=b.counts), choices=Choices(runtime="robust"))
    assert [remark for remark in made.remarks if "same letter" in remark] == [
        "Ranks with the same letter in overall and runtime are a tie: their intervals overlap that"
        " of the best among them.",
        "Ranks with the same letter in flops and params are a tie: equal scores.",
    ]
    assert [sorted(r.columns) for r in made.remarks if "same letter" in r] == [
        ["Rank overall", "Rank runtime"],
        ["Rank flops", "Rank params"],
    ]
    same = board(base, b, replace(b, label="02_Same"))
    for one, how in ((made, "their intervals overlap"), (same, "equal scores")):
        badges = [badge for line in one.lines for badge in list_badges(line, one)]
        ties = [badge.explanation for badge in badges if badge.kind == "tie"]
        assert len(ties) == 2
        assert all(tie.startswith(how) for tie in ties)


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
