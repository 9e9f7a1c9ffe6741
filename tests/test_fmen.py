"""FMEN against the public checkpoints, what the public network made of them, and its merge."""

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
from esr.submissions.discovery import discover

ROOT = Path(__file__).resolve().parents[1]
TRAINING_SHA256 = "8dcd4a688fb04bae72be647c1a4615ebf00263dd5870375fe8b7a0caae53df01"
CHECKPOINTS = {"fmen_s_x4_github": "pt", "fmen_s_x4_ntire22": "pth"}

fmen = import_model(ROOT / "models" / "fmen.py")


@pytest.fixture(scope="module")
def arrays(shared: Path) -> Callable[[str], dict[str, Any]]:
    return partial(goldens.arrays, shared)


@pytest.fixture(scope="module")
def weights(shared: Path) -> Callable[[str], dict[str, Tensor]]:
    def weights(name: str) -> dict[str, Tensor]:
        file = shared / "networks" / "checkpoints" / f"{name}.{CHECKPOINTS[name]}"
        return torch.load(file, map_location="cpu", weights_only=True)

    return weights


@pytest.fixture(scope="module")
def training_weights(shared: Path) -> dict[str, Tensor]:
    text = (shared / "networks" / "golden" / "fmen_train_keys.json").read_text(encoding="utf-8")
    rng, digest, state = np.random.Generator(np.random.PCG64(20220418)), hashlib.sha256(), {}
    for key, shape in ((entry["key"], tuple(entry["shape"])) for entry in json.loads(text)):
        u = 2 * rng.random(shape) - 1
        if key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(0)
            continue
        array = _formula(key, shape, u).astype("<f4")
        digest.update(array.tobytes())
        state[key] = torch.from_numpy(array)
    assert digest.hexdigest() == TRAINING_SHA256
    return state


def _formula(key: str, shape: tuple[int, ...], u: Any) -> Any:
    if key.endswith("running_mean"):
        return 20 * u
    if key.endswith("running_var"):
        return 200 * (1.05 + u)
    if ".bn" in key:
        return 1 + 0.5 * u if key.endswith("weight") else 0.3 * u
    return 0.1 * u if key.endswith("bias") else 0.7 * u * np.sqrt(3 / np.prod(shape[1:]))


def loaded(module: nn.Module, state: dict[str, Tensor]) -> Any:
    module.load_state_dict(state, strict=True)
    return module.eval().requires_grad_(False)


def tensors(arrays: dict[str, Any], names: Any, prefix: str = "") -> dict[str, Tensor]:
    return {name: torch.as_tensor(arrays[prefix + name]) for name in names}


def assert_close(actual: Tensor, expected: Any, atol: float, name: str = "") -> None:
    np.testing.assert_allclose(actual.detach().numpy(), expected, rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_output_is_that_of_the_public_network(arrays, weights, checkpoint) -> None:
    golden, network = arrays(checkpoint), loaded(fmen.FMEN(), weights(checkpoint))
    for name in ("a", "b", "odd", "one", "thin"):
        sr = network(torch.from_numpy(golden[f"x_{name}"]))
        assert_golden(sr, golden[f"y_{name}"], name)
    network.double()
    for name in ("odd", "one", "thin"):
        sr = network(torch.from_numpy(golden[f"x_{name}"]).double())
        assert_golden(sr, golden[f"y64_{name}"], name)


def test_every_step_is_traced_to_the_public_network(arrays, weights) -> None:
    trace, network = arrays("trace_fmen_s_x4_github"), fmen.FMEN()
    loaded(network, weights("fmen_s_x4_github"))
    # The public network gates in place after this tap, which therefore holds the mask alone.
    trace["t/attn0"] = trace.pop("t/attn0/sigmoid_then_gated_inplace") * trace["t/warm_conv"]
    modules = {
        "head": "head",
        "warm_conv": "warmup.0",
        "attn0/squeeze_pre_act": "warmup.1.squeeze",
        "attn0/erb0": "warmup.1.convs.0",
        "attn0/erbs_pre_act": "warmup.1.convs",
        "attn0/excitate": "warmup.1.excitate",
        "attn0": "warmup.1",
        "erb0/conv1_pre_act": "ERBs.0.conv1",
        "erb0": "ERBs.0",
        "attn1": "HFABs.0",
        "erb3": "ERBs.3",
        "attn4": "HFABs.3",
        "tail_conv": "tail.0",
        "y_shuffled": "tail",
    }
    seen: dict[str, Tensor] = {}
    for tap, name in modules.items():
        # Copied at once: the activation that follows works in place.
        network.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, key=f"t/{tap}": seen.update({key: output.clone()})
        )
    assert_golden(network(torch.from_numpy(trace["x"])), trace["y"])
    assert seen.keys() == trace.keys() - {"x", "y"}
    for key, output in seen.items():
        assert_golden(output, trace[key], key)


def test_names_and_shapes_are_those_of_the_public_files(weights, training_weights) -> None:
    def shapes(state: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
        return {key: tuple(tensor.shape) for key, tensor in state.items()}

    deploy = shapes(fmen.FMEN().state_dict())
    assert list(deploy.items()) == list(shapes(weights("fmen_s_x4_github")).items())
    assert shapes(fmen.FMEN(form="train").state_dict()) == shapes(training_weights)


def test_rrrb_is_merged_into_the_golden_convolution(arrays) -> None:
    golden, block = arrays("fmen_merge_rrrb"), fmen.RRRB(6)
    loaded(block, tensors(golden, block.state_dict())).double()
    x = torch.from_numpy(golden["x"]).double()
    conv = block.merged().rep_conv
    assert_close(block(x), golden["y64"], 1e-12)
    assert_close(conv(x), golden["y64"], 1e-12)
    assert_close(conv.weight, golden["merged_weight64"], 1e-12)
    assert_close(conv.bias, golden["merged_bias64"], 1e-12)


@pytest.fixture
def hfab(arrays) -> tuple[Any, dict[str, Any]]:
    golden, attention = arrays("fmen_merge_hfab"), fmen.TrainingHFAB(6, 4, 2, fmen.RRRB)
    return loaded(attention, tensors(golden, attention.state_dict())), golden


def test_hfab_is_merged_into_the_golden_convolutions(hfab) -> None:
    attention, golden = hfab
    x = torch.from_numpy(golden["x"])
    assert_golden(attention(x), golden["y_eval"])
    attention.double()
    merged = attention.merged()
    assert_close(attention(x.double()), golden["y_eval64"], 1e-12)
    assert_close(merged(x.double()), golden["y_eval64"], 1e-12)
    convs = {"squeeze": merged.squeeze, "excitate": merged.excitate}
    for name in ("convs.0.conv1", "convs.0.conv2", "convs.1.conv1", "convs.1.conv2"):
        convs[name] = merged.get_submodule(name).merged().rep_conv
    for name, conv in convs.items():
        assert_close(conv.weight, golden[f"merged64/{name}.weight"], 1e-12, name)
        assert_close(conv.bias, golden[f"merged64/{name}.bias"], 1e-12, name)


def test_training_mode_is_that_of_the_public_block(hfab) -> None:
    attention, golden = hfab
    y = attention.train()(torch.from_numpy(golden["x"]))
    assert_golden(y, golden["y_train_mode"])
    for key in (key for key in golden if key.startswith("after_train/")):
        buffer = attention.get_buffer(key.removeprefix("after_train/"))
        assert_golden(buffer, golden[key], key)


def test_training_form_is_the_public_network_before_and_after_deploy(
    arrays, training_weights
) -> None:
    golden = arrays("fmen_s_train_synth")
    network = loaded(fmen.FMEN(form="train"), training_weights)
    for candidate in (network, network.deploy()):
        for name in ("odd", "thin"):
            sr = candidate(torch.from_numpy(golden[f"x_{name}"]))
            assert_golden(sr, golden[f"y_{name}"], name)
    network.double()
    for candidate in (network, network.deploy()):
        for name in ("odd", "thin"):
            sr = candidate(torch.from_numpy(golden[f"x_{name}"]).double())
            assert_golden(sr, golden[f"y64_{name}"], name)


def _trained(seed: int) -> Any:
    """Random weights and batch norm statistics: what a new network has would hide mistakes."""
    torch.manual_seed(seed)
    network = fmen.FMEN(nf=10, width=8, depths=(2, 1, 3), upscale=3, form="train").double()
    for name, tensor in network.state_dict().items():
        if "bn" in name and tensor.is_floating_point():
            tensor.uniform_(0.5, 2.0)
    return network.eval()


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (2, 7), (19, 23)])
def test_deploy_returns_the_same_function_up_to_the_border(size) -> None:
    network = _trained(seed=sum(size))
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    deployed = network.deploy()
    x = torch.rand(2, 3, *size, dtype=torch.float64) * 255
    with torch.no_grad():
        assert_close(deployed(x), network(x).numpy(), 1e-9)
    expected = fmen.FMEN(nf=10, width=8, depths=(2, 1, 3), upscale=3).state_dict()
    assert deployed.state_dict().keys() == expected.keys()
    assert not deployed.training
    assert all(torch.equal(network.state_dict()[key], tensor) for key, tensor in before.items())


def test_merge_is_done_in_float64_and_rounded_once() -> None:
    network = _trained(seed=3).float()
    deployed = network.deploy().state_dict()
    expected = network.double().deploy().float().state_dict()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in deployed.items())


def test_what_is_deployed_can_be_saved_loaded_and_deployed_again(tmp_path) -> None:
    deployed = _trained(seed=1).float().deploy()
    torch.save(deployed.state_dict(), tmp_path / "fmen.pth")
    again = loaded(
        fmen.FMEN(nf=10, width=8, depths=(2, 1, 3), upscale=3),
        torch.load(tmp_path / "fmen.pth", weights_only=True),
    )
    x = torch.rand(1, 3, 5, 4) * 255
    assert torch.equal(again(x), deployed(x))
    assert torch.equal(deployed.deploy()(x), deployed(x))


def test_training_reaches_every_parameter_over_several_steps() -> None:
    network = _trained(seed=2).train()
    # Two steps before backward: the second overwrites the running statistics of the first.
    outputs = [network(torch.rand(2, 3, 6, 5, dtype=torch.float64)) for _ in range(2)]
    sum(output.mean() for output in outputs).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("form", ["deploy", "train"])
def test_figures_are_exact(shared, form) -> None:
    fact = goldens.facts(shared, "edrn_srnext")["recomputed"][f"fmen_{form}"]
    # The official counter sees layers and sizes, so it needs no values; fvcore does.
    counts = count(fmen.FMEN(form=form).eval().to("meta"))
    assert (counts.params, counts.flops_official) == (fact["params"], fact["flops"])
    assert (counts.activations, counts.num_conv) == (fact["acts"], fact["convs"])


def test_fvcore_counts_the_deploy_form_alike() -> None:
    # Every layer keeps the size, so FLOPs grow with it.
    assert count(fmen.FMEN(), (3, 32, 32)).flops_fvcore == 22280011776 // 64


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="deploy and train"):
        fmen.FMEN(form="merged")


def test_it_is_no_submission() -> None:
    assert not [entry for entry in discover(ROOT) if "fmen" in entry.model_file.name]
