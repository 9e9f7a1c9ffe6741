"""Networks of odd tensors and of random numbers through the real command: no row is lost to them."""

from __future__ import annotations

import json

import pytest
from harness import BY_TIME, Harness, nearest_state, tiny, write_pairs

SR = "self.up(self.body(x))"
FP8 = f"{SR}.to(torch.float8_e5m2)"
REFUSED = {
    "Sparse": (f"{SR}.to_sparse()", "a tensor of layout sparse_coo"),
    "Csr": (f"{SR}[0, 0].to_sparse_csr()", "a tensor of layout sparse_csr"),
    "Meta": (f"{SR}.to('meta')", "a meta tensor"),
    "Nested": (f"torch.nested.nested_tensor(list({SR}[0]))", "a nested tensor"),
    "Complex": (f"torch.complex({SR}, {SR})", "torch.complex64"),
    "Quantized": (f"torch.quantize_per_tensor({SR}, 0.1, 0, torch.quint8)", "torch.quint8"),
}
LATER = """
import torch
calls = []
def later(sr):
    calls.append(None)
    return sr if len(calls) <= 2 else sr.to_sparse()
"""
KEPT = {
    "Fp8": tiny(FP8),
    "Later": LATER + tiny(f"later({SR})"),
    "Draws": tiny(f"{SR} + 0.02 * torch.randn_like({SR})"),
    "Drops": tiny(f"torch.nn.functional.dropout({SR}, 0.1, training=True)"),
    "Nearest": tiny(
        "torch.nn.functional.interpolate(x, scale_factor=4) + 0 * self.up(self.body(x))"
    ),
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    harness = Harness(tmp_path_factory.mktemp("odd") / "harness")
    write_pairs(harness.path / "data" / "demo")
    harness.count_at(32)
    for number, name in enumerate(KEPT):
        harness.add(f"team{number:02}_{name}", KEPT[name], nearest_state())
    for number, (name, (returned, _)) in enumerate(REFUSED.items(), 10):
        harness.add(f"team{number:02}_{name}", tiny(returned), nearest_state())
    done = harness.run("--model_id", "all", "--device", "cpu")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return harness


def _flags(harness: Harness, label: str) -> dict[str, str]:
    flags = {flag["name"]: flag["detail"] for flag in harness.record(label)["flags"]}
    return {name: detail for name, detail in flags.items() if name not in BY_TIME}


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_output_that_is_no_image_is_named(odd: Harness, number: int) -> None:
    name, (_, says) = list(REFUSED.items())[number]
    failure = json.loads((odd.results / "failures" / f"{number + 10}_{name}.json").read_text())
    assert failure["stage"] == "restore"
    assert f"the network returned {says}" in failure["reason"]


def test_output_in_8_bits_keeps_its_row_and_every_figure(odd: Harness) -> None:
    counts = odd.record("00_Fp8")["counts"]
    # 9 * 3 * 48 multiply-adds for each of 32 x 32 pixels.
    assert counts["flops_official"] == counts["flops_dispatch"] == 9 * 3 * 48 * 32 * 32
    assert (counts["notes"], counts["differs_under"]) == ([], [])
    assert set(_flags(odd, "00_Fp8")) == {"quantized"}


def test_output_that_turns_sparse_later_keeps_what_was_measured(odd: Harness) -> None:
    flags = _flags(odd, "01_Later")
    assert "a tensor of layout sparse_coo" in flags["audit_incomplete"]
    assert odd.record("01_Later")["counts"]["flops_official"] == 9 * 3 * 48 * 32 * 32


@pytest.mark.parametrize("label", ["02_Draws", "03_Drops"])
def test_only_remarks_on_random_numbers_are_that_they_are_random(odd: Harness, label: str) -> None:
    assert set(_flags(odd, label)) == {"not_deterministic", "random_output"}


def test_nearest_interpolation_raises_no_flag_at_all(odd: Harness) -> None:
    assert odd.record("04_Nearest")["flags"] == []
