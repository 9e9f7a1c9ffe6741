"""Which known word somebody meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esr.base.did_you_mean import find_nearest, suggest, suggest_flags

FLAGS = ("--model_id", "--data_dir", "--dataset", "--save_dir", "--metrics", "--h")
SETS = ("Set5", "Set14", "B100", "Urban100", "Manga109")


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("--modelid", FLAGS, ["--model_id"]),
        ("-Model-ID", FLAGS, ["--model_id"]),
        ("--model", FLAGS, ["--model_id"]),
        ("--data", FLAGS, ["--data_dir", "--dataset"]),
        ("--metrcis", FLAGS, ["--metrics"]),
        ("set5", SETS, ["Set5"]),
        ("Set 5", SETS, ["Set5"]),
        ("manga", SETS, ["Manga109"]),
        ("Kodak", SETS, []),
        ("B10", ("Urban100",), []),
        ("rfdm", ("00_RFDN", "01_EDRN"), ["00_RFDN"]),
        ("", SETS, []),
        ("5", SETS, []),
    ],
)
def test_nearest(word: str, known: tuple[str, ...], meant: list[str]) -> None:
    assert find_nearest(word, known) == meant


def test_a_suggestion_is_a_question_or_what_stands_in_for_it() -> None:
    assert suggest("set5", SETS) == "did you mean Set5?"
    assert suggest("--data", FLAGS) == "did you mean --data_dir or --dataset?"
    assert suggest("Kodak", SETS, "one of many") == "one of many"


def test_flags_are_told_from_their_values() -> None:
    unknown = ["--modelid=dataset", "dataset", "--savedir", "x"]
    assert suggest_flags(unknown, FLAGS) == "did you mean --model_id and --save_dir?"
    assert suggest_flags(["dataset"], FLAGS) == ""


@given(st.text(), st.lists(st.text(), max_size=5))
def test_only_known_words_are_suggested_and_each_is_nearest_to_itself(
    word: str, known: list[str]
) -> None:
    assert set(find_nearest(word, known)) <= set(known)
    assert word in find_nearest(word, [word, "something else"])
