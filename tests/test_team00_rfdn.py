"""The RFDN baseline against the public checkpoint and what the public network made of it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from goldens import arrays, assert_golden, assert_traced
from torch import Tensor, nn

from esr.measure.loading.network import import_model
from esr.report.claims import agrees
from esr.submissions.sidecar import read_sidecar

MODEL_FILE = Path(__file__).resolve().parents[1] / "models" / "team00_RFDN.py"
BLOCKS = ("B1", "B2", "B3", "B4")


@pytest.fixture(scope="module")
def architecture() -> type[nn.Module]:
    return import_model(MODEL_FILE).RFDN


@pytest.fixture(scope="module")
def weights(shared: Path) -> dict[str, Tensor]:
    file = shared / "networks" / "checkpoints" / "team00_rfdn.pth"
    return torch.load(file, map_location="cpu", weights_only=True)


@pytest.fixture
def network(architecture: type[nn.Module], weights: dict[str, Tensor]) -> nn.Module:
    network = architecture()
    network.load_state_dict(weights, strict=True)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Any]:
    return arrays(shared, "rfdn_x4")


@pytest.fixture(scope="module")
def trace(shared: Path) -> dict[str, Any]:
    return arrays(shared, "trace_rfdn_x4")


@pytest.mark.parametrize("name", ["a", "b", "odd", "min"])
def test_float32_output_is_that_of_the_public_network(network, golden, name) -> None:
    sr = network(torch.from_numpy(golden[f"x_{name}"]))
    assert_golden(sr, golden[f"y_{name}"])


def test_float64_output_is_that_of_the_public_network(network, golden) -> None:
    sr = network.double()(torch.from_numpy(golden["x_odd"]).double())
    assert_golden(sr, golden["y64_odd"])


def test_every_convolution_and_block_is_traced_to_the_public_network(network, trace) -> None:
    assert_traced(network, trace)


def test_names_and_shapes_are_those_of_the_layer_list(architecture, shared) -> None:
    with (shared / "networks" / "rfdn_layers.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = {}
    for row in rows:
        out_ch, in_ch, kernel = (int(row[key]) for key in ("out_ch", "in_ch", "kernel"))
        expected[f"{row['name']}.weight"] = (out_ch, in_ch, kernel, kernel)
        expected[f"{row['name']}.bias"] = (out_ch,)
    network = architecture()
    assert {key: tuple(t.shape) for key, t in network.state_dict().items()} == expected
    convolutions = dict(network.named_modules())
    for row in rows:
        conv = convolutions[row["name"]]
        assert conv.stride == (int(row["stride"]),) * 2, row["name"]
        assert conv.padding == (int(row["padding"]),) * 2, row["name"]


def test_keys_come_in_the_order_of_the_public_checkpoint(architecture, weights) -> None:
    assert list(architecture().state_dict()) == list(weights)


@pytest.mark.parametrize(("scale", "params"), [(4, 433_448), (3, 423_977), (2, 417_212)])
def test_scale_is_honoured(architecture, scale, params) -> None:
    network = architecture(upscale=scale)
    assert sum(p.numel() for p in network.parameters()) == params
    assert network(torch.zeros(1, 3, 17, 22)).shape == (1, 3, 17 * scale, 22 * scale)


def test_every_constructor_argument_is_honoured(architecture) -> None:
    network = architecture(in_nc=1, nf=21, num_modules=2, out_nc=2, upscale=3)
    assert network(torch.zeros(2, 1, 15, 16)).shape == (2, 2, 45, 48)
    assert network.get_submodule("B1.c1_d").weight.shape == (10, 21, 1, 1)
    assert network.get_submodule("B1.esa.conv1").weight.shape == (5, 21, 1, 1)
    assert not hasattr(network, "B3")


def test_activations_are_modules_shared_within_a_block(architecture) -> None:
    # The official FLOPs count one per element for each call of an activation module.
    network = architecture()
    calls = dict.fromkeys(BLOCKS, 0)

    def count(block: str) -> Any:
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            calls[block] += 1

        return hook

    for block in BLOCKS:
        modules = network.get_submodule(block).modules()
        shared_activation = [module for module in modules if isinstance(module, nn.LeakyReLU)]
        assert len(shared_activation) == 1
        shared_activation[0].register_forward_hook(count(block))
    network(torch.zeros(1, 3, 15, 15))
    assert calls == dict.fromkeys(BLOCKS, 7)


@pytest.mark.parametrize("size", [(14, 40), (40, 14), (1, 1)])
def test_too_small_an_input_names_the_limit(architecture, size) -> None:
    with pytest.raises(ValueError, match="at least 15x15"):
        architecture()(torch.zeros(1, 3, *size))


def test_training_reaches_every_parameter(architecture) -> None:
    # The activations work in place, which autograd must tolerate.
    network = architecture()
    network(torch.rand(1, 3, 24, 24) * 255).mean().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


def test_sidecar_says_what_the_specification_says() -> None:
    sidecar = read_sidecar(MODEL_FILE.with_suffix(".toml"))
    assert (sidecar.data_range, sidecar.scale) == (255.0, 4)
    assert agrees(sidecar.claims.params_m, 433_448 / 1e6)
    assert sidecar.claims.num_conv == 64
