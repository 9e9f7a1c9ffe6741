"""The folder layouts of the official years, found from trees built here."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils.dataset import DataRequest, find_splits, pair_images
from utils.errors import UserError
from utils.protocol import protocols

NEWEST = protocols()["ntire2024"]


def _touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def _names(split) -> list[tuple[str, str]]:
    return [(pair.lr.name, pair.hr.name) for pair in split.pairs]


def test_2022_has_the_suffix_in_valid_and_none_in_test(tmp_path: Path) -> None:
    _touch(tmp_path / "DIV2K_valid_HR", "0801.png", "0802.png")
    _touch(tmp_path / "DIV2K_valid_LR", "0801x4.png", "0802x4.png")
    _touch(tmp_path / "DIV2K_test_HR", "0901.png")
    _touch(tmp_path / "DIV2K_test_LR", "0901.png")
    request = DataRequest(tmp_path, include_test=True)
    valid, test = find_splits(request, protocols()["ntire2022"], 4)
    assert (valid.role, _names(valid)) == (
        "valid",
        [("0801x4.png", "0801.png"), ("0802x4.png", "0802.png")],
    )
    assert (test.role, _names(test)) == ("test", [("0901.png", "0901.png")])


def test_2024_mixes_seven_digit_and_four_digit_names(tmp_path: Path) -> None:
    _touch(tmp_path / "DIV2K_LSDIR_valid_HR", "0000001.png", "0801.png")
    _touch(tmp_path / "DIV2K_LSDIR_valid_LR", "0000001x4.png", "0801x4.png")
    (valid,) = find_splits(DataRequest(tmp_path), NEWEST, 4)
    assert valid.dataset == "DIV2K_LSDIR_valid"
    assert _names(valid) == [("0000001x4.png", "0000001.png"), ("0801x4.png", "0801.png")]


def test_the_hybrid_test_of_2023_replaces_valid_and_test(tmp_path: Path) -> None:
    _touch(tmp_path / "LSDIR_DIV2K_test_HR", "0000001.png")
    _touch(tmp_path / "LSDIR_DIV2K_test_LR", "0000001x4.png")
    request = DataRequest(tmp_path, include_test=True, hybrid_test=True)
    (split,) = find_splits(request, protocols()["ntire2023"], 4)
    assert split.role == "hybrid_test"


def test_where_both_years_lie_side_by_side_the_protocol_decides(tmp_path: Path) -> None:
    for name in ("DIV2K_valid", "DIV2K_LSDIR_valid"):
        _touch(tmp_path / f"{name}_HR", "0801.png")
        _touch(tmp_path / f"{name}_LR", "0801x4.png")
    for year, expected in (("ntire2023", "DIV2K_valid"), ("ntire2024", "DIV2K_LSDIR_valid")):
        assert find_splits(DataRequest(tmp_path), protocols()[year], 4)[0].dataset == expected


def test_the_layout_of_the_div2k_site(tmp_path: Path) -> None:
    _touch(tmp_path / "DIV2K_valid_HR", "0801.png")
    _touch(tmp_path / "DIV2K_valid_LR_bicubic" / "X4", "0801x4.png")
    assert _names(find_splits(DataRequest(tmp_path), NEWEST, 4)[0]) == [("0801x4.png", "0801.png")]


def test_named_sets_keep_their_order_and_the_first_is_valid(tmp_path: Path) -> None:
    for name in ("Set5", "Set14"):
        _touch(tmp_path / name / "HR", "a.png")
        _touch(tmp_path / name / "LR_bicubic" / "X2", "ax2.png")
    splits = find_splits(DataRequest(tmp_path, ("Set14", "Set5")), NEWEST, 2)
    assert [(split.role, split.dataset) for split in splits] == [
        ("valid", "Set14"),
        ("Set5", "Set5"),
    ]


def test_a_folder_whose_parents_look_like_the_pattern(tmp_path: Path) -> None:
    data = tmp_path / "my_HR.png" / "x4"
    _touch(data / "DIV2K_valid_HR", "0801.png")
    _touch(data / "DIV2K_valid_LR", "0801x4.png")
    assert _names(find_splits(DataRequest(data), NEWEST, 4)[0]) == [("0801x4.png", "0801.png")]


def test_hidden_files_and_other_files_are_no_images(tmp_path: Path) -> None:
    _touch(tmp_path / "HR", "a.png", "._a.png", "Thumbs.db", "readme.txt")
    _touch(tmp_path / "LR", "ax4.png", ".DS_Store")
    assert len(pair_images(tmp_path / "LR", tmp_path / "HR", 4)) == 1


def test_the_wrong_scale_is_an_hr_without_lr(tmp_path: Path) -> None:
    _touch(tmp_path / "HR", "a.png")
    _touch(tmp_path / "LR", "ax2.png")
    with pytest.raises(UserError, match=r"expected ax4\.png"):
        pair_images(tmp_path / "LR", tmp_path / "HR", 4)


def test_every_test_set_of_the_reference_data_is_found(shared: Path) -> None:
    sets = ("Set5", "Set14", "B100", "Urban100")
    splits = find_splits(DataRequest(shared / "data", sets), NEWEST, 4)
    assert [len(split.pairs) for split in splits] == [5, 14, 100, 13]
