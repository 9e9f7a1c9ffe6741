"""The folder layouts of the official years, found from trees built here."""

from __future__ import annotations

from pathlib import Path

import pytest

from esr.base.errors import UserError
from esr.challenge.data_set_registry import Layout, registry
from esr.challenge.protocol import protocols
from esr.datasets.image_folders import find_set
from esr.datasets.image_pairs import require_pairs
from esr.datasets.splits import DataRequest, find_splits

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
    assert len(find_splits(DataRequest(tmp_path), NEWEST, 4)[0].pairs) == 1


def test_the_wrong_scale_is_an_hr_without_lr(tmp_path: Path) -> None:
    _touch(tmp_path / "HR", "a.png")
    _touch(tmp_path / "LR", "ax2.png")
    with pytest.raises(UserError, match=r"expected ax4\.png"):
        find_splits(DataRequest(tmp_path), NEWEST, 4)


DIV2K = [f"{number:04d}" for number in range(801, 901)]
DIV2K_TEST = [f"{number:04d}" for number in range(901, 1001)]
LSDIR = [f"{number:07d}" for number in range(1, 101)]
LSDIR_6 = [f"{number:06d}" for number in range(1, 101)]
OLD_VALID = ("valid", "DIV2K_valid", DIV2K, "x4")
NEW_VALID = ("valid", "DIV2K_LSDIR_valid", [*LSDIR, *DIV2K], "x4")
NEW_TEST = ("test", "DIV2K_LSDIR_test", [*LSDIR, *DIV2K_TEST], "x4")
OFFICIAL = {
    "ntire2022": [OLD_VALID, ("test", "DIV2K_test", DIV2K_TEST, "")],
    "ntire2023": [OLD_VALID, ("test", "DIV2K_test", DIV2K_TEST, "")],
    **{f"ntire{year}": [NEW_VALID, NEW_TEST] for year in (2024, 2025, 2026)},
}
"""Role, folder, names and suffix of LR: protocol.md, section 1."""


def _official_tree(data: Path, name: str, stems: list[str], suffix: str, lr: str = "_LR") -> None:
    _touch(data / f"{name}_HR", *(f"{stem}.png" for stem in stems))
    _touch(data / f"{name}{lr}", *(f"{stem}{suffix}.png" for stem in stems))


def _stems(split) -> list[tuple[str, str]]:
    return [(pair.lr.stem, pair.hr.stem) for pair in split.pairs]


@pytest.mark.parametrize("year", OFFICIAL)
def test_every_official_tree_is_found(tmp_path: Path, year: str) -> None:
    for _, name, stems, suffix in OFFICIAL[year]:
        _official_tree(tmp_path, name, stems, suffix)
    splits = find_splits(DataRequest(tmp_path, include_test=True), protocols()[year], 4)
    for split, (role, name, stems, suffix) in zip(splits, OFFICIAL[year], strict=True):
        assert (split.role, split.dataset) == (role, name)
        assert _stems(split) == [(f"{stem}{suffix}", stem) for stem in sorted(stems)]
        assert not registry().sets[name].is_partial(len(split.pairs))


def test_the_readme_of_2024_has_six_digits_and_one_lr_without_suffix(tmp_path: Path) -> None:
    stems = [*LSDIR_6, *DIV2K]
    _official_tree(tmp_path, "DIV2K_LSDIR_valid", stems, "x4")
    lr = tmp_path / "DIV2K_LSDIR_valid_LR"
    (lr / "0900x4.png").rename(lr / "0900.png")
    (valid,) = find_splits(DataRequest(tmp_path), protocols()["ntire2024"], 4)
    assert len(valid.pairs) == 200
    assert _stems(valid)[-1] == ("0900", "0900")


def test_the_hybrid_test_of_2023_has_its_own_name(tmp_path: Path) -> None:
    _official_tree(tmp_path, "LSDIR_DIV2K_test", [*LSDIR, *DIV2K_TEST], "x4")
    request = DataRequest(tmp_path, hybrid_test=True)
    (split,) = find_splits(request, protocols()["ntire2023"], 4)
    assert (split.dataset, len(split.pairs)) == ("LSDIR_DIV2K_test", 200)


@pytest.mark.parametrize(
    ("hr", "lr", "name"),
    [
        ("Set5/HR", "Set5/LR_bicubic/X4", "ax4.png"),  # EDSR, SwinIR, and the demo set
        ("Set5/HR", "Set5/LR/X4", "ax4.png"),
        ("Set5/HR", "Set5/LR", "a.png"),
        ("Set5/GTmod12", "Set5/LRbicx4", "a.png"),  # BasicSR
        ("Set5_HR", "Set5_LR_bicubic/X4", "ax4.png"),  # as the archives of DIV2K
        ("Set5_HR", "Set5_LR", "a.bmp"),
    ],
)
def test_a_named_set_in_every_layout(tmp_path: Path, hr: str, lr: str, name: str) -> None:
    _touch(tmp_path / hr, "a.png")
    _touch(tmp_path / lr, name)
    (split,) = find_splits(DataRequest(tmp_path, ("Set5",)), NEWEST, 4)
    assert split.pairs[0].lr == tmp_path / lr / name
    assert split.pairs[0].hr == tmp_path / hr / "a.png"


@pytest.mark.parametrize("lr", ["LR_bicubic/X4", "LR/X4", "LR"])
def test_a_folder_of_ones_own(tmp_path: Path, lr: str) -> None:
    _touch(tmp_path / "mine" / "HR", "a.png")
    _touch(tmp_path / "mine" / lr, "ax4.png")
    (split,) = find_splits(DataRequest(tmp_path / "mine"), NEWEST, 4)
    assert (split.dataset, split.pairs[0].lr.parent) == ("mine", tmp_path / "mine" / lr)


def test_hr_alone_says_how_lr_is_made(tmp_path: Path) -> None:
    _touch(tmp_path / "HR", "a.png")
    with pytest.raises(UserError, match=r"esr data prepare .* --scale 3"):
        find_splits(DataRequest(tmp_path), NEWEST, 3)


def test_each_scale_finds_its_own_folder(tmp_path: Path) -> None:
    _official_tree(tmp_path, "DIV2K_valid", ["0801"], "x4")
    _touch(tmp_path / "DIV2K_valid_LR_bicubic" / "X2", "0801x2.png")
    for scale in (2, 4):
        (split,) = find_splits(DataRequest(tmp_path), NEWEST, scale)
        assert split.pairs[0].lr.name == f"0801x{scale}.png"


@pytest.mark.parametrize("flag", ["include_test", "hybrid_test"])
def test_hr_that_is_not_public_is_said_to_be(tmp_path: Path, flag: str) -> None:
    _official_tree(tmp_path, "DIV2K_LSDIR_valid", ["0801"], "x4")
    _touch(tmp_path / "DIV2K_LSDIR_test_LR", "0901x4.png")
    with pytest.raises(UserError, match="HR of this set is not public; evaluate DIV2K"):
        find_splits(DataRequest(tmp_path, **{flag: True}), NEWEST, 4)


def test_every_test_set_of_the_reference_data_is_found(shared: Path) -> None:
    sets = ("Set5", "Set14", "B100", "Urban100")
    splits = find_splits(DataRequest(shared / "data", sets), NEWEST, 4)
    assert [len(split.pairs) for split in splits] == [5, 14, 100, 13]


@pytest.mark.parametrize(
    ("layout", "scale", "hr", "lr"),
    [
        # Denoising: another folder of inputs beside the same HR, and two ways to name its files.
        (
            Layout("dn50", "{name}_HR", ("{name}_noise50",), "here", ("{stem}noise50", "{stem}")),
            1,
            ["DIV2K_valid_HR/0801.png", "DIV2K_valid_HR/0802.png"],
            ["DIV2K_valid_noise50/0801.png", "DIV2K_valid_noise50/0802noise50.png"],
        ),
        # Image SR x4 from 2025.
        (
            Layout("lq", "{name}/HR", ("{name}/LQ",), "here"),
            4,
            ["DIV2K_valid/HR/0901.png"],
            ["DIV2K_valid/LQ/0901x4.png"],
        ),
        (
            Layout("rt", "{name}/GT", ("{name}/LR{scale}",), "here", ("{stem}",), (".png", ".jpg")),
            2,
            ["DIV2K_valid/GT/a.png"],
            ["DIV2K_valid/LR2/a.jpg"],
        ),
    ],
)
def test_a_layout_of_another_challenge_is_a_table(
    tmp_path: Path, layout: Layout, scale: int, hr: list[str], lr: list[str]
) -> None:
    for file in (*hr, *lr):
        _touch((tmp_path / file).parent, (tmp_path / file).name)
    pairs = require_pairs(find_set(tmp_path, "DIV2K_valid", scale, [layout]))
    assert [pair.hr for pair in pairs] == [tmp_path / file for file in hr]
    assert [pair.lr for pair in pairs] == [tmp_path / file for file in lr]
    folders = {Path(file).parts[0] for file in (*hr, *lr)}
    assert {name for of in folders for name in layout.names(of, scale)} == {"DIV2K_valid"}
