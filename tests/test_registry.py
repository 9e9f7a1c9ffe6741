"""The registry of data sets: complete, sourced, and of one opinion with the files that are here."""

from __future__ import annotations

from pathlib import Path

import pytest

from esr.base.errors import UserError
from esr.challenge.data_set_registry import FACTS, registry
from esr.challenge.protocol import protocols
from esr.datasets.splits import DataRequest, find_splits


def test_every_set_of_every_year_is_registered() -> None:
    years = [year for year in protocols().values() if year.name.startswith("ntire")]
    names = {name for year in years for name in (*year.valid, *year.test, *year.hybrid_test)}
    assert {*names, "Set5", "Set14", "B100", "Urban100", "Manga109", "demo"} <= set(registry().sets)


def test_every_protocol_names_layouts_and_hooks_that_there_are() -> None:
    for protocol in protocols().values():
        assert registry().choose(protocol.layouts)
        assert protocol.hooks.compare_handed_in(Path("absent") / "model.py", []) == []
    with pytest.raises(UserError, match="no such layout; known are official, test_set"):
        registry().choose(["offical"])


def test_every_archive_is_fetched_over_https_and_verified() -> None:
    archives = [archive for one in registry().sets.values() for archive in one.archive]
    assert archives
    for archive in archives:
        assert archive.url.startswith("https://")
        assert archive.file.endswith(".zip")


def test_what_is_not_public_says_what_can_be_done_instead() -> None:
    secret = [one for one in registry().sets.values() if one.hr_public == "no"]
    assert {one.name for one in secret} == {"DIV2K_test", "DIV2K_LSDIR_test", "LSDIR_DIV2K_test"}
    assert all(one.instead and not one.archive for one in secret)


@pytest.mark.parametrize("name", ["Set5", "Set14", "B100", "demo"])
def test_the_number_of_images_is_that_of_the_files(root: Path, shared: Path, name: str) -> None:
    data_dir = root / "data" if name == "demo" else shared / "data"
    (split,) = find_splits(DataRequest(data_dir, (name,)), protocols()["ntire2026"], 4)
    assert len(split.pairs) == registry().sets[name].images
    for stem in (registry().sets[name].names or "").split(", ") if name == "Set5" else ():
        assert any(pair.hr.stem == stem for pair in split.pairs)


LAYOUT = '[[layout]]\nname = "a"\nhr = "{name}"\nlr = ["x"]\nsource = "here"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[sets.A]\nimages = 3\n", "Field required"),
        ("[sets.A]\nimages = 3\n[sets.A.source]\n", r"facts and sources differ: \['images'\]"),
        ('[sets.A.source]\nlicence = "x"\n', r"facts and sources differ: \['licence'\]"),
        ("[sets.A]\nimages = 0\n[sets.A.source]\n", "greater than 0"),
        (
            "[sets.A]\nimage = 3\n[sets.A.source]\n",
            "unknown key 'sets.A.image'; did you mean 'images'",
        ),
        (
            '[sets.A.source]\n[[sets.A.archive]]\nurl = "https://x/a.zip"\n'
            f'sha256 = "{"0" * 64}"\nsize_bytes = 1\n',
            "archives need a source",
        ),
        ("no toml", "cannot be read as TOML"),
    ],
)
def test_a_fact_without_a_source_or_a_wrong_one_is_refused(
    tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "sets.toml").write_text(LAYOUT + text)
    with pytest.raises(UserError, match=says):
        registry(tmp_path / "sets.toml")


def test_what_is_unknown_is_none_and_an_alias_finds_its_set(tmp_path: Path) -> None:
    (tmp_path / "sets.toml").write_text(LAYOUT + '[sets.A]\naliases = ["B"]\n[sets.A.source]\n')
    found = registry(tmp_path / "sets.toml").find("B")
    assert found is not None
    assert all(getattr(found, fact) is None for fact in FACTS)
    assert not found.is_partial(3)
    assert registry().find("BSD100") == registry().sets["B100"]
    assert registry().find("my own") is None
