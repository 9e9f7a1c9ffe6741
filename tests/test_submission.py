"""Discovery by file name, the checkpoint that belongs to a model, and what a sidecar's forms change."""

from __future__ import annotations

from pathlib import Path

import pytest

from esr.base.errors import UserError
from esr.submissions.discovery import adapt, discover
from esr.submissions.pick_submissions import choose
from esr.submissions.submission import Broken, Submission
from esr.submissions.unnamed_models import find_unnamed_models


def _write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def _only(root: Path) -> Submission | Broken:
    (entry,) = discover(root)
    return entry


@pytest.mark.parametrize(
    ("model", "checkpoint", "label"),
    [
        ("team00_RFDN.py", "team00_rfdn.pth", "00_RFDN"),
        ("team7_A_b.py", "team07_x.ckpt", "07_A_b"),
        ("team123_Net.py", "team123.pkl", "123_Net"),
        ("team04_X.py", "team04_X_epoch1000.pt", "04_X"),
    ],
)
def test_file_names_are_the_registry(
    tmp_path: Path, model: str, checkpoint: str, label: str
) -> None:
    _write(tmp_path, f"models/{model}", f"model_zoo/{checkpoint}", "model_zoo/team1_other.pth")
    entry = _only(tmp_path)
    assert isinstance(entry, Submission)
    assert (entry.label, entry.checkpoint.name) == (label, checkpoint)


def test_the_models_own_name_wins_among_several(tmp_path: Path) -> None:
    _write(tmp_path, "models/team00_A.py", "model_zoo/team00_A.pth", "model_zoo/team00_old.pth")
    assert _only(tmp_path).checkpoint.name == "team00_A.pth"


def test_several_that_could_be_meant_are_listed_and_checkpoint_decides(tmp_path: Path) -> None:
    _write(tmp_path, "models/team00_A.py", "model_zoo/team00_x.pth", "model_zoo/team00_y.pth")
    entry = _only(tmp_path)
    assert "team00_x.pth, team00_y.pth" in entry.problem
    assert (
        adapt(entry, tmp_path / "model_zoo" / "team00_y.pth", None).checkpoint.name
        == "team00_y.pth"
    )


def test_ids_are_chosen_once_each_in_the_order_asked(tmp_path: Path) -> None:
    _write(tmp_path, "models/team02_B.py", "models/team10_C.py", "models/team01_A.py")
    entries = discover(tmp_path)
    assert [entry.label for entry in entries] == ["01_A", "02_B", "10_C"]
    assert [e.label for e in choose(entries, ["10", "1", "010"])] == ["10_C", "01_A"]
    assert choose(entries, ["2", "all"]) == entries
    with pytest.raises(UserError, match="there are: 1, 2, 10"):
        choose(entries, ["3"])


SIDECAR = """
arch = "Base"
kwargs = { width = 8, depth = 2 }
checkpoint = "team00_base.pth"

[forms.small]
kwargs = { width = 4 }

[claims]
num_conv = 3

[forms.other]
claimed = false
arch = "Other"
scale = 2
checkpoint = "team00_other.pth"
"""


@pytest.mark.parametrize(
    ("wanted", "labels"),
    [
        (["net"], ["02_Net", "12_Net"]),
        (["02_NET"], ["02_Net"]),
        (["team03_Other.py", "models/team02_Net.py"], ["03_Other", "02_Net"]),
        (["*et", "3"], ["02_Net", "12_Net", "03_Other"]),
        (["team?2*"], ["02_Net", "12_Net"]),
        (["04_[fean]"], ["04_[FEAN]"]),
        (["*[FEAN]"], ["04_[FEAN]"]),
        (["Net", "2", "02_Net"], ["02_Net", "12_Net"]),
    ],
)
def test_names_and_wildcards_choose_too(
    tmp_path: Path, wanted: list[str], labels: list[str]
) -> None:
    stems = ("team02_Net", "team03_Other", "team04_[FEAN]", "team12_Net")
    _write(tmp_path, *(f"models/{stem}.py" for stem in stems))
    assert [entry.label for entry in choose(discover(tmp_path), wanted)] == labels


@pytest.mark.parametrize("wanted", ["ne", "[et]", "", "02", "1e1", "٢x"])
def test_what_nothing_is_called_chooses_nothing(tmp_path: Path, wanted: str) -> None:
    _write(tmp_path, "models/team01_Net.py")
    with pytest.raises(UserError, match="no submission has this"):
        choose(discover(tmp_path), [wanted])


NETWORK = "import torch.nn as nn\nclass Net({base}):\n    pass\n"


@pytest.mark.parametrize(
    ("name", "base", "says"),
    [
        ("TinyNet.py", "nn.Module", "models/TinyNet.py is no submission: rename it team[ID]_TinyNet.py"),
        ("TinyNet.py", "Module", "rename it team[ID]_TinyNet.py"),
        ("TinyNet.py", "nn.Sequential", "rename it team[ID]_TinyNet.py"),
        ("Team42_TinyNet.py", "nn.Module", "rename it team42_TinyNet.py"),
        ("42-TinyNet.py", "nn.Module", "rename it team42_TinyNet.py"),
        ("team42_TinyNet.PY", "nn.Module", "models/team42_TinyNet.PY is no submission: rename it team42_TinyNet.py"),
        ("team42_TinyNet.py.txt", "nn.Module", "rename it team42_TinyNet.py"),
        ("team42_TinyNet/net.py", "nn.Module", "models/team42_TinyNet/ is a folder, no submission: put its network into team42_TinyNet.py"),
        ("team42_TinyNet.py", "nn.Module", None),
        ("TinyNet.py", "object", None),
        ("TinyNet.py.bak", "nn.Module", None),
        ("notes.txt", "nn.Module", None),
    ],
)  # fmt: skip
def test_a_network_under_another_name_is_told_how_to_be_named(
    tmp_path: Path, name: str, base: str, says: str | None
) -> None:
    file = tmp_path / "models" / name
    file.parent.mkdir(parents=True)
    file.write_text(NETWORK.format(base=base))
    (tmp_path / "models" / "half.py").write_text("class (")
    lines = [model.describe() for model in find_unnamed_models(tmp_path)]
    assert len(lines) == (says is not None)
    assert all(line.endswith(says) for line in lines)


@pytest.mark.parametrize(
    "use",
    [
        "from models.blocks import Net",
        "from models import blocks",
        "from .blocks import Net",
        "def f():\n    import models.blocks as b",
        "import importlib\nimportlib.import_module('models.blocks')",
        '"""The layers are in blocks.py."""',
    ],
)
def test_what_another_file_imports_is_a_helper(tmp_path: Path, use: str) -> None:
    _write(tmp_path, "models/team01_A.py", "models/blocks.py")
    (tmp_path / "models" / "blocks.py").write_text(NETWORK.format(base="nn.Module"))
    assert [model.stem for model in find_unnamed_models(tmp_path)] == ["blocks"]
    (tmp_path / "models" / "team01_A.py").write_text(use)
    assert find_unnamed_models(tmp_path) == []


def test_who_is_not_found_may_have_another_name(tmp_path: Path) -> None:
    _write(tmp_path, "models/team01_A.py")
    for stem in ("TinyNet", "BigNet"):
        (tmp_path / "models" / f"{stem}.py").write_text(NETWORK.format(base="nn.Module"))
    with pytest.raises(UserError, match=r"TinyNet\.py .*team\[ID\]_TinyNet\.py, models/BigNet"):
        choose(discover(tmp_path), ["tinynet"], tmp_path)
    (tmp_path / "models" / "BigNet.py").unlink()
    with pytest.raises(UserError, match=r"this id; there are: 1; .* rename it team42_TinyNet\.py$"):
        choose(discover(tmp_path), ["42"], tmp_path)
    (tmp_path / "models" / "team01_A.py").unlink()
    with pytest.raises(UserError, match=r"no submission in models/; models/TinyNet\.py is no sub"):
        choose(discover(tmp_path), ["all"], tmp_path)


def test_the_networks_of_this_repository_all_have_their_names(root: Path) -> None:
    assert find_unnamed_models(root) == []


def test_a_form_changes_what_it_states_and_nothing_else(tmp_path: Path) -> None:
    _write(
        tmp_path, "models/team00_A.py", "model_zoo/team00_base.pth", "model_zoo/team00_other.pth"
    )
    (tmp_path / "models" / "team00_A.toml").write_text(SIDECAR)
    first = _only(tmp_path)
    assert first.form == "small"
    assert (first.sidecar.arch, first.sidecar.kwargs) == ("Base", {"width": 4, "depth": 2})
    assert (first.sidecar.scale, first.checkpoint.name) == (4, "team00_base.pth")
    other = adapt(first, None, "other")
    assert (other.sidecar.arch, other.sidecar.kwargs) == ("Other", {"width": 8, "depth": 2})
    assert (first.sidecar.claims.num_conv, other.sidecar.claims.num_conv) == (3, None)
    assert (other.sidecar.scale, other.checkpoint.name) == (2, "team00_other.pth")
    assert adapt(other, None, "small").sidecar == first.sidecar


@pytest.mark.parametrize("stated", ["../secret.pth", "/etc/passwd", "sub/team00.pth"])
def test_a_checkpoint_outside_the_zoo_is_refused(tmp_path: Path, stated: str) -> None:
    _write(tmp_path, "models/team00_A.py", "secret.pth")
    (tmp_path / "models" / "team00_A.toml").write_text(f'checkpoint = "{stated}"\n')
    entry = _only(tmp_path)
    assert entry.checkpoint is None
    assert "is no file name in model_zoo/" in entry.problem


def test_a_sidecar_may_begin_with_a_byte_order_mark_and_hold_any_letters(tmp_path: Path) -> None:
    _write(tmp_path, "models/team00_A.py")
    (tmp_path / "models" / "team00_A.toml").write_text(
        '\ufeff[team]\nname = "\u56e2\u961f"\n', encoding="utf-8"
    )
    assert _only(tmp_path).sidecar.team.name == "\u56e2\u961f"


def test_a_date_in_a_sidecar_is_named(tmp_path: Path) -> None:
    _write(tmp_path, "models/team00_A.py")
    (tmp_path / "models" / "team00_A.toml").write_text("[team]\nname = 2023-03-17\n")
    assert "holds a date" in _only(tmp_path).reason


def test_other_files_in_the_zoo_are_no_checkpoints_in_any_form(tmp_path: Path) -> None:
    _write(tmp_path, "models/team01_A.py", "model_zoo/team01_A.pth", "model_zoo/team01_A.json")
    (tmp_path / "models" / "team01_A.toml").write_text("[forms.one]\n[forms.two]\n")
    entry = _only(tmp_path)
    for form in ("one", "two"):
        assert adapt(entry, None, form).checkpoint.name == "team01_A.pth"
