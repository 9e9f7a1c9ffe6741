"""SRneXt against the public checkpoint and what the public network made of it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import goldens
import pytest
import torch
from goldens import arrays, assert_golden, maps
from torch import nn
from uncomputed import uncomputed

from esr.measure.counts.complexity import count
from esr.measure.loading.network import import_model, load
from esr.submissions.sidecar import read_sidecar

MODEL_FILE = Path(__file__).resolve().parents[1] / "models" / "team05_SRneXt.py"

TRACE = {
    "t/x_minus_mean": ("head", "input"),
    "t/head": ("head", "output"),
    "t/L0/norm1": ("body.0.norm1", "output"),
    "t/L0/h": ("body.0.sg.h_mixer", "output"),
    "t/L0/w": ("body.0.sg.w_mixer", "output"),
    "t/L0/c": ("body.0.sg.c_mixer", "output"),
    "t/L0/dsb": ("body.0.sg", "output"),
    "t/L0/norm2": ("body.0.norm2", "output"),
    "t/L0/fc1": ("body.0.mlp.fc1", "output"),
    "t/L0/act": ("body.0.mlp.act", "output"),
    "t/L0/fc2": ("body.0.mlp.fc2", "output"),
    "t/L0/out": ("body.0", "output"),
    "t/L12/out": ("body.12", "output"),
    "t/L25/out": ("body.25", "output"),
    "t/tail_conv": ("tail.0", "output"),
    "t/y_before_mean": ("tail", "output"),
    "y": ("", "output"),
}


@pytest.fixture(scope="module")
def architecture() -> type[nn.Module]:
    return import_model(MODEL_FILE).SRneXt


@pytest.fixture(scope="module")
def checkpoint(shared: Path) -> Path:
    return shared / "networks" / "checkpoints" / "srnext_x4.pth"


@pytest.fixture
def network(architecture: type[nn.Module], checkpoint: Path) -> nn.Module:
    network = architecture()
    load(network, checkpoint, strict=True)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def facts(shared: Path) -> dict[str, Any]:
    return goldens.facts(shared, "edrn_srnext")["recomputed"]


def counts_as(counts: Any) -> dict[str, int]:
    return {
        "params": counts.params,
        "flops": counts.flops_official,
        "acts": counts.activations,
        "convs": counts.num_conv,
    }


@pytest.mark.parametrize("name", ["a", "b", "odd", "one", "thin"])
def test_float32_output_is_that_of_the_public_network(network, shared, name) -> None:
    golden = arrays(shared, "srnext_x4")
    sr = network(torch.from_numpy(golden[f"x_{name}"]))
    assert_golden(sr, golden[f"y_{name}"])


@pytest.mark.parametrize("name", ["odd", "one", "thin"])
def test_float64_output_is_that_of_the_public_network(network, shared, name) -> None:
    golden = arrays(shared, "srnext_x4")
    sr = network.double()(torch.from_numpy(golden[f"x_{name}"]).double())
    assert_golden(sr, golden[f"y64_{name}"])


def test_every_part_is_traced_to_the_public_network(network, shared) -> None:
    trace = arrays(shared, "trace_srnext_x4")
    seen = maps(network, TRACE, trace["x"])
    assert seen.keys() == trace.keys() - {"x"}
    for key, output in seen.items():
        assert_golden(output, trace[key], key)


def test_names_and_shapes_are_those_of_the_public_checkpoint(architecture, checkpoint) -> None:
    public = torch.load(checkpoint, map_location="cpu", weights_only=True)["params"]
    ours = architecture().state_dict()
    assert [(key, t.shape) for key, t in ours.items()] == [(k, t.shape) for k, t in public.items()]


def test_counts_are_the_required_ones(architecture, facts) -> None:
    with uncomputed():
        counts = count(architecture())
    assert counts_as(counts) == facts["srnext"]
    assert facts["srnext"] == {
        "params": 244_558,
        "flops": 15_365_898_240,
        "acts": 422_903_808,
        "convs": 158,
    }


def test_mean_shifts_as_convolutions_explain_the_claimed_flops(architecture, facts) -> None:
    shifted = nn.Sequential(nn.Conv2d(3, 3, 1), architecture(), nn.Conv2d(3, 3, 1))
    with uncomputed():
        counts = count(shifted)
    assert counts_as(counts) == facts["srnext_with_mean_shift_counted_as_conv"]
    claims = read_sidecar(MODEL_FILE.with_suffix(".toml")).claims
    assert round(counts.flops_official / 1e9, 3) == float(claims.flops_g)


def test_every_constructor_argument_is_honoured(architecture) -> None:
    network = architecture(nf=10, num_layers=2, kernel=5, mlp_ratio=3, upscale=2)
    assert network(torch.zeros(2, 3, 3, 4)).shape == (2, 3, 6, 8)
    assert len(network.body) == 2
    assert network.get_submodule("body.0.sg.h_mixer").weight.shape == (10, 1, 5, 1)
    assert network.get_submodule("body.0.mlp.fc1").weight.shape == (30, 10, 1, 1)


@pytest.mark.parametrize("wrong", [{"nf": 36}, {"kernel": 14}])
def test_a_width_or_kernel_that_cannot_be_is_named(architecture, wrong) -> None:
    with pytest.raises(ValueError, match="multiple of 5 and an odd kernel"):
        architecture(**wrong)


def test_training_reaches_every_parameter(architecture) -> None:
    network = architecture()
    network(torch.rand(1, 3, 16, 16) * 255).mean().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


def test_sidecar_claims_what_the_factsheet_prints(shared) -> None:
    facts = goldens.facts(shared, "edrn_srnext")
    printed = facts["srnext"]["factsheet"]
    sidecar = read_sidecar(MODEL_FILE.with_suffix(".toml"))
    assert (sidecar.data_range, sidecar.scale) == (255.0, 4)
    expected = {
        "val_psnr_db": "val_psnr",
        "test_psnr_db": "test_psnr",
        "runtime_ms": "runtime_ms",
        "params_m": "params_M",
        "flops_g": "flops_G",
        "activations_m": "acts_M",
        "memory_mib": "gpu_mem_M",
        "num_conv": "convs",
    }
    for ours, theirs in expected.items():
        assert getattr(sidecar.claims, ours) == Decimal(str(printed[theirs])), ours
