"""PRFDN's chain: branches, their merger into one net, and its pruning."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from goldens import assert_golden
from torch import Tensor, nn

from esr.measure.loading.network import import_model

MODEL_FILE = Path(__file__).resolve().parents[1] / "models" / "team13_PRFDN.py"
FORMS = [(2, False), (2, True), (4, False), (4, True)]


@pytest.fixture(scope="module")
def models() -> ModuleType:
    return import_model(MODEL_FILE)


@pytest.fixture(scope="module")
def ops(shared: Path) -> dict[str, Tensor]:
    return _tensors(shared, "prfdn_merge_ops")


def _tensors(shared: Path, name: str) -> dict[str, Tensor]:
    with np.load(shared / "networks" / "golden" / f"{name}.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}


def _zeroed(module: nn.Module) -> nn.Module:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    return module.requires_grad_(False)


def _assert_same(state: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert list(state) == list(expected)
    assert [key for key, tensor in state.items() if not torch.equal(tensor, expected[key])] == []


@pytest.mark.parametrize(
    ("name", "kernel", "stride", "padding"),
    [("conv_1x1", 1, 1, 0), ("conv_3x3", 3, 1, 1), ("conv_s2", 3, 2, 0)],
)
def test_convolutions_merge(models, ops, name, kernel, stride, padding) -> None:
    def conv(state: dict[str, Tensor]) -> nn.Conv2d:
        out_nc, in_nc = state["weight"].shape[:2]
        return nn.Conv2d(in_nc, out_nc, kernel, stride, padding)

    members = _members(ops, name, conv)
    wide = _zeroed(conv(_part(ops, f"{name}/merged/")))
    models.stack(wide, members)
    _assert_same(wide.state_dict(), _part(ops, f"{name}/merged/"))
    _assert_outputs(ops, name, members, wide)


def _members(ops: dict[str, Tensor], name: str, make: Any) -> list[nn.Module]:
    members = []
    while state := _part(ops, f"{name}/member{len(members)}/"):
        member = make(state)
        member.load_state_dict(state)
        members.append(member.requires_grad_(False))
    return members


def _assert_outputs(ops: dict[str, Tensor], name: str, members: Any, wide: nn.Module) -> None:
    # Each branch has its own input, so that one that leaks into another shows.
    x = ops[f"{name}/x"]
    parts = zip(members, x.chunk(len(members), dim=1), strict=True)
    apart = torch.cat([member(part) for member, part in parts], dim=1)
    assert_golden(apart, ops[f"{name}/y"], name)
    assert_golden(wide(x), ops[f"{name}/ymerged"], name)


@pytest.mark.parametrize("name", ["esa4", "srfdb3", "rfdb2", "rfdb4"])
def test_blocks_merge(models, ops, name) -> None:
    refinements, groups = (1 if name == "srfdb3" else 3), int(name[-1])

    def block(members: int) -> nn.Module:
        widths = models.Widths(10, members)
        if name == "esa4":
            return models.ESA(10 * members, widths.kept(2))
        return models.RFDB(widths, 10 * members, refinements, regroup=members > 1)

    members = _members(ops, name, lambda state: block(1))
    assert len(members) == groups
    wide = _zeroed(block(groups))
    models.merge(wide, members)
    _assert_same(wide.state_dict(), _part(ops, f"{name}/merged/"))
    _assert_outputs(ops, name, members, wide)


def test_concat_and_split_become_convolutions(models, ops) -> None:
    order = models.regrouping([4, 8, 12, 16], 4)
    assert order == ops["regroup/perm"].tolist()
    conv = nn.Conv2d(40, 40, 1).requires_grad_(False)
    models.select(conv, order)
    _assert_same(conv.state_dict(), _part(ops, "regroup/merged/"))
    x = torch.cat([ops[f"regroup/x{t}"] for t in range(4)], dim=1)
    assert torch.equal(conv(x), ops["regroup/y"])

    split = nn.Conv2d(12, 5, 1).requires_grad_(False)
    models.select(split, range(3, 8))
    _assert_same(split.state_dict(), _part(ops, "select/merged/"))
    assert torch.equal(split(ops["select/x"]), ops["select/y"])


@pytest.mark.parametrize(
    ("sizes", "order"),
    [([2, 4], [0, 2, 3, 1, 4, 5]), ([2, 2, 2, 2], [0, 2, 4, 6, 1, 3, 5, 7])],
)
def test_regrouping_of_two_branches(models, sizes, order) -> None:
    assert models.regrouping(sizes, 2) == order


@pytest.mark.parametrize("name", ["b2_nf10_x4", "b2s_nf10_x3", "b4_nf10_x4", "b4s_nf10_x2"])
def test_merger_reproduces_every_parameter_of_the_public_one(models, shared, name) -> None:
    golden = _tensors(shared, f"prfdn_merge_{name}")
    branched = models.BranchedRFDN(int(name[1]), "s_" in name, nf=10, upscale=int(name[-1]))
    branched.load_state_dict(_part(golden, "branch/"))
    merged = branched.deploy()
    _assert_same(merged.state_dict(), _part(golden, "merged/"))
    for net, kind in ((branched, "y"), (merged, "ymerged")):
        net.requires_grad_(False)
        for size in ("a", "odd", "min"):
            assert_golden(net(golden[f"x_{size}"]), golden[f"{kind}_{size}"], f"{kind}_{size}")
        assert_golden(net.double()(golden["x_odd"].double()), golden[f"{kind}64_odd"])


def test_trained_weights_merge(models, shared) -> None:
    file = shared / "networks" / "checkpoints" / "prfdn_extra_b4s_branch_x4_state.pth"
    golden = _tensors(shared, "prfdn_extra_b4s_branch_x4")
    branched = models.BranchedRFDN()
    branched.load_state_dict(torch.load(file, weights_only=True))
    merged = branched.deploy().requires_grad_(False)
    assert_golden(merged(golden["x_b"]), golden["ymerged_b"])
    assert_golden(merged.double()(golden["x_odd"].double()), golden["ymerged64_odd"])


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("branches", "srfdb"), FORMS)
def test_merger_is_the_same_function(models, branches, srfdb, scale) -> None:
    torch.manual_seed(branches + scale)
    # An odd width rounds both the distilled one and that of the attention.
    branched = models.BranchedRFDN(branches, srfdb, nf=11, upscale=scale).double()
    merged = branched.deploy()
    assert {p.dtype for p in merged.parameters()} == {torch.float64}
    with torch.no_grad():
        for size in ((15, 15), (19, 23), (16, 33)):
            x = torch.rand(1, 3, *size, dtype=torch.float64) * 255
            np.testing.assert_allclose(merged(x), branched(x), rtol=0, atol=1e-11)


def test_random_off_diagonals_mix_the_branches(models) -> None:
    torch.manual_seed(0)
    branched = models.BranchedRFDN(nf=10, upscale=2).requires_grad_(False)
    as_run = branched.deploy(random_off_diagonals=True).requires_grad_(False)
    weight = as_run.get_submodule("B1234.c1_r").weight
    assert torch.equal(weight[10:20, 10:20], branched.get_submodule("B2.c1_r").weight)
    assert weight[10:20, :10].abs().min() > 0
    x = torch.rand(1, 3, 15, 15) * 255
    assert (as_run(x) - branched(x)).abs().max() > 1


@pytest.mark.parametrize(("branches", "srfdb"), FORMS)
@pytest.mark.parametrize("scale", [2, 4])
def test_branches_start_from_the_public_rfdn(models, shared, branches, srfdb, scale) -> None:
    file = shared / "networks" / "checkpoints" / "team00_rfdn.pth"
    rfdn = torch.load(file, weights_only=True)
    network = models.BranchedRFDN(branches, srfdb, upscale=scale)
    missing = network.start_from(rfdn)
    # What the specification names: further stems, SRFDBs, and the upsampler of another scale.
    fresh = ("fea_conv1", "fea_conv2", "fea_conv3", "B2S", *(["upsampler"] if scale != 4 else []))
    state = network.state_dict()
    assert missing == [key for key in state if key.startswith(fresh)]
    assert all(torch.equal(state[key], rfdn[key]) for key in state if key not in missing)
    with pytest.raises(RuntimeError, match="no RFDN has B5"):
        network.start_from({"B5.c4.bias": torch.zeros(25)})


@pytest.mark.parametrize(
    ("branches", "scale", "keep"), [(4, 2, 0.116), (2, 3, 0.25), (4, 3, 0.216), (4, 4, 0.5204)]
)
def test_pruning_leaves_the_public_shapes(models, shared, branches, scale, keep) -> None:
    pytest.importorskip("torch_pruning")
    names = {(4, 2): "PRFDN_x2", (2, 3): "PRFDN_x3"}
    name = names.get((branches, scale), f"prfdn_extra_b4s_pruned_x{scale}")
    file = shared / "networks" / "checkpoints" / f"{name}_state.pth"
    expected = {k: v.shape for k, v in torch.load(file, weights_only=True).items()}
    merged = models.PRFDN(branches, upscale=scale, keep=1.0).requires_grad_(False)
    pruned = models.prune(merged, keep)
    assert {k: v.shape for k, v in pruned.state_dict().items()} == expected
    assert merged.split.in_channels == 50 * branches
    rebuilt = models.rebuild(pruned.state_dict())
    x = torch.rand(1, 3, 15, 17) * 255
    assert torch.equal(rebuilt(x), pruned(x))


def test_pruning_keeps_the_strongest_channels_and_tunes_after_each_step(models) -> None:
    pytest.importorskip("torch_pruning")
    network = models.PRFDN(2, srfdb=False, nf=8, upscale=2, keep=1.0)
    inner = network.get_submodule("B24.c4")
    with torch.no_grad():
        inner.weight[3:6].mul_(1000)
        inner.bias.copy_(torch.arange(8))
    sizes: list[int] = []
    pruned = models.prune(
        network,
        0.375,
        steps=2,
        tune=lambda net: sizes.append(net.get_submodule("B24.c4").out_channels),
    )
    assert len(sizes) == 2
    assert sizes[0] > sizes[1] == 3
    assert pruned.get_submodule("B24.c4").bias.tolist() == [3, 4, 5]


def test_pruning_without_torch_pruning_says_what_to_install(models, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    with pytest.raises(ImportError, match="pip install torch-pruning"):
        models.prune(models.PRFDN(keep=1.0), 0.5)
