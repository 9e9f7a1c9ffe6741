"""LR and HR by their names: solved for a whole folder, and refused only where nobody can tell."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esr.base.errors import UserError
from esr.challenge.data_set_registry import Layout
from esr.datasets.image_folders import OWN, find_set
from esr.datasets.image_pairs import pair_images, require_pairs
from esr.datasets.name_matching import match_names


def _set(tmp_path: Path, hr: str, lr: str, scale: int = 4):
    for folder, names in (("HR", hr), ("LR", lr)):
        (tmp_path / folder).mkdir()
        for name in names.split():
            (tmp_path / folder / f"{name}.png").touch()
    return find_set(tmp_path, OWN, scale)


@pytest.mark.parametrize(
    ("hr", "lr", "pairs"),
    [
        # The issue's: s -> sx4 would leave sx4 without LR.
        ("s sx4", "s sx4", "s:s sx4:sx4"),
        ("s sx4", "sx4 sx4x4", "s:sx4 sx4:sx4x4"),
        # A chain: the last one decides for all before it.
        ("s sx4 sx4x4", "s sx4 sx4x4", "s:s sx4:sx4 sx4x4:sx4x4"),
        # Pictures of several sizes, as people name them.
        ("cat catx4 dog", "cat catx4 dogx4", "cat:cat catx4:catx4 dog:dogx4"),
        # Both styles in one folder, as in the official set of 2024.
        ("0801 0900", "0801x4 0900", "0801:0801x4 0900:0900"),
        # Two chains that have nothing to do with each other.
        ("a ax4 b bx4", "a ax4 bx4 bx4x4", "a:a ax4:ax4 b:bx4 bx4:bx4x4"),
    ],
)
def test_each_lr_is_used_once(tmp_path: Path, hr: str, lr: str, pairs: str) -> None:
    found = require_pairs(_set(tmp_path, hr, lr))
    assert " ".join(f"{pair.hr.stem}:{pair.lr.stem}" for pair in found) == pairs


def test_scale_2_and_a_layout_with_other_names(tmp_path: Path) -> None:
    found = require_pairs(_set(tmp_path, "s sx2", "s sx2", scale=2))
    assert [(pair.hr.stem, pair.lr.stem) for pair in found] == [("s", "s"), ("sx2", "sx2")]
    noisy = Layout("n", "{name}/HR", ("{name}/LR",), "here", ("{stem}noise", "{stem}"))
    (tmp_path / "HR" / "sx2.png").rename(tmp_path / "HR" / "snoise.png")
    (tmp_path / "LR" / "sx2.png").rename(tmp_path / "LR" / "snoise.png")
    found = require_pairs(find_set(tmp_path, OWN, 1, [noisy]))
    assert [(pair.hr.stem, pair.lr.stem) for pair in found] == [("s", "s"), ("snoise", "snoise")]


@pytest.mark.parametrize(
    ("hr", "lr", "first", "second"),
    [
        ("s", "s sx4", "s.png with LR sx4.png", "s.png with LR s.png"),
        ("s sx4", "sx4", "s.png with LR sx4.png", "sx4.png with LR sx4.png"),
        ("s sx4", "s sx4 sx4x4", "s.png with LR sx4.png", "s.png with LR s.png"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_with_both(
    tmp_path: Path, hr: str, lr: str, first: str, second: str
) -> None:
    folder = _set(tmp_path, f"other {hr}", f"otherx4 {lr}")
    with pytest.raises(UserError, match=r"can be paired in two ways: .*; or ") as refused:
        require_pairs(folder)
    assert first in str(refused.value)
    assert second in str(refused.value)
    # Nobody else is touched by it, and it is named once.
    pairing = pair_images(folder)
    assert [pair.hr.stem for pair in pairing.pairs] == ["other"]
    assert (len(pairing.misnamed), pairing.hr_alone, pairing.lr_alone) == (1, (), ())


def test_one_that_is_missing_is_said_to_be_and_is_no_ambiguity(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"HR without LR: expected sx4x4\.png"):
        require_pairs(_set(tmp_path, "s sx4", "s"))


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("abcde"), st.lists(st.sampled_from("vwxyz"), unique=True, max_size=3)
    )
)
def test_against_all_assignments_there_are(choices: dict[str, list[str]]) -> None:
    """Every way to give names a partner is tried; the largest is unique or it is not."""
    options = [[(hr, lr) for lr in [*lrs, None]] for hr, lrs in choices.items()]
    assignments = [
        {hr: lr for hr, lr in chosen if lr is not None}
        for chosen in itertools.product(*options)
        if len({lr for _, lr in chosen if lr}) == sum(lr is not None for _, lr in chosen)
    ]
    largest = max(map(len, assignments))
    best = [assignment for assignment in assignments if len(assignment) == largest]
    matching = match_names(choices)
    if len(best) == 1:
        assert dict(matching.partners) == best[0]
        assert not matching.ambiguous
    else:
        assert matching.ambiguous
        for group, one, other in matching.ambiguous:
            assert len(one) == len(other)
            assert one != other
            for hr, lr in (*one.items(), *other.items()):
                assert lr in group[hr]
    certain = dict(matching.partners)
    assert all({*certain.items()} <= {*assignment.items()} for assignment in best)


def test_a_hundred_thousand_names_and_a_long_chain_are_solved() -> None:
    many = {str(number): [f"{number}x4"] for number in range(100_000)}
    assert len(match_names(many).partners) == len(many)
    chain = ["s" + "x4" * length for length in range(120)]
    solved = match_names(
        {name: [f"{name}x4", name] for name in chain[:-1]} | {chain[-1]: [chain[-1]]}
    )
    assert all(hr == lr for hr, lr in solved.partners.items())
    assert len(solved.partners) == 120
