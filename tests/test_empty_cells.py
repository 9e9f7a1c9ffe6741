"""An empty cell always has its reason on the same screen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import boards
import pytest
from synthetic import synthetic_record, synthetic_split

from esr.challenge.protocol import protocols
from esr.rank.entrants import Choices
from esr.rank.figures import read_rows
from esr.records.conditions import Drift
from esr.records.record import Record
from esr.report.board import Board, Line, build_board
from esr.report.html.html_report import render_html
from esr.report.markdown_table import render_markdown
from esr.report.terminal import print_leaderboard

PROTOCOL = protocols()["ntire2026"]

SPARSE = (
    "official: NotImplementedError: could not run aten::mul",
    "fvcore: RuntimeError: unsupported memory format option Preserve",
)


def _whole(number: int = 1) -> Record:
    return boards.record(number, "Whole", 5.0, 27.0)


def _sparse(number: int = 2) -> Record:
    """One sparse parameter, before counters knew such: all three figures are unknown."""
    record = boards.record(number, "Sparse", 6.0, 27.0)
    counts = replace(
        record.counts,
        flops_official=None, flops_fvcore=None, activations=None, num_conv=None, notes=SPARSE,
    )  # fmt: skip
    return replace(record, counts=counts)


def _on_cpu() -> Record:
    record = boards.record(3, "Cpu", 7.0, 27.0)
    splits = tuple(replace(split, memory_mib=None) for split in record.splits)
    return replace(record, splits=splits, clock="perf_counter")


def _with_ssim() -> Record:
    record = boards.record(4, "Ssim", 7.0, 27.0)

    def add(split):
        images = [replace(image, scores=image.scores | {"ssim": 0.8}) for image in split.images]
        return replace(split, images=tuple(images))

    return replace(record, splits=tuple(map(add, record.splits)))


def _valid_only() -> Record:
    return synthetic_record(5, "Valid", (synthetic_split("valid", 3, 5.0, 27.0),))


def _drifted() -> Record:
    return replace(boards.record(6, "Drift", 5.0, 27.0), drift=Drift("x", "official", 5.0, 5.1))


def _board(*records: Record, runtime: str = "official", protocol: str = "ntire2026") -> Board:
    choices = Choices(runtime=runtime)
    return build_board([boards.row(record) for record in records], protocols()[protocol], choices)


CASES = {
    # name: (board, label, columns that are empty, what the reason says)
    "sparse, official counters": (
        _board(_whole(), _sparse()), "02_Sparse", {"Acts [M]", "Conv"}, SPARSE[0],
    ),
    "sparse, counter of the year": (_board(_sparse()), "02_Sparse", {"FLOPs [G]"}, SPARSE[1]),
    "sparse, another year": (
        _board(_whole(), _sparse(), protocol="ntire2023"),
        "02_Sparse", {"FLOPs [G]", "Acts [M]", "Conv"}, SPARSE[0],
    ),
    "no row has it": (_board(_sparse()), "02_Sparse", {"Acts [M]", "Conv"}, SPARSE[0]),
    "memory of a CPU": (
        _board(_whole(), _on_cpu()), "03_Cpu", {"Mem [M]"}, "measured on a CPU",
    ),
    "a metric": (
        _board(_whole(), _with_ssim()), "01_Whole", {"Val SSIM", "Test SSIM"}, "--metrics ssim",
    ),
    "no test set": (
        _board(_whole(), _valid_only()),
        "05_Valid", {"Test PSNR", "Test Time [ms]"}, "not measured on the test set",
    ),
    "no mean": (
        _board(_whole(), _valid_only()), "05_Valid", {"Ave Time [ms]"}, "one is missing",
    ),
    "no repeats": (
        _board(_whole(), boards.record(7, "Warm", 5.0, 27.0, repeats=True)),
        "01_Whole", {"Warm Time [ms]"}, "--repeats",
    ),
    "no baseline around it": (
        _board(_whole(), _drifted(), replace(_drifted(), label="08_Other",
               drift=Drift("x", "official", 5.0, 5.2))),
        "01_Whole", {"Drift [%]"}, "--interleave",
    ),
    # Of the score it is the reason for not being ranked, which is said once.
    "no score": (
        _board(_whole(), boards.record(0, "SPAN", 8.0, 27.0), _sparse()),
        "02_Sparse", {"Score overall"}, "FLOPs not measured",
    ),
    "below the gate, without a gate's set": (
        _board(_whole(), _valid_only()), "05_Valid", {"Test gate margin [dB]"},
        "not measured on DIV2K_LSDIR_test",
    ),
}  # fmt: skip


def _line(board: Board, label: str) -> Line:
    return next(line for line in board.lines if line.standing.row.label == label)


@pytest.mark.parametrize("name", CASES)
def test_the_reason_is_on_every_screen(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    board, label, titles, reason = CASES[name]
    line = _line(board, label)
    values = dict(zip((column.title for column in board.columns), line.values, strict=True))
    assert {values[title] for title in titles} == {None}
    monkeypatch.setenv("COLUMNS", "80")
    print_leaderboard(board, tmp_path)
    printed = capsys.readouterr().out
    (said, *_) = (row for row in printed.splitlines() if label in row and reason in row)
    named = set(said.partition(" no ")[2].partition(":")[0].split(", "))
    assert {title.partition(" [")[0] for title in titles} <= named or " is not ranked: " in said
    assert reason in render_markdown(board).replace("\\", "")
    page = render_html(board, tmp_path)
    assert f"<li>{said.strip()}" in page.replace("&#39;", "'").replace("&gt;", ">")
    shown = [index for index in board.shown if board.columns[index].title in titles]
    for index in shown:
        assert line.reasons[index] in page
    assert page.count('<td class="unknown" title=') == sum(
        index in one.reasons for one in board.lines for index in board.shown
    )


@pytest.mark.parametrize("runtime", ["official", "robust"])
def test_no_shown_cell_of_a_measured_row_is_empty_without_a_reason(runtime: str) -> None:
    everybody = (
        _whole(), _sparse(), _on_cpu(), _with_ssim(), _valid_only(), _drifted(),
        boards.record(9, "Warm", 5.0, 27.0, repeats=True), boards.record(0, "SPAN", 8.0, 27.0),
    )  # fmt: skip
    for board in (boards.varied(runtime), boards.hostile(), _board(*everybody, runtime=runtime)):
        for line in board.lines:
            if line.standing.row.official is None:
                assert any(line.name in remark for remark in board.remarks)
                continue
            empty = {index for index in board.shown if not line.cells[index].text}
            assert empty <= line.reasons.keys()
            assert all(line.reasons.values())


def test_results_of_others_say_that_they_do_not_say() -> None:
    whole = boards.row(_whole()).official
    lacking = {key: value for key, value in whole.items() if key != "num_conv"}
    board = build_board(read_rows({"01_Whole": whole, "02_Lacking": lacking}), PROTOCOL)
    assert "02_Lacking has no Conv: the results that were read do not hold it" in board.remarks


def test_many_rows_that_lack_the_same_are_one_line() -> None:
    cpus = [replace(_on_cpu(), label=f"{number:02d}_Cpu") for number in range(10, 18)]
    board = _board(_whole(), *cpus)
    (line,) = (remark for remark in board.remarks if "Mem" in remark)
    assert line.startswith(
        "10_Cpu, 11_Cpu, 12_Cpu, 13_Cpu, 14_Cpu and 3 more have no Mem: it is memory of a GPU"
    )


def test_a_whole_row_has_nothing_to_explain() -> None:
    board = _board(_whole())
    assert board.lines[0].reasons == {}
    assert not any(" has no " in remark or " have no " in remark for remark in board.remarks)


def test_the_file_quotes_every_counter_that_failed() -> None:
    board = _board(_sparse())
    index = [column.title for column in board.columns].index("Counters")
    assert board.lines[0].values[index] == "; ".join(SPARSE)


def test_a_figure_of_before_a_failure_is_explained_too() -> None:
    stale = boards.row(_sparse(), boards.failed("02_Sparse", "killed").failure)
    board = build_board([stale, boards.row(_whole())], PROTOCOL)
    assert any(f"has no FLOPs: {SPARSE[1]}" in remark for remark in board.remarks)


def test_why_a_row_failed_is_not_told_again_for_its_score() -> None:
    """Whatever is in the reason, which is made fit to be shown in both places."""
    lone = boards.failed("02_Sparse", "killed\nby the kernel" + " again" * 80).failure
    stale = boards.row(_sparse(), lone)
    board = build_board(
        [stale, boards.row(_whole(1)), boards.row(boards.record(0, "SPAN", 8.0, 27.02))], PROTOCOL
    )
    assert sum("by the kernel" in remark for remark in board.remarks) == 1


def test_a_runtime_that_ranks_and_is_missing_is_named_once() -> None:
    """Of a single image nothing is left without the first."""
    lone = _whole(1)
    splits = tuple(
        replace(split, images=(replace(split.images[0], scores={"psnr": 27.1}),))
        for split in lone.splits
    )
    rows = [boards.record(0, "SPAN", 8.0, 27.02), replace(lone, splits=splits)]
    board = _board(*rows, runtime="no_first")
    about = [remark for remark in board.remarks if "without the first" in remark]
    assert about == [f"{lone.label} is not ranked: runtime without the first image not measured"]
    assert not any("no Ranked runtime" in remark for remark in board.remarks)


def test_a_remark_calls_a_column_as_the_table_does() -> None:
    def on(made: Record) -> Record:
        splits = tuple(replace(split, dataset="Set5") for split in made.splits[:1])
        return replace(made, splits=splits)

    board = _board(on(_whole()), on(_with_ssim()))
    assert "Set5 SSIM" in [board.columns[index].heading for index in board.shown]
    assert any(remark.startswith("01_Whole has no Set5 SSIM: ") for remark in board.remarks)
