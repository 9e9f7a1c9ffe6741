"""Claims beside measurements: what agrees, what is marked, where it is printed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import boards
import pytest
from harness import Harness, nearest_state, tiny, write_pairs
from synthetic import synthetic_record, synthetic_split

from esr.challenge.protocol import protocols
from esr.report.board import build_board
from esr.report.claims import agrees, list_claims
from esr.report.html.html_report import render_html
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
    claimed = {title: claim.figure for title, claim in list_claims(record, "official").items()}
    assert claimed == ({"Val PSNR": Decimal("27.1")} if compared else {})


@pytest.mark.parametrize(
    ("flops", "counter", "marked"),
    [
        # RFDN's FLOPs: 27.10 G by the script of 2023, 27.05 G by fvcore, 27.0 G by thop, say.
        ("27.10", "official", False),
        ("27.05", "official", True),
        ("27.05", "fvcore", False),
        ("27.10", "fvcore", True),
        ("27.00", "thop", False),
        ("27.10", None, True),
        ("27.05", None, False),
    ],
)
def test_flops_are_compared_with_those_of_the_counter_that_was_claimed_by(
    flops: str, counter: str | None, marked: bool
) -> None:
    board = _board_with_claim(Claims(flops_g=Decimal(flops), flops_counter=counter))
    cell = _flops_cell(board)
    assert (cell.text, cell.claim_text) == ("27.05", f"{flops}{'!' if marked else ''}")
    said = [line for line in board.remarks if line.startswith("FLOPs claimed by")]
    assert len(said) == (counter in ("official", "thop"))
    assert any("! marks" in line for line in board.remarks) is marked


def test_a_counter_that_failed_cannot_contradict_a_claim(tmp_path: Path) -> None:
    claims = Claims(flops_g=Decimal("27.10"), flops_counter="thop")
    board = _board_with_claim(claims, thop=None)
    cell = _flops_cell(board)
    assert (cell.claim_text, cell.differs) == ("27.10", False)
    # Nor does it agree with one, on the page or in a remark.
    (said,) = [remark for remark in board.remarks if "FLOPs claimed by" in remark]
    assert said == (
        "FLOPs claimed by thop are compared with nothing, since that one failed here: 01_Net."
    )
    page = " ".join(render_html(board, tmp_path).split())
    claim = page[page.index("<h4>Claims</h4>") :]
    assert "none (thop)</td><td>not measured</td>" in claim[: claim.index("</table>")]


def _board_with_claim(claims: Claims, thop: int | None = 27_000_000_000):
    record = synthetic_record(1, "Net", (synthetic_split("valid", 3, 5.0),))
    flops = {"flops_official": 27_102_000_000, "flops_fvcore": 27_051_000_000, "flops_thop": thop}
    record = replace(
        record,
        counts=replace(record.counts, **flops),
        sidecar=replace(record.sidecar, claims=claims),
    )
    return build_board([boards.row(record)], protocols()["ntire2026"])


def _flops_cell(board):
    titles = [column.title for column in board.columns]
    return board.lines[0].cells[titles.index("FLOPs [G]")]


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
