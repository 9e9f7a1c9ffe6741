"""EDRN against what the team's published code made of formula-made weights, and its figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import goldens
import numpy as np
import pytest
import torch
from goldens import assert_golden
from torch import Tensor, nn

from esr.measure.counts.complexity import count
from esr.measure.loading.network import import_model
from esr.submissions.sidecar import read_sidecar

MODEL_FILE = Path(__file__).resolve().parents[1] / "models" / "team01_EDRN.py"
WEIGHTS_SHA256 = "6c430ab91d1873c4b99fa7e7aef0d1e7691e2d741ccdaafc7e9c86b6f3847395"
FORMS = ("published", "effective", "as_drawn")
MIDDLE_CONVOLUTIONS = 26

team01 = import_model(MODEL_FILE)
Build = Callable[[str], Any]


@pytest.fixture(scope="module")
def keys(shared: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the lost checkpoint."""
    text = (shared / "networks" / "golden" / "edrn_keys.json").read_text(encoding="utf-8")
    return {entry["key"]: tuple(entry["shape"]) for entry in json.loads(text)}


@pytest.fixture(scope="module")
def weights(keys: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    rng = np.random.Generator(np.random.PCG64(20230320))
    gains = {"head.weight": 0.02, "tail.0.weight": 60.0}
    state, digest = {}, hashlib.sha256()
    for key, shape in keys.items():
        u = 2 * rng.random(shape) - 1
        if key.endswith("bias"):
            values = 0.1 * u
        else:
            values = u * np.sqrt(3 / np.prod(shape[1:])) * gains.get(key, 0.5)
        array = values.astype("<f4")
        digest.update(array.tobytes())
        state[key] = torch.from_numpy(array)
    assert digest.hexdigest() == WEIGHTS_SHA256
    return state


@pytest.fixture
def build(weights: dict[str, Tensor]) -> Build:
    def build(form: str) -> nn.Module:
        network = team01.EDRN(form=form)
        network.load_state_dict(weights, strict=True)
        return network.eval().requires_grad_(False)

    return build


@pytest.fixture(scope="module")
def arrays(shared: Path) -> Callable[[str], dict[str, Any]]:
    return partial(goldens.arrays, shared)


@pytest.mark.parametrize("form", ["published", "effective"])
@pytest.mark.parametrize("name", ["a", "b", "odd", "one", "thin"])
def test_float32_output_is_that_of_the_published_code(build, arrays, form, name) -> None:
    golden = arrays("edrn_synth")
    sr = build(form)(torch.from_numpy(golden[f"x_{name}"]))
    assert_golden(sr, golden[f"y_{name}"])


@pytest.mark.parametrize(
    ("form", "file", "names"),
    [
        ("published", "edrn_synth", ["odd", "one", "thin"]),
        ("effective", "edrn_synth", ["odd", "one", "thin"]),
        ("as_drawn", "edrn_synth_as_drawn", ["odd"]),
    ],
)
def test_float64_output_is_that_of_the_golden_file(build, arrays, form, file, names) -> None:
    golden, network = arrays(file), build(form).double()
    for name in names:
        sr = network(torch.from_numpy(golden[f"x_{name}"]).double())
        assert_golden(sr, golden[f"y64_{name}"], name)


def test_as_drawn_is_another_function(build, arrays) -> None:
    golden = arrays("edrn_synth_as_drawn")
    sr = build("as_drawn")(torch.from_numpy(golden["x_odd"]))
    assert_golden(sr, golden["y_odd"])
    assert np.abs(arrays("edrn_synth")["y_odd"] - sr.numpy()).max() > 30


def test_every_step_is_traced_to_the_published_code(build, arrays) -> None:
    trace, network, seen = arrays("trace_edrn_synth"), build("published"), {}
    modules = {
        "head": "head",
        "warm_conv": "warmup.0",
        "dab0/deb0/dres0": "warmup.1.convs.0.conv1",
        "dab0/deb0": "warmup.1.convs.0",
        "dab0": "warmup.1",
        "deb0/dres0/expand": "basic_blocks.0.conv1.downconv",
        "deb0/dres0/middle_UNUSED": "basic_blocks.0.conv1.rep_conv",
        "deb0/dres0/reduce": "basic_blocks.0.conv1.upconv",
        "deb0/dres0": "basic_blocks.0.conv1",
        "deb0": "basic_blocks.0",
        "dab1": "hfabs.0",
        "dab5": "hfabs.4",
        "last_conv": "lr_conv",
        "y_shuffled": "tail",
    }
    for tap, name in modules.items():
        # Copied at once: the activation that follows works in place.
        network.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, key=f"t/{tap}": seen.update({key: output.clone()})
        )
    y = network(torch.from_numpy(trace["x"]))
    assert_golden(y, trace["y"])
    assert seen.keys() == trace.keys() - {"x", "y"}
    for key, output in seen.items():
        assert_golden(output, trace[key], key)


def test_blocks_are_those_of_the_published_code(arrays) -> None:
    golden = arrays("edrn_blocks")
    x = torch.from_numpy(golden["x"])

    def loaded(block: nn.Module, prefix: str) -> nn.Module:
        state = {
            key.removeprefix(prefix): torch.from_numpy(golden[key])
            for key in golden
            if key.startswith(prefix)
        }
        block.load_state_dict(state, strict=True)
        return block.requires_grad_(False)

    deb = loaded(team01.DEB(8, "published"), "deb/")
    dab = loaded(team01.DAB(8, 4, 2, "published"), "dab/")
    for block, name in ((deb.conv1, "y_dres"), (deb, "y_deb"), (dab, "y_dab")):
        assert_golden(block(x), golden[name], name)


@pytest.mark.parametrize("form", FORMS)
def test_names_and_shapes_are_those_of_the_checkpoint(keys, form) -> None:
    expected = [item for item in keys.items() if form != "effective" or "rep_conv" not in item[0]]
    state = team01.EDRN(form=form).state_dict()
    assert [(key, tuple(tensor.shape)) for key, tensor in state.items()] == expected


@pytest.mark.parametrize("form", FORMS)
def test_official_figures_are_exact(shared, form) -> None:
    fact = goldens.facts(shared, "edrn_srnext")["recomputed"][f"edrn_{form}"]
    # The official counter sees layers and sizes, so it needs no values; fvcore does.
    counts = count(team01.EDRN(form=form).to("meta"))
    assert (counts.params, counts.flops_official) == (fact["params"], fact["flops"])
    assert (counts.activations, counts.num_conv) == (fact["acts"], fact["convs"])


@pytest.mark.parametrize(
    ("form", "flops"),
    [("published", 118946267136), ("effective", 118946267136), ("as_drawn", 224189743104)],
)
def test_fvcore_does_not_see_what_is_discarded(form, flops) -> None:
    # It traces, and a trace drops dead code. Every layer keeps the size, so FLOPs grow with it.
    counts = count(team01.EDRN(form=form), (3, 32, 32))
    assert counts.flops_fvcore == flops // 64


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (2, 7), (19, 23)])
def test_deploy_returns_the_same_function_bit_for_bit(size) -> None:
    torch.manual_seed(0)
    network = team01.EDRN(nf=12, width=8, depths=(1, 2), upscale=3).double().eval()
    deployed = network.deploy()
    x = torch.rand(2, 3, *size, dtype=torch.float64) * 255
    assert torch.equal(deployed(x), network(x))
    assert deployed.form == "effective"
    assert not any("rep_conv" in key for key in deployed.state_dict())
    assert not deployed.training


def test_deploy_drops_every_middle_convolution_and_nothing_else(build, weights) -> None:
    deployed = build("published").deploy().state_dict()
    dropped = weights.keys() - deployed.keys()
    assert len(dropped) == 2 * MIDDLE_CONVOLUTIONS
    assert all(torch.equal(tensor, weights[key]) for key, tensor in deployed.items())
    again = build("effective").deploy().state_dict()
    assert again.keys() == deployed.keys()


def test_as_drawn_cannot_be_deployed() -> None:
    with pytest.raises(ValueError, match="as_drawn"):
        team01.EDRN(nf=6, depths=(1, 1), form="as_drawn").deploy()


@pytest.mark.parametrize(("form", "key"), [("published", "rep_conv"), ("effective", "upconv")])
def test_a_missing_weight_is_still_an_error(weights, form, key) -> None:
    state = {name: tensor for name, tensor in weights.items() if key not in name}
    with pytest.raises(RuntimeError, match=key):
        team01.EDRN(form=form).load_state_dict(state, strict=True)


def test_only_the_published_form_leaves_parameters_untrained() -> None:
    for form in FORMS:
        network = team01.EDRN(nf=6, depths=(1, 1), form=form)
        network(torch.rand(1, 3, 5, 4) * 255).mean().backward()
        without = {name for name, p in network.named_parameters() if p.grad is None}
        middle = {name for name, _ in network.named_parameters() if "rep_conv" in name}
        assert without == (middle if form == "published" else set())


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="published, effective and as_drawn"):
        team01.EDRN(form="drawn")


def test_sidecar_says_what_the_specification_says(shared) -> None:
    sidecar = read_sidecar(MODEL_FILE.with_suffix(".toml"))
    fact = goldens.facts(shared, "edrn_srnext")["edrn"]["factsheet"]
    claims = sidecar.claims
    assert (sidecar.data_range, sidecar.scale, tuple(sidecar.forms)) == (255.0, 4, FORMS)
    assert [form.kwargs for form in sidecar.forms.values()] == [{"form": form} for form in FORMS]
    assert [float(value) for value in (claims.val_psnr_db, claims.runtime_ms, claims.params_m)] == [
        fact[key] for key in ("val_psnr", "val_time_ms", "params_M")
    ]
    assert [
        float(value) for value in (claims.flops_g, claims.activations_m, claims.memory_mib)
    ] == [fact[key] for key in ("flops_G", "acts_M", "gpu_mem_M")]
    assert claims.num_conv == fact["convs"]
