"""Lines of the terminal: broken between words, commands and names left whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from esr.base.word_wrap import wrap_name, wrap_words

REMARK = (
    "Rules of ntire2026; no scores, since the baseline SPAN is not among the rows: measure it too,"
    " with --model_id 2026, or choose one with python -m esr leaderboard RESULTS --baseline LABEL,"
    " or its published figures with --baseline published."
)


def test_a_command_stands_in_one_line() -> None:
    lines = wrap_words(REMARK, 60).split("\n")
    assert max(map(len, lines)) <= 60
    assert " ".join(lines) == REMARK
    assert any("python -m esr leaderboard RESULTS --baseline LABEL" in line for line in lines)
    assert any("--model_id 2026" in line for line in lines)


def test_what_is_longer_than_a_line_stays_whole() -> None:
    assert wrap_words("it is in /a/very/long/path now", 10) == "it is in\n/a/very/long/path\nnow"


@given(st.text(st.characters(categories=["L", "N"]), max_size=60), st.integers(1, 30))
def test_no_word_is_broken_and_nothing_is_lost(text: str, width: int) -> None:
    words = [text[i : i + 5] for i in range(0, len(text), 5)]
    lines = wrap_words(" ".join(words), width).split("\n")
    assert " ".join(lines).split() == " ".join(words).split()
    assert all(cell_len(line) <= width or " " not in line for line in lines)


def test_a_name_is_broken_after_its_parts() -> None:
    assert wrap_name("05_SPANMamba_single_1_4T05", 13) == "05_SPANMamba_\nsingle_1_4T05"
    assert wrap_name("05_SPANMamba_single_1_4T05", 28) == "05_SPANMamba_single_1_4T05"
