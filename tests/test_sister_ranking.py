"""The rules of the sister challenges, against what they have published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from harness import write_image
from synthetic import synthetic_record, synthetic_split

from esr.base.errors import UserError
from esr.challenge.protocol import BudgetGate, Protocol, Track, protocols, read_protocol
from esr.datasets.splits import DataRequest, find_splits
from esr.rank.figures import Quantity
from esr.rank.ranking import Ranking, rank
from esr.rank.scores import score_of
from esr.records.results_folder import Row

FIGURES = ("psnr_y_x4", "ssim_y_x4", "lpips", "dists", "niqe", "maniqa", "musiq", "clipiqa")
PERCEPTUAL = FIGURES[2:]
ROUNDED_P = 5e-5 * (4 + 0.1 + 0.01) + 5e-5
"""Half a unit of the last printed digit of LPIPS, DISTS, MANIQA and CLIP-IQA, of NIQE over 10 and
of MUSIQ over 100; and of the score itself."""
ROUNDED_INFRARED = 0.005 + 20 * 5e-5 + 5e-4
"""The same of PSNR, 20 times SSIM and their sum."""
TABLE_2025 = """
SamsungAICamera 1 3 33.46 0.9124 0.1681 0.0929 4.4089 0.3566 62.1058 0.4934 3.7692
SNUCV 24 1 22.53 0.6326 0.2113 0.1082 2.9635 0.4939 71.4919 0.7543 4.3472
BBox 2 4 31.97 0.8793 0.2082 0.1140 5.0643 0.3656 61.2975 0.5206 3.6706
MicroSR 22 2 26.34 0.7594 0.2340 0.1261 3.7380 0.3552 64.2008 0.6317 3.8950
XiaomiMM 3 5 31.93 0.8775 0.2144 0.1186 5.2336 0.3684 60.8244 0.5152 3.6355
NJU_MCG 4 11 31.19 0.8661 0.2255 0.1233 5.3914 0.3649 59.9235 0.4984 3.5747
X-L 5 13 31.15 0.8653 0.2276 0.1227 5.3885 0.3597 59.5546 0.4990 3.5652
Endeavour 6 12 31.15 0.8653 0.2269 0.1229 5.3787 0.3610 59.6981 0.4994 3.5697
CidautAi 20 6 30.48 0.8564 0.2029 0.0894 4.7080 0.3384 59.3074 0.4472 3.6157
KLETech-CEVI 7 7 31.13 0.8649 0.2264 0.1217 5.3118 0.3661 60.0893 0.5087 3.5964
JNU620 8 10 31.12 0.8647 0.2271 0.1212 5.3608 0.3587 59.6759 0.5048 3.5758
ACVLAB 14 8 30.82 0.8635 0.2302 0.1210 5.2777 0.3642 59.9242 0.5071 3.5916
CV_SVNIT 9 9 31.11 0.8647 0.2259 0.1224 5.3500 0.3619 59.8108 0.5010 3.5778
HyperPix 10 14 31.03 0.8633 0.2286 0.1238 5.3826 0.3593 59.5252 0.4982 3.5621
BVIVSR 11 15 30.99 0.8630 0.2288 0.1234 5.4281 0.3602 59.6739 0.4969 3.5588
AdaDAT 12 17 30.91 0.8605 0.2329 0.1256 5.4721 0.3584 59.1563 0.4968 3.5410
Junyi 13 19 30.91 0.8605 0.2364 0.1278 5.5369 0.3542 58.7826 0.4926 3.5167
ML_SVNIT 15 20 30.82 0.8589 0.2357 0.1268 5.4299 0.3497 58.4427 0.4831 3.5117
SAK_DCU 16 16 30.80 0.8595 0.2328 0.1268 5.3981 0.3551 59.2546 0.4937 3.5419
VAI-GM 17 18 30.76 0.8579 0.2366 0.1279 5.4573 0.3496 58.8017 0.4919 3.5193
QuantumRes 18 22 30.52 0.8523 0.2482 0.1330 5.6358 0.3386 56.9043 0.4754 3.4381
PSU 19 21 30.50 0.8528 0.2476 0.1296 5.5450 0.3404 57.6043 0.4801 3.4649
IVPLAB-sbu 21 23 26.74 0.8490 0.4512 0.1992 5.4675 0.3384 56.2507 0.4890 3.1927
MCMIR 23 24 24.53 0.7220 0.2624 0.1460 6.1282 0.2773 42.8159 0.3456 3.0298
"""
"""figs/results.png of NTIRE2025_ImageSR_x4, in its overall order: team, its ranks in the two
tracks, figures in the order of `FIGURES`, perceptual score."""


def _teams() -> list[list[str]]:
    return [line.split() for line in TABLE_2025.strip().splitlines()]


def _row(number: int, name: str, scores: dict[str, float]) -> Row:
    split = synthetic_split("test", 2, 10.0)
    images = tuple(replace(image, scores={"psnr": 30.0, **scores}) for image in split.images)
    valid = replace(synthetic_split("valid", 2, 10.0), images=images)
    record = synthetic_record(number, name, (valid, replace(split, images=images)))
    return Row(record.label, record=record, official=None)


@pytest.fixture(scope="module")
def ranking_2025() -> Ranking:
    rows = []
    for number, (name, rank_1, _, *figures, _) in enumerate(_teams()):
        scores = dict(zip(FIGURES, map(float, figures), strict=True))
        # PSNR that are printed alike were not alike: the printed ranks say which is better.
        scores["psnr_y_x4"] -= 1e-6 * int(rank_1)
        rows.append(_row(number, name, scores))
    return rank(rows[::-1], protocols()["ntire2025_sr_x4"])


def test_ranks_and_scores_of_2025_come_out_to_the_printed_digits(ranking_2025: Ranking) -> None:
    by_name = {s.row.label.partition("_")[2]: s for s in ranking_2025.standings}
    for name, rank_1, rank_2, *_, printed in _teams():
        restoration, perceptual, _ = by_name[name].placings
        assert (restoration.rank, perceptual.rank) == (int(rank_1), int(rank_2)), name
        assert perceptual.score is not None
        assert perceptual.score.value == pytest.approx(float(printed), abs=ROUNDED_P), name


def test_the_overall_order_of_2025_is_the_better_rank_and_then_the_mean(
    ranking_2025: Ranking,
) -> None:
    standings = {s.row.label.partition("_")[2]: s.placings[2] for s in ranking_2025.standings}
    order = sorted(standings, key=lambda name: standings[name].rank or 99)
    assert order == [name for name, *_ in _teams()]
    assert [standings[name].rank for name in order] == [*range(1, 25)]
    first = standings["SamsungAICamera"].score
    # Ranks 1 and 3 of 24: the better is 1, the mean 2.
    assert first is not None
    assert first.value == pytest.approx(1 + 2 / 25)


PUBLISHED_2026 = {
    "SamsungAICamera": (0.1493, 0.0648, 3.6155, 0.6320, 76.2912, 0.9660, "4.7853"),
    "KLETech-CEVI": (0.3456, 0.1748, 7.0526, 0.2654, 38.0155, 0.3897, "2.8096"),
}
MOBILE = Track(
    "mobile",
    "product",
    {"lpips": 1, "dists": 1, "clipiqa": 1, "maniqa": 1, "musiq": 0.01, "niqe": 0.1}
    | {"ave_time_ms": 0.2},
)
PUBLISHED_MOBILE = {
    "VIPSL": (0.3619, 0.1931, 3.474, 0.3798, 68.91, 0.8669, 113.85, "42.2125"),
    "TODSR": (0.3256, 0.1756, 2.954, 0.5450, 73.58, 0.8680, 1.00, "20.4241"),
}
INFRARED = Track("infrared", "weighted_sum", {"psnr_db": 1, "ssim": 20})
PUBLISHED_INFRARED = {
    "WHU-VIP": (35.96, 0.9236, "54.436"),
    "XJRes": (35.87, 0.9210, "54.292"),
    "NUDT_DeepIter": (35.55, 0.9172, "53.894"),
}


def _score(track: Track, figures: dict[str, float], base: dict[str, float] | None = None) -> float:
    own = {name: Quantity.exact(value) for name, value in figures.items()}
    reference = None if base is None else {n: Quantity.exact(v) for n, v in base.items()}
    score = score_of(track, own, [], reference)  # type: ignore[arg-type]
    assert score is not None
    assert score.value is not None
    return score.value


@pytest.mark.parametrize(("team", "row"), PUBLISHED_2026.items())
def test_the_perceptual_scores_of_2026(team: str, row: tuple[float | str, ...]) -> None:
    track = protocols()["ntire2026_sr_x4"].tracks[1]
    *figures, printed = row
    value = _score(track, dict(zip(PERCEPTUAL, figures, strict=True)))  # type: ignore[arg-type]
    assert f"{value:.4f}" == printed, team


@pytest.mark.parametrize(("team", "row"), PUBLISHED_MOBILE.items())
def test_the_product_with_a_speedup(team: str, row: tuple[float | str, ...]) -> None:
    *figures, speedup, printed = row
    own = dict(zip(PERCEPTUAL, figures, strict=True)) | {"ave_time_ms": 500 / float(speedup)}
    value = _score(MOBILE, own, {"ave_time_ms": 500.0})  # type: ignore[arg-type]
    # Printed figures have three or four digits, and the score is the power of their sum.
    assert value == pytest.approx(float(printed), rel=3e-4), team


@pytest.mark.parametrize(("team", "row"), PUBLISHED_INFRARED.items())
def test_a_sum_of_psnr_and_ssim(team: str, row: tuple[float, float, str]) -> None:
    value = _score(INFRARED, {"psnr_db": row[0], "ssim": row[1]})
    assert value == pytest.approx(float(row[2]), abs=ROUNDED_INFRARED), team


def test_niqe_above_10_costs_no_more_than_10() -> None:
    track = Track("n", "weighted_sum", {"niqe": 0.1})
    assert _score(track, {"niqe": 10.0}) == _score(track, {"niqe": 12.5}) == 0


def test_who_lacks_a_metric_has_no_rank_in_that_track_alone() -> None:
    whole = dict(zip(FIGURES, (30.0, 0.9, 0.2, 0.1, 5.0, 0.3, 60.0, 0.5), strict=True))
    lacking = {name: value for name, value in whole.items() if name != "musiq"}
    rows = [_row(1, "Whole", whole), _row(2, "Lacking", {**lacking, "psnr_y_x4": 31.0})]
    standings = rank(rows, protocols()["ntire2026_sr_x4"]).standings
    placings = {s.row.label: s.placings for s in standings}
    assert [placing.rank for placing in placings["02_Lacking"]] == [1, None, None]
    assert placings["02_Lacking"][1].reason == "MUSIQ not measured"
    assert placings["02_Lacking"][1].score is None
    assert [placing.rank for placing in placings["01_Whole"]] == [2, 1, 1]


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (BudgetGate(params_m=0.2), "0.25 M parameters, at most 0.2 M"),
        (BudgetGate(flops_g=10.0), "16.384 G FLOPs at 3x256x256, at most 10 G"),
        (BudgetGate(params_m=0.25, flops_g=17), None),
    ],
)
def test_a_budget_keeps_out_who_costs_more(budget: BudgetGate, reason: str | None) -> None:
    protocol = replace(protocols()["ntire2025_sr_x4"], budget=budget)
    record = synthetic_record(1, "A", (synthetic_split("valid", 2, 10.0),))
    images = tuple(
        replace(image, scores={"psnr": 30.0, "psnr_y_x4": 31.0})
        for image in record.splits[0].images
    )
    record = replace(record, splits=(replace(record.splits[0], images=images),))
    official = {"num_parameters": 0.25, "flops": 250_000 * 65536 / 1e9}
    (standing,) = rank([Row(record.label, record=record, official=official)], protocol).standings
    assert standing.reason == reason


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('score = "best_rank"\nterms = { psnr_db = 1 }', "best_rank takes groups of terms"),
        ('score = "product"\nterms = { lpips = 1 }', "takes ave_time_ms"),
        ('score = "rank_sum"\nterms = { lpips = 1 }', "less is better"),
        ('score = "best_rank"\nterms = { lpips = 1 }\nranked_apart = [["dists"]]', "each of the"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(line: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "own2027.toml"
    file.write_text(
        f'flops_counter = "official"\nvalid = ["A"]\ntest = ["B"]\n[[tracks]]\nname = "t"\n{line}\n'
    )
    with pytest.raises(UserError, match=complaint):
        rank([], read_protocol(file))


def test_the_files_say_what_their_challenges_are() -> None:
    known = protocols()
    for year in (2023, 2025, 2026):
        denoising = known[f"ntire{year}_dn50"]
        assert (denoising.scales, denoising.border(1), denoising.crop_px) == ((1,), 4, 8)
        assert denoising.noise is not None
        assert denoising.noise.sigma == 50
        assert denoising.call == "select_model"
    for year in (2025, 2026):
        sr = known[f"ntire{year}_sr_x4"]
        assert (sr.scales, sr.call, sr.noise) == ((4,), "main", None)
        assert set(sr.metrics) == {"psnr_y_x4", "ssim_y_x4"}
    assert all(_says_what_is_unknown(known[name]) for name in known if "_" in name)


def _says_what_is_unknown(protocol: Protocol) -> bool:
    return len(protocol.unknown) >= 3


@pytest.mark.parametrize(
    ("name", "request_", "files"),
    [
        ("ntire2025_dn50", {}, ("DIV2K_valid_HR/0801.png", "DIV2K_valid_noise50/0801.png")),
        (
            "ntire2023_dn50",
            {"hybrid_test": True},
            ("LSDIR_DIV2K_test_HR/0001.png", "LSDIR_DIV2K_test_LR/0001noise50.png"),
        ),
        ("ntire2026_sr_x4", {}, ("DIV2K_valid/HR/0801.png", "DIV2K_valid/LQ/0801x4.png")),
        ("ntire2026_sr_x4", {}, ("HR/0901.png", "LQ/0901x4.png")),
        ("ntire2025_sr_x4", {}, ("DIV2K_valid_HR/0801.png", "DIV2K_valid_LR/0801x4.png")),
    ],
)
def test_the_official_folders_are_found(
    name: str, request_: dict[str, bool], files: tuple[str, str], tmp_path: Path
) -> None:
    for file in files:
        write_image(tmp_path / file, np.zeros((16, 16, 3), np.uint8))
    protocol = protocols()[name]
    (split,) = find_splits(DataRequest(tmp_path, **request_), protocol, protocol.scales[0])
    (pair,) = split.pairs
    assert (pair.hr, pair.lr) == tuple(tmp_path / file for file in files)
