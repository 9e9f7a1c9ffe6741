"""What stands between a clone's code and PyTorch, and between its modules and ours."""

from __future__ import annotations

import builtins
import importlib
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from torch import nn

from esr.base.errors import UserError
from esr.submissions.checkpoint_file import read_checkpoint
from esr.submissions.clone.clone_files import checked_out, copy_clone, hashes
from esr.submissions.clone_session.clone_calls import checked
from esr.submissions.clone_session.clone_world import in_place, modules_in, world_of
from esr.submissions.clone_session.cuda_on_cpu import Redirection, is_needed
from esr.submissions.clone_session.safe_load import SafeLoad
from esr.submissions.clone_session.session import Session
from esr.submissions.submission import CloneSubmission

no_gpu = pytest.mark.skipif(not is_needed(), reason="redirection is for machines without a GPU")


def _nothing(*_: object) -> None:
    """Take whatever a gate tells."""


@no_gpu
@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.ones(2).cuda(),
        lambda: torch.ones(2).to("cuda"),
        lambda: torch.ones(2).to(0),
        lambda: torch.ones(2).to(device=torch.device("cuda:0"), dtype=torch.float32),
        lambda: torch.ones(2, device="cuda"),
        lambda: torch.tensor([1.0, 1.0], device=torch.device("cuda")),
        lambda: torch.full((2,), 1.0, device=0),
        lambda: torch.zeros(2).new_ones(2, device="cuda"),
        lambda: torch.ones(2).type("torch.cuda.FloatTensor"),
        lambda: torch.ones(2).pin_memory(),
        lambda: next(nn.BatchNorm1d(2).cuda().parameters()).data,
        lambda: next(nn.BatchNorm1d(2, device="cuda").to("cuda").parameters()).data,
    ],
)
def test_a_device_named_in_a_call_becomes_the_cpu(call) -> None:
    redirection = Redirection()
    with in_place(redirection.patches()), redirection.mode():
        made = call()
    assert (made.device.type, made.tolist()) == ("cpu", [1.0, 1.0])
    assert sum(redirection.counts.values()) >= 1


@no_gpu
def test_queries_that_would_raise_are_answered_and_counted() -> None:
    redirection = Redirection()
    with in_place(redirection.patches()):
        start = torch.cuda.Event(enable_timing=True)
        start.record(torch.cuda.current_stream())
        assert torch.ones(2).type(torch.cuda.FloatTensor).device.type == "cpu"
        torch.cuda.synchronize()
        with torch.cuda.stream(torch.cuda.Stream()):
            torch.cuda.set_device(0)
        assert torch.cuda.is_available() is False
        assert torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory == 0
    assert redirection.counts["torch.cuda.Event"] == 1
    assert redirection.counts["torch.cuda.synchronize"] == 1
    with pytest.raises((AssertionError, RuntimeError)):
        torch.cuda.synchronize()


@no_gpu
def test_what_was_redirected_is_named_as_it_is_written() -> None:
    redirection = Redirection()
    with redirection.mode():
        torch.ones(2, device=torch.device("cuda")).to("cuda")
        torch.zeros(2, device="cuda")
    assert redirection.counts == {"torch.device": 1, "Tensor.to": 1, "torch.zeros": 1}


@no_gpu
def test_calls_that_name_no_gpu_are_left_alone() -> None:
    redirection = Redirection()
    with redirection.mode():
        nn.Conv2d(3, 3, 3)(torch.rand(1, 3, 8, 8).to("cpu", torch.float32))
        torch.nn.functional.pad(torch.ones(1, 2), (1, 1), "constant", 0)
    assert redirection.counts == {}


class Evil:
    """Runs something when it is unpickled."""

    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("evil").absolute(),))


def test_no_code_in_a_checkpoint_runs_even_if_the_call_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"params": Evil()}, "team.pth")
    gate = SafeLoad(False, _nothing, None)
    with in_place(gate.patches()), pytest.raises(UserError, match="--trust ID"):
        torch.load("team.pth", weights_only=False)
    assert not Path("evil").exists()
    with in_place(SafeLoad(True, _nothing, None).patches()):
        torch.load("team.pth")
    assert Path("evil").exists()


def test_torchscript_needs_trust(tmp_path: Path) -> None:
    file = tmp_path / "team.pt"
    torch.jit.script(nn.Conv2d(3, 3, 3)).save(str(file))
    gate = SafeLoad(False, _nothing, None)
    for load in ("torch.jit.load", "torch.load"):
        with in_place(gate.patches()), pytest.raises(UserError, match="--trust ID"):
            eval(load)(file)
    with in_place(SafeLoad(True, _nothing, None).patches()):
        assert torch.jit.load(file)(torch.rand(1, 3, 8, 8)).shape == (1, 3, 6, 6)


def test_our_own_layout_takes_the_weights_of_a_trusted_network(tmp_path: Path) -> None:
    file, network = tmp_path / "team.pth", nn.Conv2d(3, 3, 3)
    torch.save(network, file)
    with pytest.raises(UserError, match="--trust ID"):
        read_checkpoint(file)
    loaded = read_checkpoint(file, trusted=True)
    assert {key: value.shape for key, value in loaded.items()} == {
        key: value.shape for key, value in network.state_dict().items()
    }


def test_nothing_is_redirected_where_there_is_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    before = torch.cuda.synchronize, torch.cuda.Event
    session = Session(CloneSubmission(0, "00_A", tmp_path), _nothing, trusted=False)
    with session.opened():
        assert (torch.cuda.synchronize, torch.cuda.Event) == before
        torch.save({"a": torch.ones(1)}, tmp_path / "a.pth")
        assert torch.load(tmp_path / "a.pth")["a"].tolist() == [1]


def test_an_old_checkpoint_is_loaded_and_remembered(tmp_path: Path) -> None:
    file = tmp_path / "team.pkl"
    torch.save({"a": torch.ones(2)}, file, _use_new_zipfile_serialization=False)
    told: list[str] = []
    gate = SafeLoad(False, _nothing, told.append)
    with in_place(gate.patches()):
        assert torch.load(str(file))["a"].tolist() == [1, 1]
        with file.open("rb") as opened:
            torch.load(opened, map_location=lambda storage, _: storage.cuda())
    assert gate.files == [file, file]
    assert told == ["torch.load", "torch.load"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"), (b"<html>", "web page")],
)
def test_what_is_no_checkpoint_is_said(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    gate = SafeLoad(False, _nothing, None)
    with in_place(gate.patches()), pytest.raises(UserError, match=complaint):
        torch.load(tmp_path / "a.pth")


def test_a_clones_utils_and_ours_live_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other tests of this process may have imported from copies of the harness.
    ours = [path for path in sys.path if not Path(path, "utils").is_dir() or Path(path) == ROOT]
    monkeypatch.setattr(sys, "path", ours)
    (tmp_path / "utils").mkdir()
    (tmp_path / "utils" / "errors.py").write_text("WHOSE = 'the clone'\n")
    import utils.utils_image

    before = {name: sys.modules[name] for name in sys.modules if name.startswith(("utils", "esr."))}
    path, usual = list(sys.path), builtins.__import__
    with world_of(tmp_path.resolve()):
        theirs = importlib.import_module("utils.errors")
        assert theirs.WHOSE == "the clone"
        assert importlib.import_module("esr.base.errors").UserError is UserError
        assert Path.cwd() == tmp_path.resolve()
        assert modules_in(tmp_path.resolve()) == [str(tmp_path.resolve() / "utils" / "errors.py")]
    assert importlib.import_module("utils.utils_image") is utils.utils_image
    assert {name: sys.modules[name] for name in before} == before
    assert (sys.path, builtins.__import__) == (path, usual)


def test_a_copy_leaves_data_and_what_leads_outside_behind(tmp_path: Path) -> None:
    clone, outside = tmp_path / "clone", tmp_path / "outside"
    (clone / "model_zoo").mkdir(parents=True)
    (clone / ".git").mkdir()
    outside.mkdir()
    for file in ("hr.png", "weights.pth", "notes.txt"):
        (outside / file).write_text("outside")
    for name, target in {"a.pth": "weights.pth", "b.pth": "hr.png", "c.txt": "notes.txt"}.items():
        (clone / "model_zoo" / name).symlink_to(outside / target)
    (clone / "loop").symlink_to(clone)
    (clone / "gone").symlink_to(tmp_path / "nowhere")
    (clone / "hr.png").write_text("inside")
    (clone / "net.py").write_text("inside")
    copy_clone(clone, tmp_path / "copy")
    files = {str(file.relative_to(tmp_path / "copy")) for file in (tmp_path / "copy").rglob("*")}
    assert files == {"model_zoo", "model_zoo/a.pth", "net.py"}
    assert not any(file.is_symlink() for file in (tmp_path / "copy").rglob("*"))


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "absent", ".", "nul\0", "x" * 5000])
def test_a_child_cannot_have_other_files_hashed(tmp_path: Path, name: str) -> None:
    (tmp_path / "clone").mkdir()
    (tmp_path / "outside").touch()
    with pytest.raises(UserError, match="not in the clone"):
        hashes(tmp_path / "clone", [name])


@pytest.mark.parametrize(
    ("returned", "complaint"),
    [
        (None, "returned nothing"),
        ((nn.ReLU(), "a"), "returned 2 values"),
        ((print, "a", 1.0, None), "as the network"),
        ((nn.ReLU(), 5, 1.0, None), "as the name"),
        ((nn.ReLU(), "a", float("nan"), None), "as data_range"),
        ((nn.ReLU(), "a", 0, None), "as data_range"),
        ((nn.ReLU(), "a", 1.0, 0), "as tile"),
        ((nn.ReLU(), "a", 1.0, "256"), "as tile"),
    ],
)
def test_what_select_model_returns_is_checked(returned: object, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        checked(returned)
    assert checked((nn.ReLU(), "a", 255, 64)).data_range == 255.0


def test_a_commit_is_read_without_git(tmp_path: Path) -> None:
    git = tmp_path / ".git"
    assert checked_out(tmp_path) is None
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text(f"# pack-refs with: peeled\n{'a' * 40} refs/heads/main\n")
    assert checked_out(tmp_path) == "a" * 40
    (git / "refs" / "heads" / "main").write_text("b" * 40 + "\n")
    assert checked_out(tmp_path) == "b" * 40
    (git / "HEAD").write_text("ref: refs/../../secret\n")
    assert checked_out(tmp_path) is None
