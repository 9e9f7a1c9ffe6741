"""Ranking against what the challenges published."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import synthetic_record, synthetic_split

from esr.challenge.protocol import Protocol, PsnrGate, Track, protocols, read_protocol
from esr.rank.entrants import PUBLISHED, Choices
from esr.rank.figures import read_rows, robust_runtime
from esr.rank.ranking import Ranking, rank
from esr.records.official_results import official_entry
from esr.records.record import Failure
from esr.records.results_folder import Row
from esr.report.board import build_board

COSTS_2022 = {
    "time": ("valid_ave_runtime", "test_ave_runtime"),
    "params": ("num_parameters",),
    "flops": ("flops",),
    "acts": ("activations",),
    "mem": ("valid_memory",),
}


def _published_2022() -> list[dict[str, str]]:
    lines = (Path(__file__).parent / "published_2022.csv").read_text().splitlines()
    return list(csv.DictReader(lines[1:]))


def _row_2022(team: dict[str, str]) -> Row:
    official = {
        "valid_ave_psnr": float(team["val_psnr"]),
        "test_ave_psnr": float(team["test_psnr"]),
    }
    for name, keys in COSTS_2022.items():
        # Figures that are printed alike were not alike: their printed ranks say which is which.
        value = float(team[name]) + 1e-6 * int(team[f"{name}_rank"] or 0)
        official |= dict.fromkeys(keys, value)
    return Row(team["team"], official=official)


@pytest.fixture(scope="module")
def ranking_2022() -> Ranking:
    teams = _published_2022()
    # Another order than the published one: equal scores must not lean on it.
    return rank([_row_2022(team) for team in reversed(teams)], protocols()["ntire2022"])


def _places(ranking: Ranking, track: int) -> dict[str, tuple[int | None, float | None]]:
    return {
        standing.row.label: (placing.rank, placing.score.value if placing.score else None)
        for standing in ranking.standings
        for placing in [standing.placings[track]]
        if standing.section == "ranked"
    }


def test_the_sums_of_ranks_of_2022_come_out_ties_included(ranking_2022: Ranking) -> None:
    ranked = [team for team in _published_2022() if team["overall"]]
    runtime, complexity, overall = (_places(ranking_2022, track) for track in range(3))
    assert len(ranked) == len(overall) == 35
    for team in ranked:
        name = team["team"]
        assert runtime[name] == (
            int(team["time_rank"]),
            pytest.approx(float(team["time"]), abs=1e-4),
        )
        assert overall[name] == (int(team["overall_rank"]), int(team["overall"]))
        # The one pair of equal sums that was told apart in print; every other pair shares.
        printed = 9 if name == "Alpan Team" else int(team["complexity_rank"])
        assert complexity[name] == (printed, int(team["complexity"]))
    assert complexity["XPixel"] == complexity["NJUST_ESR"] == (1, 3)


def test_the_unranked_of_2022_are_those_below_the_gate(ranking_2022: Ranking) -> None:
    unranked = {s.row.label: s.reason for s in ranking_2022.standings if s.section == "unranked"}
    assert set(unranked) == {team["team"] for team in _published_2022() if not team["overall"]}
    assert unranked["VAP"] == "28.47 dB on DIV2K_test, 28.65 needed"


@pytest.fixture(scope="module")
def rows_2026(shared: Path) -> list[Row]:
    return read_rows(
        json.loads((shared / "reference" / "official_results_2026_head.json").read_text())
    )


SCORES_2026 = {
    "22_SPANV2_ESR_C2": "3.87",
    "01_PDS": "5.84",
    "16_PKDSR_FINAL_CKPT": "5.99",
    "18_DISP": "6.07",
    "15_DSCF_Fused": "7.20",
    "00_SPAN": "7.39",
    "20_ERRN2": "14.3",
    "17_AMCANet": "90.4",
    "10_HFENet": "4.8e+03",
    "21_SAFMN": "2.9e+14",
}
"""protocol.md, section 2."""


@pytest.mark.parametrize(("label", "printed"), SCORES_2026.items())
def test_the_scores_of_2026_come_out_to_the_printed_digits(
    rows_2026: list[Row], label: str, printed: str
) -> None:
    standings = rank(rows_2026, protocols()["ntire2026"]).standings
    (standing,) = [one for one in standings if one.row.label == label]
    score = standing.placings[0].score
    assert score is not None
    assert score.value is not None
    digits = f".{len(printed.split('e')[0].replace('.', ''))}{'g' if 'e' in printed else ''}"
    form = digits if "e" in printed else f".{len(printed.split('.')[1])}f"
    assert format(score.value, form) == printed
    assert score.log == pytest.approx(math.log(score.value), rel=1e-12)


def _failed(ranking: Ranking) -> set[str]:
    return {one.row.label for one in ranking.standings if one.gate.passed is False}


def test_the_gate_looks_at_two_decimals_and_without_them_five_more_fall_out(
    rows_2026: list[Row],
) -> None:
    protocol = protocols()["ntire2026"]
    printed = _failed(rank(rows_2026, protocol))
    assert printed == {"009_RFDN_SPAN", "21_SAFMN"}
    assert protocol.gate is not None
    raw = _failed(rank(rows_2026, replace(protocol, gate=replace(protocol.gate, decimals=None))))
    assert raw - printed == {
        "01_PDS",
        "04_ZenoSR",
        "         11_VSCINet",
        "15_DSCF_Fused",
        "17_AMCANet",
    }
    (pds,) = [one for one in rank(rows_2026, protocol).standings if one.row.label == "01_PDS"]
    assert pds.gate.val_margin_db == pytest.approx(26.8964 - 26.90, abs=5e-5)


def test_the_flops_track_of_2026_is_won_by_the_figure_that_is_too_low(rows_2026: list[Row]) -> None:
    ranking = rank(rows_2026, protocols()["ntire2026"])
    order = sorted(ranking.standings, key=lambda one: one.placings[2].rank or math.inf)
    assert [one.row.label for one in order[:2]] == ["22_SPANV2_ESR_C2", "04_ZenoSR"]


@pytest.mark.parametrize("year", ["ntire2024", "ntire2025", "ntire2026"])
def test_a_baseline_scores_exp_of_two_by_its_own_published_figures(year: str) -> None:
    protocol = protocols()[year]
    figures = protocol.baseline.published
    row = Row(
        "07_Copy",
        official={
            "valid_ave_psnr": figures["val_psnr_db"],
            "test_ave_psnr": figures["test_psnr_db"],
            "valid_ave_runtime": figures["ave_time_ms"],
            "test_ave_runtime": figures["ave_time_ms"],
            "num_parameters": figures["params_m"],
            "flops": figures["flops_g"],
        },
    )
    (standing,) = rank([row], protocol, Choices(baseline=PUBLISHED)).standings
    assert [f"{p.score.value:.4f}" for p in standing.placings if p.score and p.score.value] == [
        "7.3891"
    ] * 4
    assert [placing.rank for placing in standing.placings] == [1, 1, 1, 1]


def _entry(time_ms: float, params_m: float = 1.0, psnr: float = 27.0) -> dict[str, float]:
    return {
        "valid_ave_psnr": psnr,
        "test_ave_psnr": psnr,
        "valid_ave_runtime": time_ms,
        "test_ave_runtime": time_ms,
        "num_parameters": params_m,
        "flops": params_m,
        "activations": 1.0,
        "valid_memory": 1.0,
        "num_conv": 1,
    }


def test_without_its_baseline_a_single_figure_ranks_and_a_weighted_score_does_not() -> None:
    rows = read_rows({"01_A": _entry(2.0, 2.0), "02_B": _entry(1.0, 3.0)})
    ranking = rank(rows, protocols()["ntire2025"])
    assert ranking.baseline is None
    places = {one.row.label: [place.rank for place in one.placings] for one in ranking.standings}
    assert places == {"01_A": [None, 2, 1, 1], "02_B": [None, 1, 2, 2]}


def test_the_baseline_is_found_by_its_number_and_name_and_is_not_ranked() -> None:
    entries = {"00_EFDN_baseline": _entry(2.0), "41_EFDN": _entry(1.0), "0_other": _entry(3.0)}
    ranking = rank(read_rows(entries), protocols()["ntire2025"])
    assert ranking.baseline == "00_EFDN_baseline"
    ranks = {one.row.label: one.placings[0].rank for one in ranking.standings}
    assert ranks == {"41_EFDN": 1, "00_EFDN_baseline": None, "0_other": 2}
    assert [one.row.label for one in ranking.standings] == [
        "41_EFDN",
        "00_EFDN_baseline",
        "0_other",
    ]


def test_order_survives_where_the_exponential_overflows() -> None:
    entries = {"00_EFDN": _entry(1.0), "01_A": _entry(2000.0), "02_B": _entry(1000.0)}
    ranking = rank(read_rows(entries), protocols()["ntire2025"])
    scores = {one.row.label: one.placings[0].score for one in ranking.standings}
    assert scores["01_A"].value == scores["02_B"].value == math.inf
    # ln(0.7 exp(2x)) = 2x + ln 0.7 where the runtime outweighs everything else.
    assert scores["01_A"].log == pytest.approx(4000 + math.log(0.7))
    assert [one.row.label for one in ranking.standings][1:] == ["02_B", "01_A"]


def test_constraints_of_the_announcement_apply_only_when_asked_for() -> None:
    entries = {"00_EFDN": _entry(2.0, 1.0), "01_A": _entry(1.0, 1.5), "02_B": _entry(1.5, 0.9)}
    free, bound = (
        rank(read_rows(entries), protocols()["ntire2025"], Choices(constraints=constraints))
        for constraints in (False, True)
    )
    runtime_free = {one.row.label: one.placings[1].rank for one in free.standings}
    assert runtime_free == {"01_A": 1, "02_B": 2, "00_EFDN": None}
    runtime_bound = {one.row.label: one.placings[1] for one in bound.standings}
    assert runtime_bound["02_B"].rank == 1
    assert runtime_bound["01_A"].rank is None
    assert runtime_bound["01_A"].reason == "worse than the baseline in FLOPs, parameters"


def test_a_row_without_the_test_set_is_not_ranked_beside_rows_with_it() -> None:
    partial = {key: value for key, value in _entry(1.0).items() if not key.startswith("test")}
    entries = {"00_EFDN": _entry(2.0), "01_A": partial, "02_B": _entry(3.0)}
    ranking = rank(read_rows(entries), protocols()["ntire2025"])
    (unranked,) = [one for one in ranking.standings if one.section == "unranked"]
    assert (unranked.row.label, unranked.reason) == (
        "01_A",
        "not measured on the test set, as others were",
    )
    alone = rank(read_rows({"00_EFDN": partial, "01_A": partial}), protocols()["ntire2025"])
    assert alone.standings[0].placings[0].score.value == pytest.approx(math.exp(2))


@pytest.mark.parametrize("junk", [None, "fast", True, [1.0], float("nan"), float("inf"), 10**400])
def test_somebody_elses_junk_is_an_unknown_figure(junk: object) -> None:
    entries = {"00_EFDN": _entry(2.0), "01_A": _entry(1.0) | {"num_parameters": junk}}
    ranking = rank(read_rows(entries), protocols()["ntire2025"])
    (unranked,) = [one for one in ranking.standings if one.section == "unranked"]
    assert unranked.reason == "parameters not measured"


RULE_OF_2027 = """
flops_counter = "fvcore"
valid = ["DIV2K_LSDIR_valid"]
test = ["DIV2K_LSDIR_test"]

[gate]
val_psnr_db = 27.00
test_psnr_db = 27.00
decimals = 1

[baseline]
model_id = 0
name = "Invented"
published = { ave_time_ms = 5.0, activations_m = 50.0 }

[[tracks]]
name = "frugal"
score = "exponential"
terms = { ave_time_ms = 0.25, activations_m = 0.75 }

[[tracks]]
name = "light"
score = "rank_sum"
terms = { params_m = 2, num_conv = 1 }
"""


def test_a_rule_for_2027_is_one_file(tmp_path: Path) -> None:
    file = tmp_path / "ntire2027.toml"
    file.write_text(RULE_OF_2027)
    protocol = read_protocol(file)
    a = _entry(5.0) | {"activations": 100.0}
    b = _entry(10.0) | {"activations": 25.0, "num_conv": 2, "num_parameters": 0.5}
    low = _entry(1.0, psnr=26.94)
    ranking = rank(
        read_rows({"01_A": a, "02_B": b, "03_C": low}), protocol, Choices(baseline=PUBLISHED)
    )
    frugal = _places(ranking, 0)
    assert frugal["01_A"] == (2, pytest.approx(0.25 * math.exp(2) + 0.75 * math.exp(4)))
    assert frugal["02_B"] == (1, pytest.approx(0.25 * math.exp(4) + 0.75 * math.exp(1)))
    assert _places(ranking, 1) == {"02_B": (1, 2 * 1 + 2), "01_A": (2, 2 * 2 + 1)}
    assert _failed(ranking) == {"03_C"}


def _with_tracks(score: str, **terms: float) -> Protocol:
    track = Track("one", score, terms)  # type: ignore[arg-type]
    return replace(protocols()["ntire2025"], tracks=(track,), gate=PsnrGate(20.0, 20.0, 2))


def test_equal_figures_share_the_better_rank_and_the_next_one_is_skipped() -> None:
    rows = read_rows({f"{n:02}_X": _entry(time) for n, time in enumerate([3.0, 1.0, 2.0, 2.0], 1)})
    ranking = rank(rows, _with_tracks("figure", ave_time_ms=1))
    assert {s.row.label: s.placings[0].rank for s in ranking.standings} == {
        "02_X": 1,
        "03_X": 2,
        "04_X": 2,
        "01_X": 4,
    }


def _measured(number: int, name: str, low: float, mean: float, high: float) -> Row:
    split = synthetic_split("valid", 4, mean, interval_ms=(low, high))
    record = synthetic_record(number, name, (split,))
    return Row(record.label, record, official=official_entry(record, "fvcore"))


def test_who_overlaps_the_best_of_a_group_shares_its_tie() -> None:
    rows = [
        _measured(0, "SPAN", 9.9, 10.0, 10.1),
        _measured(1, "A", 4.9, 5.0, 5.1),
        _measured(2, "B", 5.05, 5.15, 5.25),
        _measured(3, "C", 5.2, 5.3, 5.4),
        _measured(4, "D", 7.0, 7.1, 7.2),
    ]
    ranking = rank(rows, protocols()["ntire2026"], Choices(runtime="robust"))
    overall = {one.row.label: one.placings[0] for one in ranking.standings}
    assert {label: (place.rank, place.ties) for label, place in overall.items()} == {
        "01_A": (1, (1,)),
        "02_B": (2, (1,)),
        "03_C": (3, ()),  # It overlaps the second, not the first.
        "04_D": (4, ()),
        "00_SPAN": (None, ()),
    }
    score = overall["01_A"].score
    # 0.8 exp(2 t / t_base) + 0.1 exp(2) + 0.1 exp(2), at the ends of the interval.
    assert math.exp(score.order.low) == pytest.approx(0.8 * math.exp(0.98) + 0.2 * math.exp(2))
    assert math.exp(score.order.high) == pytest.approx(0.8 * math.exp(1.02) + 0.2 * math.exp(2))


def test_a_single_run_has_no_interval_and_cannot_be_ranked_by_warm_runtimes() -> None:
    record = synthetic_record(1, "A", (synthetic_split("valid", 4, 5.0),))
    row = Row(record.label, record, official=official_entry(record, "fvcore"))
    (single,) = rank([row], protocols()["ntire2026"]).standings
    assert single.runtime is not None
    assert single.runtime.low == single.runtime.high == single.runtime.value
    (unranked,) = rank([row], protocols()["ntire2026"], Choices(runtime="robust")).standings
    assert unranked.section == "unranked"


def test_the_interval_of_two_sets_is_that_of_independent_errors() -> None:
    splits = (
        synthetic_split("valid", 4, 6.0, interval_ms=(5.7, 6.3)),
        synthetic_split("test", 4, 4.0, interval_ms=(3.6, 4.4)),
    )
    record = synthetic_record(1, "A", splits)
    runtime = robust_runtime(
        Row(record.label, record, official=official_entry(record, "fvcore")), True
    )
    assert runtime is not None
    assert runtime.value == pytest.approx(5.0)
    assert (runtime.low, runtime.high) == pytest.approx((4.75, 5.25))  # hypot(0.3, 0.4) / 2


def test_the_gate_is_not_judged_on_other_data_than_its_own() -> None:
    split = replace(synthetic_split("valid", 4, 5.0, psnr_db=20.0), dataset="demo")
    record = synthetic_record(1, "A", (split,))
    row = Row(record.label, record, official=official_entry(record, "fvcore"))
    (standing,) = rank([row], protocols()["ntire2026"]).standings
    assert standing.gate.passed is None
    assert standing.section == "ranked"


def test_another_scale_is_not_ranked() -> None:
    record = synthetic_record(13, "PRFDN", (synthetic_split("valid", 4, 5.0),))
    record = replace(record, sidecar=replace(record.sidecar, scale=2))
    row = Row(record.label, record, official=official_entry(record, "fvcore"))
    (standing,) = rank([row], protocols()["ntire2026"]).standings
    assert (standing.section, standing.reason) == ("unranked", "x2, the challenge is x4")


def test_a_failure_keeps_its_row_with_stage_and_reason() -> None:
    failure = Failure("05_X", 5, "timeout", "still running after 60 s", "2026-11-21")
    rows = [Row("05_X", failure=failure), *read_rows({"00_EFDN": _entry(1.0), "01_A": _entry(1.0)})]
    last = rank(rows, protocols()["ntire2025"]).standings[-1]
    assert (last.section, last.reason) == ("failed", "timeout: still running after 60 s")


def test_a_baseline_that_failed_this_time_lends_no_figures() -> None:
    failure = Failure("00_EFDN", 0, "crash", "killed", "2026-11-21")
    rows = [
        Row("00_EFDN", failure=failure, official=_entry(2.0)),
        *read_rows({"01_A": _entry(1.0), "02_B": _entry(2.0)}),
    ]
    ranking = rank(rows, protocols()["ntire2025"])
    assert [one.placings[0].rank for one in ranking.standings] == [None, None, None]


@pytest.mark.parametrize(
    "of_before", ["without the test set", "by another driver", "on other data"]
)
def test_a_baseline_that_failed_this_time_decides_nothing_about_others(of_before: str) -> None:
    splits = (synthetic_split("valid", 4, 5.0, 27.02), synthetic_split("test", 4, 5.0, 27.02))
    base, a, b = (synthetic_record(n, name, splits) for n, name in enumerate(("SPAN", "A", "B")))
    if of_before == "without the test set":
        base = replace(base, splits=splits[:1])
    elif of_before == "by another driver":
        base = replace(base, machine=replace(base.machine, driver="460.00"))
    else:
        base = replace(base, splits=tuple(replace(split, dataset="Set5") for split in splits))
    failure = Failure("00_SPAN", 0, "crash", "killed", "2026-11-21")
    rows = [Row(r.label, r, official=official_entry(r, "fvcore")) for r in (base, a, b)]
    ranking = rank([replace(rows[0], failure=failure), *rows[1:]], protocols()["ntire2026"])
    assert {s.row.label: s.reason for s in ranking.standings[:2]} == {"01_A": None, "02_B": None}
    assert ranking.with_test
    assert ranking.baseline_problem == "failed this time"


def test_sums_of_ranks_need_no_figure_of_the_baseline() -> None:
    """On a CPU nobody has GPU memory: what a baseline lacks of it costs no sum of ranks."""
    own = _without("valid_memory", valid_ave_psnr=29.3, test_ave_psnr=29.3)
    entries = dict.fromkeys(("-1_IMDN_baseline", "01_A", "02_B"), own)
    for choices in (Choices(), Choices(baseline=PUBLISHED)):
        ranking = rank(read_rows(entries), protocols()["ntire2022"], choices)
        assert ranking.baseline_problem is None
        places = {s.row.label: [p.rank for p in s.placings] for s in ranking.standings}
        assert places["01_A"] == [1, 1, None]
    board = build_board(read_rows(entries), protocols()["ntire2022"])
    assert "Nobody is ranked in overall: memory not measured" in board.remarks
    assert not any("scores are missing" in remark for remark in board.remarks)


def test_another_scale_is_the_reason_before_a_test_set_that_is_missing() -> None:
    valid, test = synthetic_split("valid", 4, 5.0, 27.02), synthetic_split("test", 4, 5.0, 27.02)
    whole = [synthetic_record(number, "A", (valid, test)) for number in (1, 2)]
    other = synthetic_record(13, "PRFDN", (valid,))
    other = replace(other, sidecar=replace(other.sidecar, scale=2))
    rows = [Row(r.label, r, official=official_entry(r, "fvcore")) for r in (*whole, other)]
    (unranked,) = [
        s for s in rank(rows, protocols()["ntire2026"]).standings if s.section == "unranked"
    ]
    assert unranked.reason == "x2, the challenge is x4"


def test_a_psnr_just_below_a_gate_of_all_digits_is_printed_as_that() -> None:
    protocol = protocols()["ntire2025"]
    protocol = replace(protocol, gate=PsnrGate(26.90, 26.99))
    entries = {"01_A": _entry(1.0) | {"valid_ave_psnr": 26.8999996, "test_ave_psnr": 27.0}}
    (standing,) = rank(read_rows(entries), protocol).standings
    # With four to six digits it would be 26.9000 dB, which is enough.
    assert standing.reason == "26.8999996 dB on DIV2K_LSDIR_valid, 26.90 needed"


def test_a_baseline_that_is_no_row_is_a_problem_and_no_crash() -> None:
    choices = Choices(baseline="77_Gone")
    ranking = rank(read_rows({"01_A": _entry(1.0)}), protocols()["ntire2025"], choices)
    assert ranking.baseline_problem == "is not among the rows"


def _all_but(keys: tuple[str, ...], official: dict[str, float]) -> dict[str, float]:
    return {key: value for key, value in official.items() if not key.startswith(keys)}


@pytest.mark.parametrize("odd", ["stale", "below the gate", "another scale"])
def test_who_cannot_be_ranked_does_not_decide_what_the_others_need(odd: str) -> None:
    valid = _all_but(("test",), _entry(1.0))
    rows = read_rows({"01_A": valid, "02_B": valid, "03_C": _entry(1.0, psnr=20.0)})
    if odd == "stale":
        rows[2] = replace(rows[2], failure=Failure("03_C", 3, "crash", "killed", "2026-11-21"))
    if odd == "another scale":
        record = synthetic_record(3, "C", (synthetic_split("valid", 2, 1.0),))
        record = replace(record, sidecar=replace(record.sidecar, scale=2))
        rows[2] = replace(rows[2], record=record)
    ranking = rank(rows, protocols()["ntire2025"])
    assert [s.row.label for s in ranking.standings if s.section == "ranked"] == ["01_A", "02_B"]
    assert not ranking.with_test


@pytest.mark.parametrize("key", ["valid_ave_psnr", "test_ave_psnr"])
@pytest.mark.parametrize("junk", [None, "27.5", float("nan"), float("-inf")])
def test_a_psnr_that_is_not_known_passes_no_gate(key: str, junk: object) -> None:
    ranking = rank(read_rows({"01_A": _entry(1.0) | {key: junk}}), protocols()["ntire2025"])
    assert ranking.standings[0].gate.passed is False
    assert ranking.standings[0].reason.startswith("no PSNR on DIV2K_LSDIR")


@pytest.mark.parametrize("time_ms", [0.0, -9.0])
def test_nobody_wins_with_a_runtime_that_cannot_be(time_ms: float) -> None:
    ranking = rank(
        read_rows({"01_A": _entry(time_ms), "02_B": _entry(1.0)}), protocols()["ntire2025"]
    )
    assert {s.row.label: s.placings[1].rank for s in ranking.standings} == {"02_B": 1, "01_A": None}


def test_the_baseline_does_not_compete_when_its_published_figures_serve(
    rows_2026: list[Row],
) -> None:
    protocol = protocols()["ntire2026"]
    measured, published = (
        rank(rows_2026, protocol),
        rank(rows_2026, protocol, Choices(baseline=PUBLISHED)),
    )
    for ranking in (measured, published):
        (span,) = [one for one in ranking.standings if one.row.label == "00_SPAN"]
        assert [placing.rank for placing in span.placings] == [None] * 4
    order = [[one.row.label for one in ranking.standings] for ranking in (measured, published)]
    assert order[0] == order[1]


def test_published_runtimes_of_the_same_sets_are_compared() -> None:
    protocol = protocols()["ntire2026"]
    figures = protocol.baseline.published
    own = _all_but(("test",), _entry(figures["val_time_ms"], figures["params_m"]))
    row = read_rows({"07_Copy": own | {"flops": figures["flops_g"]}})
    (standing,) = rank(row, protocol, Choices(baseline=PUBLISHED)).standings
    assert standing.placings[0].score.value == pytest.approx(math.exp(2))


def test_published_figures_bound_others_to_their_own_digits() -> None:
    entries = {"01_A": _entry(1.0, 0.151386), "02_B": _entry(1.0, 0.1516)}
    choices = Choices(baseline=PUBLISHED, constraints=True)
    ranking = rank(read_rows(entries), protocols()["ntire2026"], choices)
    reasons = {one.row.label: one.placings[1].reason for one in ranking.standings}
    assert reasons == {"01_A": None, "02_B": "worse than the baseline in parameters"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"flops": 0.0}, "has no FLOPs"),
        ({"flops": None}, "has no FLOPs"),
        ({"valid_ave_runtime": -1.0}, "has no runtime above 0 ms"),
    ],
)
def test_a_baseline_that_cannot_serve_says_why(change: dict[str, object], problem: str) -> None:
    entries = {"00_EFDN": _entry(2.0) | change, "01_A": _entry(1.0), "02_B": _entry(2.0)}
    ranking = rank(read_rows(entries), protocols()["ntire2025"])
    assert ranking.baseline_problem == problem
    assert {one.placings[0].rank for one in ranking.standings} == {None}


@pytest.mark.parametrize("flops", [1.7e308, 10**308, 1e-320])
def test_no_figure_however_odd_makes_a_score_that_is_no_number(flops: float) -> None:
    for odd in ("00_EFDN", "01_A"):
        entries = {name: _entry(1.0) for name in ("00_EFDN", "01_A", "02_B")}
        entries[odd] = entries[odd] | {"flops": flops}
        for standing in rank(read_rows(entries), protocols()["ntire2025"]).standings:
            for placing in standing.placings:
                assert (
                    placing.score is None or placing.score.value is None or placing.score.value > 0
                )
                if placing.rank is not None:
                    assert placing.score is not None
                    assert math.isfinite(placing.score.order.value)


def test_the_name_itself_is_the_baseline_not_one_that_begins_with_it() -> None:
    entries = {"00_EFDN_x": _entry(1.0), "00_EFDN": _entry(2.0), "01_A": _entry(2.0)}
    ranking = rank(read_rows(entries), protocols()["ntire2025"])
    assert ranking.baseline == "00_EFDN"


def _without(*keys: str, **changed: float) -> dict[str, object]:
    return {key: value for key, value in (_entry(1.0) | changed).items() if key not in keys}


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        # The test runtime of 1.00 ms stands beside it: what is missing is the other one.
        (_all_but(("valid",), _entry(1.0)), "validation runtime not measured"),
        (_without("valid_ave_runtime"), "validation runtime not measured"),
        (_without(valid_ave_runtime=math.nan), "validation runtime not measured"),
        (_without(valid_ave_runtime=0.0), "runtime above 0 ms not measured"),
        (_without(test_ave_runtime=-1.0), "runtime above 0 ms not measured"),
        (
            _without("valid_ave_runtime", "flops"),
            "validation runtime, FLOPs not measured",
        ),
    ],
)
def test_what_a_file_lacks_of_a_runtime_is_named(entry: dict[str, object], reason: str) -> None:
    ranking = rank(read_rows({"01_A": entry}), protocols()["ntire2025"])
    assert ranking.standings[0].reason == reason


def test_among_rows_of_the_validation_set_a_test_runtime_is_of_no_use() -> None:
    valid = _all_but(("test",), _entry(2.0))
    entries = {"01_A": valid, "02_B": valid, "03_C": _all_but(("valid",), _entry(1.0))}
    standings = rank(read_rows(entries), protocols()["ntire2025"]).standings
    reasons = {one.row.label: one.reason for one in standings}
    assert reasons == {"01_A": None, "02_B": None, "03_C": "validation runtime not measured"}


def test_without_repeats_it_is_the_warm_runtime_that_is_missing() -> None:
    ranking = rank(
        read_rows({"01_A": _entry(1.0)}), protocols()["ntire2025"], Choices(runtime="robust")
    )
    reason = ranking.standings[0].reason
    assert reason == "neither a steady nor a warm runtime: the results that were read hold none"


def test_a_baseline_of_the_test_set_alone_says_which_runtime_it_lacks() -> None:
    entries = {"00_EFDN": _all_but(("valid",), _entry(2.0)), "01_A": _entry(1.0)}
    ranking = rank(read_rows(entries), protocols()["ntire2025"])
    assert ranking.baseline_problem == "has no validation runtime"
