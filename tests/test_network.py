"""Checkpoints as they really come, loaded into a network."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from esr.base.errors import UserError
from esr.measure.loading.network import WRAPPERS, canonical, load, read_checkpoint

STATE = {"0.weight": torch.arange(6.0).reshape(2, 3), "0.bias": torch.tensor([7.0, 8.0])}


def _network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2))


def _saved(tmp_path: Path, value: object, **options: object) -> Path:
    path = tmp_path / "team00_X.pth"
    torch.save(value, path, **options)
    return path


@pytest.mark.parametrize("wrapper", [None, *WRAPPERS])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("zipped", [True, False])
def test_every_wrapper_prefix_and_format_loads(
    tmp_path: Path, wrapper: str | None, prefix: str, zipped: bool
) -> None:
    state = OrderedDict((prefix + key, value) for key, value in STATE.items())
    saved = {wrapper: state, "epoch": 3} if wrapper else state
    network = _network()
    load(network, _saved(tmp_path, saved, _use_new_zipfile_serialization=zipped), strict=True)
    assert torch.equal(network[0].weight, STATE["0.weight"])


def test_the_average_is_preferred_and_then_the_stated_order() -> None:
    for better, worse in pairwise(WRAPPERS):
        both = {worse: {"a": torch.zeros(1)}, better: {"a": torch.ones(1)}}
        assert canonical(both, Path("x.pth"), ["a"])["a"] == 1


def test_wrappers_may_be_nested_and_a_module_may_be_called_net() -> None:
    assert (
        canonical({"state_dict": {"params": dict(STATE)}}, Path("x.pth"), STATE).keys()
        == STATE.keys()
    )
    assert list(canonical({"net.weight": torch.ones(1)}, Path("x.pth"), [])) == ["net.weight"]


def test_only_a_prefix_of_all_keys_is_stripped() -> None:
    mixed = {"module.a": torch.ones(1), "b": torch.ones(1)}
    assert list(canonical(mixed, Path("x.pth"), [])) == ["module.a", "b"]


def test_strict_false_forgives_missing_and_unexpected_but_not_shapes(tmp_path: Path) -> None:
    path = _saved(tmp_path, {"0.bias": STATE["0.bias"], "extra": torch.ones(1)})
    load(_network(), path, strict=False)
    with pytest.raises(UserError, match=r"1 missing \(0.weight\); 1 unexpected \(extra\)"):
        load(_network(), path, strict=True)
    with pytest.raises(UserError, match=r"0\.bias is 5, the network has 2"):
        load(_network(), _saved(tmp_path, {"0.bias": torch.ones(5)}), strict=False)


def test_many_keys_are_shortened(tmp_path: Path) -> None:
    path = _saved(tmp_path, STATE | {f"x{i}": torch.ones(1) for i in range(50)})
    with pytest.raises(UserError, match=r"50 unexpected \(x0, x1, x2 and 47 more\)"):
        load(_network(), path, strict=True)


@pytest.mark.parametrize(
    "loaded", [{"epoch": 1}, {"w": torch.ones(1), "epoch": 1}, [1, 2], torch.ones(3), None]
)
def test_what_holds_no_state_dict_says_what_it_holds(loaded: object) -> None:
    with pytest.raises(UserError, match=r"holds no state_dict"):
        canonical(loaded, Path("x.pth"), ["a"])


def test_the_public_baseline_is_a_legacy_flat_state_dict(shared: Path) -> None:
    path = shared / "networks" / "checkpoints" / "team00_rfdn.pth"
    assert len(canonical(read_checkpoint(path), path, ["fea_conv.weight"])) == 128


def test_a_pickled_module_is_refused(shared: Path) -> None:
    with pytest.raises(UserError, match="could run code"):
        read_checkpoint(shared / "networks" / "checkpoints" / "PRFDN_x2.pth")


def test_a_network_whose_own_part_is_called_module_keeps_its_prefix(tmp_path: Path) -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Linear(3, 2)

    trained = Wrapped()
    network = Wrapped()
    load(network, _saved(tmp_path, trained.state_dict()), strict=True)
    assert torch.equal(network.module.weight, trained.module.weight)


def test_a_networks_own_extra_state_and_load_hooks_are_honoured(tmp_path: Path) -> None:
    class Renamed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.new = nn.Linear(3, 2)
            self.extra = None
            self.register_load_state_dict_pre_hook(self.rename)

        @staticmethod
        def rename(module, state, prefix, *_) -> None:
            state.update({key.replace("old", "new"): state.pop(key) for key in list(state)})

        def get_extra_state(self):
            return {"version": 2}

        def set_extra_state(self, state) -> None:
            self.extra = state

    network = Renamed()
    state = {
        "old.weight": torch.ones(2, 3),
        "old.bias": torch.ones(2),
        "_extra_state": {"version": 1},
    }
    load(network, _saved(tmp_path, state), strict=True)
    assert network.extra == {"version": 1}
    assert torch.equal(network.new.bias, torch.ones(2))


def test_a_network_without_parameters_takes_an_empty_checkpoint(tmp_path: Path) -> None:
    load(nn.PixelShuffle(4), _saved(tmp_path, {}), strict=True)
    with pytest.raises(UserError, match="2 missing"):
        load(_network(), _saved(tmp_path, {}), strict=True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html><html>quota exceeded</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"", "truncated or no checkpoint"),
        (b"\0" * 4096, "truncated or no checkpoint"),
        (b"PK\x03\x04 cut off", "truncated or no checkpoint"),
    ],
)
def test_a_failed_download_is_called_by_its_name(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "team00_X.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=says):
        read_checkpoint(path)
