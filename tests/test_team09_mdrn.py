"""MDRN's forms against the public checkpoints and what the public networks made of them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import goldens
import numpy as np
import pytest
import torch
from goldens import arrays, assert_golden, maps
from torch import nn
from uncomputed import uncomputed

from esr.measure.counts.complexity import count
from esr.measure.loading.network import import_model, load
from esr.submissions.sidecar import read_sidecar

MODEL_FILE = Path(__file__).resolve().parents[1] / "models" / "team09_MDRN.py"

THROUGH_FLOAT64 = {("challenge", "a")}
"""By form and input: a golden map of float32 that is itself 1.65e-5 of its peak off the float64 of
the same network, so that two float32 maps may be twice as far apart as either is from the truth.
Both are compared with that."""

# Form in the sidecar, public checkpoint and golden outputs.
PUBLIC = [("challenge", "mdrn_s_x4"), ("paper", "mdrn_x4")]
# Golden outputs of random weights, arguments.
VARIANTS = [
    ("mdrn_var_f16_x2", {"num_feat": 16, "upscale": 2}),
    ("mdrn_var_f20_x3_mean", {"num_feat": 20, "upscale": 3, "rgb_mean": (0.1, 0.2, 0.3)}),
    ("mdrn_var_f32_x4", {"num_feat": 32, "upscale": 4}),
]
# Form, entry of the facts.
FORMS = [
    ("challenge", "mdrn_s_x4"),
    ("paper", "mdrn_x4"),
    ("paper_x3", "mdrn_x3"),
    ("paper_x2", "mdrn_x2"),
]
SPATIAL, CHANNEL = "B1.esa.body.0", "B1.cca.body.2.conv_du"
TRACE = {
    "t/stem": ("fea_conv", "output"),
    "t/B1/refine1": ("B1.c2_d", "input"),
    "t/B1/refine2": ("B1.c3_d", "input"),
    "t/B1/refine3": ("B1.c4", "input"),
    "t/B1/distil": ("B1.c5", "input"),
    "t/B1/fuse": ("B1.c5", "output"),
    "t/B1/mdsa/squeeze": (f"{SPATIAL}.conv1", "output"),
    "t/B1/mdsa/pool3": (f"{SPATIAL}.conv_max_0", "input"),
    "t/B1/mdsa/pool5": (f"{SPATIAL}.conv_max_1", "input"),
    "t/B1/mdsa/pool7+localvar7": (f"{SPATIAL}.conv_max_2", "input"),
    "t/B1/mdsa/group0": (f"{SPATIAL}.conv3_0", "output"),
    "t/B1/mdsa/group1": (f"{SPATIAL}.conv3_1", "output"),
    "t/B1/mdsa/group2": (f"{SPATIAL}.conv3_2", "output"),
    "t/B1/mdsa/gate": (f"{SPATIAL}.conv4", "output"),
    "t/B1/mdsa/out": ("B1.esa", "output"),
    "t/B1/ecca/stat": (CHANNEL, "input"),
    "t/B1/ecca/gate": (CHANNEL, "output"),
    "t/B1/ecca/out": ("B1.cca", "output"),
    **{f"t/B{k}/out": (f"B{k}", "output") for k in range(1, 9)},
    "t/fuse_all": ("c2", "input"),
    "t/trunk": ("upsampler", "input"),
    "t/pre_shuffle": ("upsampler.upsampleOneStep.0", "output"),
    "y": ("", "output"),
}


@pytest.fixture(scope="module")
def models() -> ModuleType:
    return import_model(MODEL_FILE)


@pytest.fixture(scope="module")
def facts(shared: Path) -> dict[str, Any]:
    return goldens.facts(shared, "mdrn_lkdn")


def build(models: ModuleType, form: str) -> nn.Module:
    kwargs = read_sidecar(MODEL_FILE.with_suffix(".toml")).in_form(form).kwargs
    return models.MDRN(**kwargs).eval().requires_grad_(False)


def assert_outputs(network: nn.Module, golden: dict[str, Any], form: str = "") -> None:
    cases = [key.removeprefix("y_") for key in golden if key.startswith("y_")]
    single = {case: network(torch.from_numpy(golden[f"x_{case}"])) for case in cases}
    network.double()
    for case in cases:
        expected = golden[f"y_{case}"]
        if (form, case) in THROUGH_FLOAT64:
            exact = network(torch.from_numpy(golden[f"x_{case}"]).double()).float()
            assert_golden(exact, expected, case)
            expected = exact.numpy()
        assert_golden(single[case], expected, case)
        if f"y64_{case}" in golden:
            sr = network(torch.from_numpy(golden[f"x_{case}"]).double())
            assert_golden(sr, golden[f"y64_{case}"], case)


@pytest.mark.parametrize(("form", "name"), PUBLIC)
def test_public_checkpoint_gives_the_output_of_the_public_network(
    models, shared, form, name
) -> None:
    network = build(models, form)
    load(network, shared / "networks" / "checkpoints" / f"{name}.pth", strict=True)
    golden = arrays(shared, name)
    assert {"x_min", "x_odd"} <= golden.keys()
    assert_outputs(network, golden, form)


@pytest.mark.parametrize(("name", "kwargs"), VARIANTS)
def test_other_arguments_give_the_output_of_the_public_network(
    models, shared, name, kwargs
) -> None:
    golden = arrays(shared, name)
    network = models.MDRN(**kwargs).eval().requires_grad_(False)
    weights = {
        key.removeprefix("sd/"): torch.from_numpy(array)
        for key, array in golden.items()
        if key.startswith("sd/")
    }
    network.load_state_dict(weights, strict=True)
    assert_outputs(network, golden)


def test_every_part_is_traced_to_the_public_network(models, shared) -> None:
    trace = arrays(shared, "trace_mdrn_s_x4")
    distilled = [trace.pop(f"t/B1/distil{k}") for k in (1, 2, 3)]
    levels = [trace.pop(f"t/B1/mdsa/{name}") for name in ("pool7", "localvar7")]
    trace["t/B1/mdsa/pool7+localvar7"] = levels[0] + levels[1]
    network = build(models, "challenge")
    load(network, shared / "networks" / "checkpoints" / "mdrn_s_x4.pth", strict=True)
    seen = maps(network, TRACE, trace["x"])
    # The fourth distilled map is not in the trace.
    seen["t/B1/distil"] = seen["t/B1/distil"][:, : 3 * 14]
    seen["t/B1/mdsa/gate"] = seen["t/B1/mdsa/gate"].sigmoid()
    trace["t/B1/distil"] = np.concatenate(distilled, axis=1)
    assert seen.keys() == trace.keys() - {"x"}
    for key, output in seen.items():
        assert_golden(output, trace[key], key)


@pytest.mark.parametrize(("form", "name"), PUBLIC)
def test_names_and_shapes_are_those_of_the_public_checkpoint(models, shared, form, name) -> None:
    file = shared / "networks" / "checkpoints" / f"{name}.pth"
    public = torch.load(file, map_location="cpu", weights_only=True)
    public = public.get("params_ema", public)
    ours = build(models, form).state_dict()
    assert [(key, t.shape) for key, t in ours.items()] == [(k, t.shape) for k, t in public.items()]


@pytest.mark.parametrize(("form", "name"), FORMS)
def test_counts_are_those_of_the_public_network(models, facts, form, name) -> None:
    with uncomputed():
        counts = count(build(models, form))
    expected = facts[name]
    assert counts.params == expected["params"]
    assert counts.num_conv == expected["num_conv"]
    assert counts.flops_official / 1e9 == expected["flops_official_G"]
    assert counts.flops_fvcore / 1e9 == expected["flops_fvcore_G"]
    assert counts.activations / 1e6 == expected["acts_M"]


def test_fvcore_finds_the_convolutions_it_misses_once_padding_is_a_number(models, facts) -> None:
    network = build(models, "challenge")
    with uncomputed():
        counts = count(network)
    assert _calls(counts, "aten::_convolution_mode") == 17
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.padding == "same":
            module.padding = tuple(side // 2 for side in module.kernel_size)
    with uncomputed():
        counts = count(network)
    assert _calls(counts, "aten::_convolution_mode") == 0
    assert counts.flops_fvcore / 1e9 == facts["mdrn_s_x4"]["flops_fvcore_G_if_integer_padding"]
    assert counts.flops_official / 1e9 == facts["mdrn_s_x4"]["flops_official_G"]


def _calls(counts: Any, operator: str) -> int:
    return sum(op.calls for op in counts.fvcore_uncounted if op.name == operator)


def test_number_of_blocks_is_honoured(models) -> None:
    network = models.MDRN(num_feat=16, num_block=2, upscale=3)
    assert network(torch.zeros(1, 3, 15, 16)).shape == (1, 3, 45, 48)
    assert not hasattr(network, "B3")


@pytest.mark.parametrize("size", [(14, 40), (40, 14), (1, 1)])
def test_too_small_an_input_names_the_limit(models, size) -> None:
    with pytest.raises(ValueError, match="at least 15x15"):
        models.MDRN()(torch.zeros(1, 3, *size))


def test_training_reaches_every_parameter(models) -> None:
    network = models.MDRN()
    network(torch.rand(2, 3, 24, 24)).mean().backward()
    wrong = [
        n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()
    ]
    assert wrong == []


def test_sidecar_claims_what_the_factsheet_prints(facts) -> None:
    printed = facts["mdrn_s_x4"]["factsheet"]
    sidecar = read_sidecar(MODEL_FILE.with_suffix(".toml"))
    claims = sidecar.claims
    assert (sidecar.data_range, next(iter(sidecar.forms))) == (1.0, "challenge")
    assert [claims.val_psnr_db, claims.test_psnr_db, claims.params_m, claims.flops_g] == [
        Decimal(str(printed[key])) for key in ("div2k_val_psnr", "test_psnr", "params_M", "flops_G")
    ]
    tables = {name: printed[name.lower()] for name in ("Set14", "Urban100", "Manga109")}
    tables |= {"B100": printed["bsds100"], "Set5": [printed["set5"][k] for k in ("psnr", "ssim")]}
    assert {name: (s.psnr_db, s.ssim) for name, s in claims.sets.items()} == {
        name: (Decimal(str(psnr)), Decimal(str(ssim))) for name, (psnr, ssim) in tables.items()
    }
