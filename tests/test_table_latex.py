"""leaderboard.tex: compiled by pdfLaTeX where it is installed, parsed everywhere."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import boards
import pytest
from harness import PATIENCE_S
from hypothesis import given, settings
from hypothesis import strategies as st
from pylatexenc.latex2text import LatexNodes2Text
from pylatexenc.latexwalker import LatexEnvironmentNode, LatexWalker

from esr.challenge.protocol import protocols
from esr.rank.entrants import Choices
from esr.rank.figures import read_rows
from esr.records.split_result import SteadyTiming
from esr.report.board import Board, build_board
from esr.report.latex_table import escape_latex, render_latex

DOCUMENT = "\\documentclass[twocolumn]{article}\n\\usepackage{booktabs}\n\\begin{document}\n\\input{leaderboard.tex}\n\\end{document}\n"


def _rows(text: str) -> list[list[str]]:
    """Cells of the body, split as TeX does; every row is as wide as the table."""
    body = text.partition("\\midrule\n")[2].partition("\\bottomrule")[0]
    alignment = re.search(r"\\begin\{tabular\}\{@\{\}([lr]+)@\{\}\}", text)
    assert alignment
    rows = []
    for line in body.splitlines():
        if line == "\\midrule":
            rows.append([line])
            continue
        assert line.endswith(r" \\")
        cells = re.split(r"(?<!\\)&", line.removesuffix(r"\\"))
        spans = [re.match(r"\s*\\multicolumn\{(\d+)\}", cell) for cell in cells]
        assert sum(int(span[1]) if span else 1 for span in spans) == len(alignment[1])
        rows.append([cell.strip() for cell in cells])
    return rows


def _parsed(text: str) -> None:
    nodes, _, _ = LatexWalker(text, tolerant_parsing=False).get_latex_nodes()
    environments = [node for node in nodes if isinstance(node, LatexEnvironmentNode)]
    assert [node.environmentname for node in environments] == ["table*"]


def _compiled(text: str, folder: Path) -> str:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    (folder / "leaderboard.tex").write_text(text, encoding="utf-8")
    (folder / "paper.tex").write_text(DOCUMENT)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=PATIENCE_S)
    log = done.stdout.decode(errors="replace")
    assert done.returncode == 0, log[-2000:]
    return log


def _boards() -> dict[str, Board]:
    lone = boards.row(boards.record(1, "Lone", 5.0, 27.02))
    rules = protocols()["ntire2026"]
    return {
        "varied": boards.varied(),
        "hostile": boards.hostile(),
        "one row": build_board([lone], rules),
        "all failed": build_board(
            [boards.failed("03_X", "no"), boards.failed("04_Y", "no")], rules
        ),
    }


@pytest.mark.parametrize("which", ["varied", "hostile", "one row", "all failed"])
def test_it_compiles_with_booktabs_alone(which: str, tmp_path: Path) -> None:
    _compiled(render_latex(_boards()[which]), tmp_path)


@pytest.mark.parametrize("which", ["varied", "hostile", "one row", "all failed"])
def test_it_parses_and_every_row_is_as_wide_as_the_table(which: str) -> None:
    text = render_latex(_boards()[which])
    _parsed(text)
    assert _rows(text)


def test_best_is_bold_second_underlined_without_the_baseline(shared: Path) -> None:
    official = json.loads((shared / "reference" / "official_results_2026_head.json").read_text())
    text = render_latex(build_board(read_rows(official), protocols()["ntire2026"]))
    rows = {row[0]: row for row in _rows(text)}
    # 00_SPAN would be second in PSNR, 26.9404 before 26.9362, were it not the baseline.
    assert rows[r"06\_HAESR"][1:3] == [r"\textbf{27.08}", r"\textbf{27.22}"]
    assert rows[r"12\_DWMamba"][1:3] == [r"\underline{26.94}", r"\underline{27.06}"]
    assert not any("bf{" in cell or "line{" in cell for cell in rows[r"00\_SPAN"])
    # Rank by rank as in the challenge: first in runtime and FLOPs, fifth in parameters.
    best = rows[r"22\_SPANV2\_ESR\_C2"]
    assert best[5:8] == [r"\textbf{5.24}{}$_{(1)}$", r"0.139{}$_{(5)}$", r"\textbf{1.59}{}$_{(1)}$"]
    assert best[-1] == r"\textbf{3.87}{}$_{(1)}$"
    # Equal figures share the mark.
    assert [name for name, row in rows.items() if row[-2:-1] == [r"\textbf{18}"]] == [
        r"22\_SPANV2\_ESR\_C2",
        r"01\_PDS",
        r"16\_PKDSR\_FINAL\_CKPT",
    ]


def test_ranked_baseline_unranked_and_failed_stand_in_this_order() -> None:
    names = [row[0] for row in _rows(render_latex(boards.varied()))]
    assert names[:4] == [r"01\_First", r"02\_Second", r"03\_Third", r"04\_Slow"]
    assert names[4] == r"\midrule"
    assert "Baseline" in names[5]
    assert names[6:8] == [r"00\_SPAN", r"\midrule"]
    assert "Not ranked" in names[8]
    assert set(names[9:11]) == {r"05\_Poor", r"06\_Double"}
    assert names[11:] == [r"\midrule", r"07\_Stale", r"40\_Broken"]


def _notes(board: Board) -> str:
    """What stands below the table, as it reads."""
    below = render_latex(board).partition("\\end{tabular}")[2]
    return " ".join(LatexNodes2Text().latex_to_text(below).split())


def test_a_reader_of_the_table_alone_learns_what_forbids_a_comparison() -> None:
    sets = boards.varied("official")
    notes = _notes(sets)
    assert "06_Double is not ranked: x2, the challenge is x4." in notes
    assert "05_Poor is not ranked: " in notes
    assert "Ranked by the runtime of the official loop, a single run each." in notes
    assert "leaderboard.md" not in render_latex(sets)
    of_cpu = [
        boards.row(replace(boards.record(number, "Net", 5.0, 27.02), clock="perf_counter"))
        for number in (1, 2)
    ]
    notes = _notes(build_board(of_cpu, protocols()["ntire2026"]))
    assert "Times are wall-clock times of a CPU, not comparable with official figures." in notes
    assert "python -m" not in notes


def test_every_set_has_its_time() -> None:
    made = []
    for number in (1, 2):
        record = boards.record(number, "Net", 5.0, 27.02)
        split = replace(record.splits[0], role="Set14", dataset="Set14")
        made.append(boards.row(replace(record, splits=(*record.splits, split))))
    text = render_latex(build_board(made, protocols()["ntire2026"]))
    headings = re.findall(r"\\begin\{tabular\}\[b\]\{@\{\}c@\{\}\}(.*)\\end", text)
    assert {r"Set14 \\ PSNR", r"Set14 \\ Time \\ {[}ms]"} <= set(headings)


def test_the_gate_is_given_as_the_reason_where_it_is_the_only_one(shared: Path) -> None:
    official = json.loads((shared / "reference" / "official_results_2026_head.json").read_text())
    text = render_latex(build_board(read_rows(official), protocols()["ntire2026"]))
    assert "PSNR is below 26.90 dB (validation) or 26.99 dB (test)." in text


def test_an_exploding_score_is_a_power() -> None:
    slow = next(row for row in _rows(render_latex(boards.varied())) if row[0] == r"04\_Slow")
    assert any(
        re.fullmatch(r"\$\d\.\d\d\\cdot10\^\{\d\d\}\$\{\}\$_\{\(4\)\}\$", cell) for cell in slow
    )


# What the parser takes the typesetter's letters for.
SEEN = str.maketrans({'"': "\u201d", "'": "\u2019", "`": "\u2018", "^": "\u02c6", "~": "\u02dc"})


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1))
def test_any_text_reads_as_it_was(text: str) -> None:
    read = LatexNodes2Text(strict_latex_spaces=True).latex_to_text(escape_latex(text))
    assert read.translate(SEEN) == text.translate(SEEN)


@given(st.text())
def test_what_pdflatex_has_no_letter_for_is_named(text: str) -> None:
    allowed = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ"
    assert all(char.isascii() or char in allowed for char in escape_latex(text))


@pytest.mark.parametrize(
    ("psnr_db", "said"),
    [
        (26.0, "The following are not ranked: their PSNR is below 26.90 dB (validation)"),
        (
            math.nan,
            "01_A is not ranked: no PSNR on DIV2K_LSDIR_valid; no PSNR on DIV2K_LSDIR_test.",
        ),
    ],
)
def test_a_psnr_that_is_unknown_is_not_said_to_be_below_the_gate(psnr_db: float, said: str) -> None:
    poor = boards.record(1, "A", 5.0, 27.02)
    splits = [
        replace(s, images=tuple(replace(image, scores={"psnr": psnr_db}) for image in s.images))
        for s in poor.splits
    ]
    rows = [
        boards.row(replace(poor, splits=tuple(splits))),
        boards.row(boards.record(2, "B", 5.0, 27.02)),
    ]
    text = render_latex(build_board(rows, protocols()["ntire2026"]))
    assert said in LatexNodes2Text().latex_to_text(text)
    assert ("PSNR is below" in text) == (psnr_db == 26.0)


def _on_runtimes(runtime: str, steady_ms: tuple[float, ...] = ()) -> Board:
    """The baseline and two more; a steady runtime of the first of them, as many as are given."""
    records = [
        boards.record(number, name, ms, 27.02, repeats=True)
        for number, (name, ms) in enumerate((("SPAN", 8.0), ("A", 5.0), ("B", 6.0)))
    ]
    for number, ms in enumerate(steady_ms):
        steady = SteadyTiming(((0, 1, 2),), ((3 * ms,) * 3,), "precision", 1, True, None, 0, None,
                              ms, ms, ms)  # fmt: skip
        splits = tuple(replace(split, steady=steady) for split in records[number].splits)
        records[number] = replace(records[number], splits=splits)
    return build_board(
        list(map(boards.row, records)), protocols()["ntire2026"], Choices(runtime=runtime)
    )


@pytest.mark.parametrize(
    ("runtime", "steady_ms", "shown"),
    [
        ("official", (), "Ave Time"),
        ("warm", (), "Warm Time"),
        ("robust", (), "Warm Time"),
        ("robust", (4.0, 3.0, 3.5), "Steady Time"),
        # One is ranked by its steady runtime, the others by warm ones: no other column has both.
        ("robust", (4.0,), "Ranked runtime"),
        ("steady", (4.0, 3.0, 3.5), "Steady Time"),
        ("no_first", (), "Ranked runtime"),
        ("official_median", (), "Ranked runtime"),
        ("warm_median", (), "Ranked runtime"),
    ],
)
def test_ranks_stand_at_the_runtime_that_they_are_of(
    runtime: str, steady_ms: tuple[float, ...], shown: str
) -> None:
    board = _on_runtimes(runtime, steady_ms)
    titles = [board.columns[index].heading.partition(" [")[0] for index in board.shown]
    assert ("Ranked runtime" in titles) == (shown == "Ranked runtime")
    text = render_latex(board)
    headings = re.findall(r"\[b\]\{@\{\}c@\{\}\}(.*)\\end\{tabular\}", text)
    plain = [heading.replace(r" \\ ", " ").partition(" {[}")[0] for heading in headings]
    rows = {row[0]: row for row in _rows(text)}
    cell = rows[r"01\_A"][plain.index(shown)]
    assert cell.endswith("{}$_{(1)}$")
    (standing,) = [s for s in board.ranking.standings if s.row.label == "01_A"]
    assert f"{standing.runtime.value:.2f}" in cell
