"""Names and reasons from strangers, in every format at once: seen, harmless, a row each."""

from __future__ import annotations

import io
import json
import unicodedata
from dataclasses import replace
from pathlib import Path

import boards
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from esr.base.visible_text import LINE_AT_MOST, NAME_AT_MOST, name, one_line
from esr.challenge.protocol import protocols
from esr.rank.figures import read_rows
from esr.records import official_results
from esr.report import terminal
from esr.report.board import build_board
from esr.report.formats import write_all
from esr.report.terminal_table import lay_out_leaderboard

CONTROL = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _unsafe(text: str) -> set[str]:
    return {char for char in text if unicodedata.category(char) in CONTROL} - {"\n"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    write_all(boards.hostile(), folder)
    return folder


@pytest.mark.parametrize("suffix", ["csv", "md", "tex"])
def test_no_file_holds_a_control_character(written: Path, suffix: str) -> None:
    text = (written / f"leaderboard.{suffix}").read_text(encoding="utf-8")
    assert _unsafe(text) == set()


@pytest.mark.parametrize("width", [40, 80, 160])
def test_a_terminal_is_told_nothing_but_text(width: int) -> None:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(lay_out_leaderboard(boards.hostile(), console.width))
    assert _unsafe(console.file.getvalue()) == set()


def test_rich_reads_no_markup_or_emoji_code_in_a_name() -> None:
    console = Console(file=io.StringIO(), width=160)
    console.print(lay_out_leaderboard(boards.hostile(), console.width))
    assert "[bold red]markup[/] :smile:" in console.file.getvalue()


def test_a_data_sets_name_is_harmless_in_titles(tmp_path: Path) -> None:
    made = boards.record(1, "Net", 5.0, 27.02)
    role = "=1|\x1b[31m<b>\u202e\n@x"
    made = replace(made, splits=(*made.splits, replace(made.splits[0], role=role, dataset=role)))
    finished = build_board([boards.row(made)], protocols()["ntire2026"])
    write_all(finished, tmp_path)
    for suffix in ("csv", "md", "tex"):
        assert _unsafe((tmp_path / f"leaderboard.{suffix}").read_text()) == set()
    titles = (tmp_path / "leaderboard.csv").read_text().splitlines()[0].split(",")
    assert not [title for title in titles if title.strip('"').startswith("=")]
    for width in (40, 80, 300):
        console = Console(file=io.StringIO(), width=width)
        console.print(lay_out_leaderboard(finished, console.width))
        assert _unsafe(console.file.getvalue()) == set()


def test_everything_printed_is_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    made = boards.hostile()
    terminal.print_leaderboard(made, Path("/results"))
    printed = capsys.readouterr().out
    assert _unsafe(printed) == set()
    *lines, more, _ = printed.splitlines()
    (rules,) = (remark for remark in made.remarks if remark.startswith("Rules of "))
    assert lines[-21:] == [*made.remarks[:20], rules]
    assert more == f"{len(made.remarks) - 21} more remarks in report.html"
    # rich would take these for markup and an emoji code.
    assert "[bold red]markup[/] :smile:" in printed


def test_a_failures_line_is_printed_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    for label in boards.HOSTILE:
        failure = boards.failed(label, label).failure
        assert failure
        terminal.print_outcome(failure)
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == len(boards.HOSTILE)
    assert _unsafe(printed) == set()


@settings(deadline=None)
@given(st.text())
def test_a_line_is_short_printable_and_trimmed(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= LINE_AT_MOST
    assert name(text)
    assert len(name(text * 50)) <= NAME_AT_MOST


@given(
    st.text(
        st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), max_size=60, min_size=1
    )
)
def test_printable_text_is_shown_as_it_is(text: str) -> None:
    assert one_line(text) == text


def test_official_names_are_shown_as_they_are_but_for_leading_spaces(shared: Path) -> None:
    official = json.loads((shared / "reference" / "official_results_2026_head.json").read_text())
    assert [name(label) for label in official] == [label.strip() for label in official]
    # The official table prints whatever it is given.
    assert "         11_VSCINet" in official_results.results_table(official)


def test_two_rows_whose_names_are_shown_alike_stay_two() -> None:
    names = ("x" * 500 + "a", "x" * 500 + "b")
    results = {label: {"valid_ave_psnr": 27.0, "valid_ave_runtime": 5.0} for label in names}
    made = build_board(read_rows(results), protocols()["ntire2026"])
    console = Console(file=io.StringIO(), width=80)
    console.print(lay_out_leaderboard(made, console.width))
    assert console.file.getvalue().count("27.00") == 2
