"""LKDN's forms against the public checkpoints and what the public network made of them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import goldens
import numpy as np
import pytest
import torch
from goldens import assert_golden
from torch import Tensor, nn
from uncomputed import uncomputed

from esr.base.errors import UserError
from esr.measure.counts.complexity import count
from esr.measure.loading.network import import_model, load
from esr.submissions.sidecar import read_sidecar

MODEL_FILE = Path(__file__).resolve().parents[1] / "models" / "team16_LKDN.py"
SIDECAR = read_sidecar(MODEL_FILE.with_suffix(".toml"))

# Golden outputs, public checkpoint, its entry, form in the sidecar, number of tensors.
PUBLIC = [
    ("lkdn_s_x4_deploy", "lkdn_s_x4_deploy", None, "deploy", 160),
    ("lkdn_s_x4_train_ema", "lkdn_s_x4_train", "params_ema", "training", 196),
    ("lkdn_s_x4_train_raw", "lkdn_s_x4_train", "params", "training", 196),
    ("lkdn_x4", "lkdn_x4", "params_ema", "paper", 250),
]
VARIANTS = [
    ("idt", (16, 12, 5, 2, 3), "BSConvU_idt", "pixelshuffledirect"),
    ("rep", (16, 24, 5, 1, 2), "BSConvU_rep", "pixelshuffle_rep"),
    ("plain_uprep", (12, 12, 5, 4, 4), "BSConvU", "pixelshuffle_rep"),
    ("rep_direct", (12, 16, 8, 3, 2), "BSConvU_rep", "pixelshuffledirect"),
]
COUNTED = [
    "lkdn_s_x4_deploy",
    "lkdn_s_x4_train",
    "lkdn_s_x4_partial_rep_blocks_direct_tail",
    "lkdn_s_x4_partial_plain_blocks_rep_tail",
    "lkdn_s_x4_idt",
    "lkdn_x4",
    "lkdn_x3",
    "lkdn_x2",
    "lkdn_x4_train_form",
]


@pytest.fixture(scope="module")
def lkdn() -> ModuleType:
    return import_model(MODEL_FILE)


@pytest.fixture(scope="module")
def facts(shared: Path) -> dict[str, Any]:
    return goldens.facts(shared, "mdrn_lkdn")


def weights(shared: Path, name: str, entry: str | None) -> dict[str, Tensor]:
    file = shared / "networks" / "checkpoints" / f"{name}.pth"
    loaded = torch.load(file, map_location="cpu", weights_only=True)
    return loaded[entry] if entry else loaded


def part(arrays: dict[str, Any], folder: str) -> dict[str, Tensor]:
    prefix = f"{folder}/"
    chosen = {key: value for key, value in arrays.items() if key.startswith(prefix)}
    return {key.removeprefix(prefix): torch.from_numpy(value) for key, value in chosen.items()}


def loaded(lkdn: ModuleType, kwargs: dict[str, Any], state: dict[str, Tensor]) -> nn.Module:
    network = lkdn.LKDN(**kwargs)
    network.load_state_dict(state, strict=True)
    # The order is that of registration, which optimizers go by.
    assert list(network.state_dict()) == list(state)
    return network.eval().requires_grad_(False)


def assert_outputs(network: nn.Module, arrays: dict[str, Any], kind: str = "y") -> None:
    """Compare every output of that kind, those in float64 arithmetic and those in float32."""
    # float64 first: a network that holds more than float32 does would be rounded by the other.
    for dtype, key in ((torch.float64, f"{kind}64"), (torch.float32, kind)):
        network.to(dtype)
        cases = [name for name in arrays if name.startswith(f"{key}_")]
        assert cases
        for case in cases:
            sr = network(torch.from_numpy(arrays[case.replace(key, "x")]).to(dtype))
            assert_golden(sr, arrays[case], case)


@pytest.mark.parametrize(("name", "checkpoint", "entry", "form", "tensors"), PUBLIC)
def test_output_is_that_of_the_public_network(
    lkdn, shared, name, checkpoint, entry, form, tensors
) -> None:
    state = weights(shared, checkpoint, entry)
    assert len(state) == tensors
    assert_outputs(loaded(lkdn, SIDECAR.in_form(form).kwargs, state), goldens.arrays(shared, name))


@pytest.mark.parametrize(("name", "sizes", "conv", "upsampler"), VARIANTS)
def test_every_flavour_is_that_of_the_public_network(
    lkdn, shared, name, sizes, conv, upsampler
) -> None:
    names = ("num_feat", "num_atten", "num_block", "num_in", "upscale")
    kwargs = {**dict(zip(names, sizes, strict=True)), "conv": conv, "upsampler": upsampler}
    prefix = "lkdn_var" if kwargs["num_block"] == 8 else "lkdn_s_var"
    arrays = goldens.arrays(shared, f"{prefix}_{name}")
    assert_outputs(loaded(lkdn, kwargs, part(arrays, "sd")), arrays)


@pytest.mark.parametrize(("name", "checkpoint", "entry", "form", "tensors"), PUBLIC[:2])
def test_every_traced_map_is_that_of_the_public_network(
    lkdn, shared, name, checkpoint, entry, form, tensors
) -> None:
    trace = goldens.arrays(shared, f"trace_{name}")
    state = weights(shared, checkpoint, entry)
    network = loaded(lkdn, SIDECAR.in_form(form).kwargs, state).double()
    shuffle = next(key for key, m in network.named_modules() if isinstance(m, nn.PixelShuffle))
    # Symbol of the specification -> module, whether its input, whether the activation follows.
    taps = {"stem": ("fea_conv", False, False), "fuse_all": ("c1", False, True)}
    taps |= {"trunk": ("upsampler", True, False), "pre_shuffle": (shuffle, True, False)}
    taps |= {f"B{k}/out": (f"B{k}", False, False) for k in range(1, 6)}
    taps |= {f"B1/distil{k}": (f"B1.c{k}_d", False, True) for k in (1, 2, 3)}
    taps |= {f"B1/refine{k}": (f"B1.c{k}_r", False, True) for k in (1, 2, 3)}
    taps |= {"B1/fuse": ("B1.c5", False, False), "B1/proj": ("B1.c6", False, False)}
    taps["B1/lka_map"] = ("B1.atten.depthwise_dilated", False, False)
    taps["B1/pixel_norm"] = ("B1.pixel_norm", False, False)
    seen: dict[str, Tensor] = {}

    def keep(key: str, before: bool, activated: bool) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            seen[key] = inputs[0] if before else output
            seen[key] = nn.functional.gelu(seen[key]) if activated else seen[key]

        return hook

    for symbol, (module, before, activated) in taps.items():
        network.get_submodule(module).register_forward_hook(keep(f"t/{symbol}", before, activated))
    seen["y"] = network(torch.from_numpy(trace["x"]).double())
    seen["t/B1/pixel_norm"] = seen["t/B1/pixel_norm"].permute(0, 3, 1, 2)
    assert seen.keys() == trace.keys() - {"x"}
    # The trace was computed in float64 and stored in float32; y was computed in float32.
    assert_golden(seen.pop("y"), trace["y"], "y")
    for key, output in seen.items():
        np.testing.assert_allclose(output, trace[key], rtol=1e-6, atol=1e-6, err_msg=key)


@pytest.mark.parametrize("name", COUNTED)
def test_counts_are_those_of_the_facts(lkdn, facts, name) -> None:
    fact = facts[name]
    with uncomputed():
        counts = count(lkdn.LKDN(**fact["ctor"]))
    measured = (counts.flops_official, counts.flops_fvcore, counts.activations)
    at = fact["at_3x256x256"]
    assert (counts.params, counts.num_conv) == (fact["params"], at["num_conv"])
    assert measured == (
        round(at["flops_official_G"] * 1e9),
        round(at["flops_fvcore_G"] * 1e9),
        round(at["acts_M"] * 1e6),
    )


def test_counts_of_every_fact_are_tested(facts) -> None:
    assert {name for name, fact in facts.items() if name[:4] == "lkdn" and "ctor" in fact} == set(
        COUNTED
    )


def test_sidecar_says_what_the_factsheet_says(lkdn, facts) -> None:
    sheet, claims = facts["lkdn_s_x4_deploy"]["factsheet"], SIDECAR.claims
    assert next(iter(SIDECAR.forms)) == "deploy"
    assert SIDECAR.in_form("deploy").kwargs == {}
    ctors = {"deploy": "lkdn_s_x4_deploy", "training": "lkdn_s_x4_train", "paper": "lkdn_x4"}
    ctors |= {"paper_x3": "lkdn_x3", "paper_x2": "lkdn_x2"}
    assert SIDECAR.forms.keys() == ctors.keys()
    for form, fact in ctors.items():
        shapes, expected = (
            {key: value.shape for key, value in lkdn.LKDN(**kwargs).state_dict().items()}
            for kwargs in (SIDECAR.in_form(form).kwargs, facts[fact]["ctor"])
        )
        assert shapes == expected
        assert SIDECAR.in_form(form).scale == facts[fact]["ctor"]["upscale"]
    assert (SIDECAR.data_range, claims.params_m * 10**6) == (1.0, sheet["params"])
    flat = (claims.flops_g, claims.activations_m, claims.num_conv, claims.memory_mib)
    assert [*map(float, flat)] == [sheet[k] for k in ("flops_G", "acts_M", "num_conv", "memory_M")]
    assert float(claims.val_psnr_db) == sheet["div2k_val_psnr"]
    assert float(claims.runtime_ms) == sheet["val_time_ms"]
    expected = {name: sheet[name.lower()] for name in ("Set14", "B100", "Urban100", "Manga109")}
    expected["Set5"] = [sheet["set5"]["psnr"], sheet["set5"]["ssim"]]
    sets = {name: [float(c.psnr_y_db), float(c.ssim_y)] for name, c in claims.sets.items()}
    assert sets == expected


def test_paper_checkpoint_loads_by_its_average_alone(lkdn, shared, tmp_path) -> None:
    network = lkdn.LKDN(**SIDECAR.in_form("paper").kwargs)
    load(network, shared / "networks" / "checkpoints" / "lkdn_x4.pth", strict=True)
    file = tmp_path / "raw.pth"
    torch.save({"params": weights(shared, "lkdn_x4", "params")}, file)
    with pytest.raises(UserError) as caught:
        load(network, file, strict=True)
    message = str(caught.value)
    assert "2 missing (upsampler.0.weight, upsampler.0.bias)" in message
    assert "2 unexpected (upsampler.conv3.weight, upsampler.conv3.bias)" in message


@pytest.mark.parametrize("upsampler", ["pixelshuffledirect", "pixelshuffle_rep"])
def test_every_constructor_argument_is_honoured(lkdn, upsampler) -> None:
    network = lkdn.LKDN(1, 7, 4, 3, 2, 5, 2, "BSConvU_rep", upsampler)
    assert network(torch.zeros(2, 1, 3, 8)).shape == (2, 2, 15, 40)
    assert network.get_submodule("fea_conv.pw").weight.shape == (7, 2, 1, 1)
    assert network.get_submodule("B3.c1_d").weight.shape == (3, 7, 1, 1)
    assert network.get_submodule("B3.atten.pointwise").weight.shape == (4, 4, 1, 1)
    assert not hasattr(network, "B4")


@pytest.mark.parametrize("kwargs", [{"conv": "BSConv"}, {"upsampler": "pixelshuffle"}])
def test_unknown_flavour_is_refused(lkdn, kwargs) -> None:
    with pytest.raises(NotImplementedError, match=r"is none of .*(BSConvU_idt|pixelshuffle_rep)"):
        lkdn.LKDN(**kwargs)
