"""PRFDN's forms against the public checkpoints and what the public networks made of them."""

from __future__ import annotations

import csv
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from goldens import arrays, assert_golden, assert_traced
from torch import nn

from esr.base.errors import UserError
from esr.measure.loading import network as loading
from esr.measure.loading.network import import_model
from esr.submissions.sidecar import read_sidecar

MODEL_FILE = Path(__file__).resolve().parents[1] / "models" / "team13_PRFDN.py"

# Form in the sidecar, public state_dict, golden outputs.
PUBLIC = [
    ("x2", "PRFDN_x2", "prfdn_x2"),
    ("x3", "PRFDN_x3", "prfdn_x3"),
    ("x4", "prfdn_extra_b4s_pruned_x4", "prfdn_extra_b4s_pruned_x4"),
    ("x3_four_branches", "prfdn_extra_b4s_pruned_x3", "prfdn_extra_b4s_pruned_x3"),
    ("esr_x4", "prfdn_extra_esr13_x4", "prfdn_extra_esr13_x4"),
    ("branches_x4", "prfdn_extra_b4s_branch_x4", "prfdn_extra_b4s_branch_x4"),
]


@pytest.fixture(scope="module")
def models() -> ModuleType:
    return import_model(MODEL_FILE)


def build(models: ModuleType, form: str) -> nn.Module:
    """As the worker does."""
    sidecar = read_sidecar(MODEL_FILE.with_suffix(".toml")).in_form(form)
    network = loading.build(models, SimpleNamespace(sidecar=sidecar, model_file=MODEL_FILE))
    return network.eval().requires_grad_(False)


def public(shared: Path, name: str) -> Path:
    return shared / "networks" / "checkpoints" / f"{name}_state.pth"


@pytest.mark.parametrize(("form", "checkpoint", "golden"), PUBLIC)
def test_public_checkpoint_gives_the_output_of_the_public_network(
    models, shared, form, checkpoint, golden
) -> None:
    network = build(models, form)
    loading.load(network, public(shared, checkpoint), strict=True)
    expected = arrays(shared, golden)
    for name in ("a", "b", "odd", "min"):
        assert_golden(network(torch.from_numpy(expected[f"x_{name}"])), expected[f"y_{name}"], name)
    sr = network.double()(torch.from_numpy(expected["x_odd"]).double())
    assert_golden(sr, expected["y64_odd"])


@pytest.mark.parametrize(("form", "checkpoint", "golden"), PUBLIC)
def test_a_net_is_rebuilt_from_the_shapes_of_its_state_dict(
    models, shared, form, checkpoint, golden
) -> None:
    state = torch.load(public(shared, checkpoint), weights_only=True)
    rebuilt = models.rebuild(state).eval().requires_grad_(False)
    assert type(rebuilt) is type(build(models, form))
    expected = arrays(shared, golden)
    assert_golden(rebuilt(torch.from_numpy(expected["x_odd"])), expected["y_odd"])
    convs = [module for module in rebuilt.modules() if isinstance(module, nn.Conv2d)]
    assert all(
        tuple(conv.weight.shape[:2]) == (conv.out_channels, conv.in_channels) for conv in convs
    )


def test_rebuilding_follows_any_widths_and_refuses_what_is_no_net(models) -> None:
    state = models.PRFDN(2, srfdb=False, nf=20, upscale=3, keep=0.7).double().state_dict()
    rebuilt = models.rebuild(state)
    assert {k: (v.shape, v.dtype) for k, v in rebuilt.state_dict().items()} == {
        k: (v.shape, v.dtype) for k, v in state.items()
    }
    with pytest.raises(RuntimeError, match="Missing key"):
        models.rebuild({k: v for k, v in state.items() if k != "B13.c4.bias"})
    with pytest.raises(RuntimeError, match="Unexpected key"):
        models.rebuild({**state, "B13.c6.bias": torch.zeros(3)})


@pytest.mark.parametrize("scale", [2, 3])
def test_the_pickled_submissions_are_refused(shared, scale) -> None:
    # They are whole modules of the team's own classes.
    file = shared / "networks" / "checkpoints" / f"PRFDN_x{scale}.pth"
    with pytest.raises(UserError, match="holds more than tensors") as caught:
        loading.read_checkpoint(file)
    assert "save the plain state_dict" in str(caught.value)


@pytest.mark.parametrize("form", ["x2", "x3"])
def test_every_convolution_and_block_is_traced_to_the_public_network(models, shared, form) -> None:
    network = build(models, form)
    loading.load(network, public(shared, f"PRFDN_{form}"), strict=True)
    trace = arrays(shared, f"trace_prfdn_{form}")
    assert_traced(network, trace)


@pytest.mark.parametrize(
    ("form", "merged", "scale"), [("x2", "merged_x2", 2), ("x3", "merged_x3", 3)]
)
def test_layers_are_those_of_the_layer_list(models, shared, form, merged, scale) -> None:
    pruned, wide = build(models, form), build(models, merged)
    with (shared / "networks" / f"prfdn_x{scale}_layers.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [name for name, module in pruned.named_modules() if isinstance(module, nn.Conv2d)]
    assert names == [row["name"] for row in rows]
    for row in rows:
        out_nc, in_nc, kernel, stride, padding = (
            int(row[key]) for key in ("out_ch", "in_ch", "kernel", "stride", "padding")
        )
        conv, whole = pruned.get_submodule(row["name"]), wide.get_submodule(row["name"])
        assert conv.weight.shape == (out_nc, in_nc, kernel, kernel), row["name"]
        assert (conv.stride, conv.padding) == ((stride,) * 2, (padding,) * 2), row["name"]
        unpruned = (int(row["unpruned_out_ch"]), int(row["unpruned_in_ch"]))
        assert (whole.out_channels, whole.in_channels) == unpruned, row["name"]


def test_sidecar_says_what_the_specification_says(models) -> None:
    sidecar = read_sidecar(MODEL_FILE.with_suffix(".toml"))
    assert (sidecar.data_range, float(sidecar.claims.params_m)) == (255.0, 5.0)
    assert next(iter(sidecar.forms)) == "x2"
    for name in sidecar.forms:
        form = sidecar.in_form(name)
        sr = build(models, name)(torch.zeros(1, 3, 15, 16))
        assert sr.shape == (1, 3, 15 * form.scale, 16 * form.scale), name
        assert f"_x{form.scale}" in form.checkpoint


@pytest.mark.parametrize("form", ["x2", "x3", "esr_x4", "branches_x4"])
@pytest.mark.parametrize("size", [(14, 40), (40, 14), (1, 1)])
def test_too_small_an_input_names_the_limit(models, form, size) -> None:
    with pytest.raises(ValueError, match="at least 15x15"):
        build(models, form)(torch.zeros(1, 3, *size))


@pytest.mark.parametrize("arch", ["BranchedRFDN", "PRFDN"])
def test_another_number_of_branches_is_refused(models, arch) -> None:
    with pytest.raises(ValueError, match="branches must be 2 or 4, not 3"):
        getattr(models, arch)(branches=3)
