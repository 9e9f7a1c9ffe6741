"""SPAN against the official checkpoint of 2026 and what the official network made of it."""

from __future__ import annotations

import csv
import math
import shutil
from pathlib import Path
from types import ModuleType

import goldens
import numpy as np
import pytest
import torch
from goldens import assert_golden
from harness import Harness, run_command, write_pairs
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad
from uncomputed import uncomputed

from esr.measure.counts.complexity import count
from esr.measure.loading.network import import_model
from esr.submissions.sidecar import read_sidecar

MODEL_FILE = Path(__file__).resolve().parents[1] / "models" / "team2026_SPAN.py"
SIDECAR = read_sidecar(MODEL_FILE.with_suffix(".toml"))

# Mean of the official loop on Set5 and its LR images, from the specification.
SET5_DB = 29.848259614506286


@pytest.fixture(scope="module")
def span() -> ModuleType:
    return import_model(MODEL_FILE)


def public_weights(shared: Path) -> dict[str, Tensor]:
    file = shared / "networks" / "checkpoints" / "span_x4_ntire26.pth"
    return torch.load(file, map_location="cpu", weights_only=True)


@pytest.fixture
def baseline(span: ModuleType, shared: Path) -> nn.Module:
    network = span.SPAN(**SIDECAR.in_form("deploy").kwargs)
    state = public_weights(shared)
    assert len(state) == 44
    network.load_state_dict(state, strict=True)
    # The order is that of registration, which optimizers go by.
    assert list(network.state_dict()) == list(state)
    return network.eval().requires_grad_(False)


def test_output_is_that_of_the_official_network(baseline: nn.Module, shared: Path) -> None:
    golden = goldens.arrays(shared, "span_x4")
    # float64 computed by a network whose mean was rounded to float32, as everywhere.
    network = baseline.double()
    for lr, sr in (("x", "y64"), ("x_odd", "y_odd64")):
        assert_golden(network(torch.from_numpy(golden[lr])), golden[sr], sr)


def test_output_in_float32_is_as_near_as_the_official_one(
    baseline: nn.Module, shared: Path
) -> None:
    golden = goldens.arrays(shared, "span_x4")
    sr = baseline(torch.from_numpy(golden["x"]).float()).numpy()
    # The official network in float32 is 1.2e-4 from itself in float64: levels of 255 inside.
    np.testing.assert_allclose(sr, golden["y64"], rtol=0, atol=4 * 1.2e-4)


def test_counts_are_those_of_the_published_row(span: ModuleType) -> None:
    with uncomputed():
        counts = count(span.SPAN())
    assert counts.params == 150_688
    assert counts.flops_fvcore == 9_833_807_872
    assert (counts.activations, counts.num_conv) == (41_680_896, 22)


def test_the_training_form_has_the_layers_of_the_specification(span: ModuleType) -> None:
    network = span.SPAN(**SIDECAR.in_form("training").kwargs)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert len(shapes) == 20 * 8 + 2 * 2
    assert shapes["conv_1.conv.0.weight"] == (6, 3, 1, 1)
    assert shapes["conv_1.conv.1.weight"] == (56, 6, 3, 3)
    assert shapes["conv_1.conv.2.weight"] == (28, 56, 1, 1)
    assert shapes["conv_1.sk.weight"] == (28, 3, 1, 1)
    assert shapes["block_6.c3_r.conv.1.weight"] == (56, 56, 3, 3)
    assert shapes["upsampler.0.weight"] == (48, 28, 3, 3)


def test_a_branched_convolution_is_what_the_specification_says(span: ModuleType) -> None:
    torch.manual_seed(1)
    conv = span.BranchedConv(3, 5).double()
    own, x = conv.state_dict(), torch.randn(2, 3, 4, 6, dtype=torch.float64)
    h = conv2d(pad(x, (1, 1, 1, 1)), own["conv.0.weight"], own["conv.0.bias"])
    h = conv2d(conv2d(h, own["conv.1.weight"], own["conv.1.bias"]), own["conv.2.weight"])
    expected = h + (own["conv.2.bias"] + own["sk.bias"])[:, None, None]
    expected += conv2d(x, own["sk.weight"])
    torch.testing.assert_close(conv(x), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (7, 5)])
def test_merging_keeps_the_function_up_to_the_border(
    span: ModuleType, size: tuple[int, int]
) -> None:
    """In images of one and two pixels every pixel is border."""
    torch.manual_seed(2)
    network = span.SPAN(8, 3, form="training").double().eval()
    merged = network.deploy()
    assert merged.state_dict().keys() == span.SPAN(8, 3).state_dict().keys()
    lr = torch.rand(2, 3, *size, dtype=torch.float64)
    sr = network(lr)
    assert sr.shape == (2, 3, 3 * size[0], 3 * size[1])
    torch.testing.assert_close(merged(lr), sr, rtol=0, atol=1e-9)
    # What is left out matters: without the biases that the padding meets, the border would differ.
    with torch.no_grad():
        network.conv_2.conv[0].bias += 1
    assert not torch.allclose(network(lr), sr, atol=1e-6)


def test_merging_leaves_the_trained_network_as_it_was(span: ModuleType) -> None:
    network = span.SPAN(form="training").train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    merged = network.deploy()
    assert merged.training
    assert {p.dtype for p in merged.parameters()} == {torch.float32}
    assert all(p.requires_grad for p in merged.parameters())
    after = network.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_an_unknown_form_is_refused(span: ModuleType) -> None:
    with pytest.raises(ValueError, match="no form 'train', but deploy and training"):
        span.SPAN(form="train")


def test_sidecar_claims_the_published_row() -> None:
    claims = SIDECAR.in_form("deploy").claims
    # networks/span.md, rounded to the digits that the protocol has of the published table.
    assert (float(claims.val_psnr_db), float(claims.test_psnr_db)) == (26.94, 27.01)
    assert (float(claims.runtime_ms), float(claims.params_m)) == (7.74, 0.151)
    assert (float(claims.flops_g), float(claims.activations_m)) == (9.83, 41.68)
    assert (float(claims.memory_mib), int(claims.num_conv)) == (705.24, 22)
    assert SIDECAR.in_form("training").claims.params_m is None


def test_set5_is_that_of_the_official_loop(root: Path, shared: Path, tmp_path: Path) -> None:
    done = run_command(
        root,
        *("--model_id", "2026", "--device", "cpu", "--save_dir", str(tmp_path)),
        *("--checkpoint_dir", str(shared / "networks" / "checkpoints")),
        *("--data_dir", str(shared / "data"), "--dataset", "Set5"),
        cwd=shared,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with (tmp_path / "leaderboard.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert math.isclose(float(row["Val PSNR"]), SET5_DB, rel_tol=0, abs_tol=1e-4)
    assert "Claims that differ" not in row  # A column that no row fills is left out.


def test_scores_of_the_default_year_are_relative_to_it(root: Path, tmp_path: Path) -> None:
    harness = Harness(tmp_path / "harness")
    for name in ("team00_RFDN", "team2026_SPAN"):
        for file in (root / "models").glob(f"{name}.*"):
            shutil.copy(file, harness.path / "models")
        shutil.copy(root / "model_zoo" / f"{name}.pth", harness.path / "model_zoo")
    harness.count_at(64)
    write_pairs(harness.path / "data" / "demo", ("a", "b"))
    done = harness.run("--model_id", "all")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = harness.rows()
    assert rows["2026_SPAN"]["Baseline"] == "baseline"
    assert float(rows["00_RFDN"]["Score overall"]) > 0
    assert "baseline: 2026_SPAN" in " ".join(done.stdout.split())


def test_a_run_without_it_says_in_one_line_how_to_get_a_score(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "harness")
    for stem in ("team01_One", "team02_Two"):
        harness.add(stem)
    harness.count_at(64)
    write_pairs(harness.path / "data" / "demo", ("a",))
    for ids in (["1"], ["all"]):  # A newcomer's first row as well as a table.
        done = harness.run("--model_id", *ids)
        assert done.returncode == 0, done.stdout + done.stderr
        said = " ".join(done.stdout.split())
        assert "no scores, since the baseline SPAN is not among the rows" in said
        assert "measure it too, with --model_id 2026" in said
