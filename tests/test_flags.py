"""Every flag is explained; a row whose figures are in doubt looks like no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boards
import pytest
from rich.console import Console

from esr.audit.flag_meanings import grade_flags, list_flag_meanings
from esr.challenge.protocol import protocols
from esr.records.measurement import Flag
from esr.report.board import Board, build_board
from esr.report.html.html_report import render_html
from esr.report.latex_table import render_latex
from esr.report.markdown_table import render_markdown
from esr.report.terminal_table import lay_out_leaderboard
from esr.report.winners import find_winners
from esr.tools.pages.flags_page import flags_page

NAME = re.compile("[a-z]+(_[a-z]+)*")
CHOSEN_ELSEWHERE = {"esr/measure/caching.py": "verdict"}
"""Functions that name a flag which others raise."""
NO_FLAG = {"submission", "signal"}
"""What else is said in a word where names of flags are chosen."""


def _words(node: ast.AST) -> set[str]:
    """Words in the strings of some code."""
    strings = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
    return {text for text in strings if isinstance(text, str) and NAME.fullmatch(text)}


def _assigned(module: ast.Module, name: str) -> ast.AST | None:
    """What a name of the module is given; of several that are given at once, its own."""
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name) and target.id == name:
                return node.value
            if isinstance(target, ast.Tuple):
                names = [each.id for each in target.elts]
                if name in names:
                    return node.value.elts[names.index(name)]
    return None


def _raised(path: Path, root: Path) -> Iterator[str]:
    """Names of the flags that a module makes."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    for part in module.body:
        if getattr(part, "name", "") == CHOSEN_ELSEWHERE.get(path.relative_to(root).as_posix(), 0):
            yield from _words(part)
        for call in ast.walk(part):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Flag":
                yield from _named(call.args[0], part, module)


def _named(chosen: ast.expr, part: ast.stmt, module: ast.Module) -> set[str]:
    """Names that the first argument of a flag may have."""
    if isinstance(chosen, ast.Constant):
        return {chosen.value}
    if not isinstance(chosen, ast.Name):
        return set()  # The name of another flag.
    if given := _assigned(module, chosen.id):
        return _words(given)
    # It is chosen in this function or class, perhaps from a table of the module.
    tables = (_assigned(module, each.id) for each in ast.walk(part) if isinstance(each, ast.Name))
    values = [value for table in tables if isinstance(table, ast.Dict) for value in table.values]
    return _words(part).union(*map(_words, values))


def test_every_flag_that_the_program_raises_is_explained_and_no_other(root: Path) -> None:
    raised = {name for path in (root / "esr").rglob("*.py") for name in _raised(path, root)}
    assert raised - NO_FLAG == set(list_flag_meanings())
    text = (root / "esr" / "audit" / "flags.toml").read_text(encoding="utf-8")
    assert text.count("[[flag]]") == len(list_flag_meanings())  # None is named twice.


def test_the_page_says_what_the_report_says(root: Path) -> None:
    page = (root / "docs" / "flags.md").read_text(encoding="utf-8")
    assert page == flags_page(), "write it anew: python -m esr pages flags"
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert sorted(rows) == sorted(list_flag_meanings())


@pytest.mark.parametrize(
    ("names", "grade"),
    [
        ((), None),
        (("kept_files", "half_precision"), "note"),
        (("kept_files", "constructor_warm_up"), "doubt"),
        (("constructor_warm_up", "patched_timer", "kept_files"), "grave"),
        (("of_another_version",), "doubt"),
    ],
)
def test_a_row_is_as_grave_as_its_gravest_flag(names: tuple[str, ...], grade: str | None) -> None:
    assert grade_flags([Flag(name, "seen") for name in names]) == grade


@pytest.fixture(scope="module")
def board() -> Board:
    """The cheat is the fastest; one warms up, one leaves files, one has no flag."""
    flags = {
        1: ("kept_files",),
        2: ("constructor_warm_up",),
        3: ("kept_files", "cached_output", "constructor_warm_up"),
    }
    records = [
        replace(
            boards.record(number, name, 9.0 - number, 27.02),
            flags=tuple(Flag(name, "seen") for name in flags.get(number, ())),
        )
        for number, name in enumerate(("SPAN", "Tidy", "Warm", "Cheat_of_a_long_name_indeed"))
    ]
    return build_board([*map(boards.row, records)], protocols()["ntire2026"])


def test_a_row_in_doubt_has_a_sign_in_every_table(board: Board) -> None:
    cheat = "03_Cheat_of_a_long_name_indeed"
    console = Console(width=80, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(lay_out_leaderboard(board, 80))
    terminal = captured.get()
    assert max(map(len, terminal.splitlines())) <= 80
    for text in (terminal, render_markdown(board)):
        body = text.partition("Remarks")[0]
        assert "02_Warm †" in body
        assert body.count("†") == body.count("‡") == 1
    assert f"{cheat} ‡" in render_markdown(board)
    latex = render_latex(board)
    assert r"02\_Warm $^\dagger$ &" in latex
    assert r"indeed $^\ddagger$ &" in latex
    assert not {"†", "‡"} & {*latex}
    (remark,) = [each for each in board.remarks if "docs/flags.md" in each]
    assert remark.startswith("‡ marks")
    assert "; † marks" in remark
    assert "\n" not in remark
    # It wins the track, and its card says so.
    assert {winner.names for winner in find_winners(board.ranking)} >= {(f"{cheat} ‡",)}
    # Figures alone are in the files that programs read.
    assert board.lines[0].values[board.model] == cheat


def test_without_a_doubt_there_is_no_sign() -> None:
    flagged = replace(boards.record(1, "Tidy", 5.0, 27.02), flags=(Flag("kept_files", "x"),))
    board = build_board([boards.row(flagged)], protocols()["ntire2026"])
    assert board.lines[0].cells[board.model].text == "01_Tidy"
    assert [remark for remark in board.remarks if "†" in remark or "‡" in remark] == []


def test_the_report_says_what_its_flags_mean(board: Board, tmp_path: Path) -> None:
    page = render_html(board, tmp_path)
    known = list_flag_meanings()
    chips = re.findall(r'class="badge flags (\w+)" title="([^"]*)"', page.partition("</table>")[0])
    assert [kind for kind, _ in chips] == ["grave", "doubt", "note"]
    for name in ("kept_files", "cached_output", "constructor_warm_up"):
        assert f"{name}: {known[name].meaning}" in chips[0][1]
        assert f'href="#flag-{name}"' in page
        assert f'id="flag-{name}"' in page
        assert known[name].remedy.replace("`", "") in page
    assert "flag-patched_timer" not in page
