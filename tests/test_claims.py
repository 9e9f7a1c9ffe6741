"""Claims beside measurements: what agrees, what is marked, where it is printed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from harness import Harness, nearest_state, tiny, write_pairs
from synthetic import synthetic_record, synthetic_split

from esr.report.claims import agrees, list_claims
from esr.submissions.sidecar import Claims, SetClaims


@pytest.mark.parametrize(
    ("claim", "measured", "expected"),
    [
        ("0.2445", 0.244558, True),  # SRneXt's parameters, cut off instead of rounded
        ("15.376", 15.36589824, False),  # SRneXt's FLOPs
        ("224.19", 224.189743104, True),
        ("29.00", 29.009, True),
        ("29.00", 29.02, False),
        ("29.0", 29.02, True),
        ("5", 0.029851, False),  # PRFDN's '5 Million'
        ("94", 94, True),
        ("94", 95, False),
    ],
)
def test_the_last_digit_printed_decides(claim: str, measured: float, expected: bool) -> None:
    assert agrees(Decimal(claim), measured) is expected


@pytest.mark.parametrize(
    ("dataset", "images", "compared"),
    [("B100", 100, True), ("BSD100", 100, True), ("B100", 99, False), ("Set14", 100, False)],
)
def test_a_claim_is_about_all_images_of_its_set(dataset: str, images: int, compared: bool) -> None:
    split = replace(synthetic_split("valid", images, 5.0), dataset=dataset)
    claims = Claims(sets={"B100": SetClaims(psnr_db=Decimal("27.1"))})
    record = synthetic_record(1, "Net", (split,))
    record = replace(record, sidecar=replace(record.sidecar, claims=claims))
    assert list_claims(record) == ({"Val PSNR": Decimal("27.1")} if compared else {})


SIDECAR = """
[claims]
val_psnr_db = 26.90
params_m = 0.001
flops_g = 9.99
num_conv = 1
runtime_ms = 1.00

[claims.sets.Set5]
psnr_db = 99.00
ssim_y = 0.10
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory):
    harness = Harness(tmp_path_factory.mktemp("claims") / "harness")
    write_pairs(harness.path / "data" / "Set5", ("a", "b", "c", "d", "e"))
    harness.add("team01_Claims", tiny(), nearest_state(), SIDECAR)
    data = ["--data_dir", str(harness.path / "data"), "--dataset", "Set5"]
    return harness, harness.run("--model_id", "1", *data, "--metrics", "ssim_y")


def test_claims_stand_below_the_figures_with_their_digits_and_marks(measured) -> None:
    _, done = measured
    line = next(line for line in done.stdout.splitlines() if "claimed" in line)
    assert line.split() == ["claimed", "99.00!", "0.001", "9.99!", "1", "0.10!"]
    assert "! marks a claim that differs" in done.stdout


def test_the_csv_names_the_claims_that_differ(measured) -> None:
    harness, _ = measured
    row = harness.rows()["01_Claims"]
    assert row["Claimed FLOPs [G]"] == "9.99"
    assert row["Claims that differ"] == "Val PSNR, FLOPs [G], Val SSIM_Y"


def test_a_record_keeps_the_claims_as_they_were_printed(measured) -> None:
    harness, _ = measured
    assert harness.record("01_Claims")["sidecar"]["claims"]["val_psnr_db"] == "26.90"


def test_a_claim_for_another_data_set_is_not_compared(measured) -> None:
    harness, _ = measured
    assert harness.rows()["01_Claims"]["Claimed Val PSNR"] == "99.0"


def test_part_of_a_set_is_not_compared_as_the_set(measured) -> None:
    harness, _ = measured
    pairs = harness.path / "partial"
    write_pairs(pairs / "Set5", ("a", "b", "c", "d"))
    done = harness.run("--model_id", "1", "--data_dir", str(pairs), "--dataset", "Set5")
    assert done.returncode == 0, done.stderr
    assert "4 images are not Set5, which has 5" in " ".join(done.stdout.split())
    assert "Val PSNR" not in harness.rows()["01_Claims"]["Claims that differ"]
