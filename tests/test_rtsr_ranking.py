"""Tracks of the Real-Time challenge: who competes where, and with which P0."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from boards import record as esr_record
from boards import row

from esr.base.errors import UserError
from esr.challenge.fixed_input import Calls, FixedInput, FixedInputRun
from esr.challenge.protocol import Track, protocols, read_protocol
from esr.rank.ranking import Placing, Ranking, rank
from esr.records.record import Record
from esr.records.results_folder import Row
from esr.records.split_result import ImageResult
from esr.report.board import build_board

RTSR = protocols()["rtsr2023"]
TRACKS = [track.name for track in RTSR.tracks]


def _record(
    number: int, psnr_db: float, ms: float, scale: int = 2, dataset: str = "NTIRE234K"
) -> Record:
    made = esr_record(number, f"Net{number}", 1.0, 30.0)
    images = (ImageResult("1.png", 1.0, {"psnr": psnr_db, "psnr_rgb": psnr_db}),)
    split = replace(made.splits[0], dataset=dataset, images=images, bicubic_psnr_db=33.0)
    size = (3, 3840 // scale, 2160 // scale)
    run = FixedInputRun("torch.float16", 50, (ms,) * 244)
    slower = replace(run, dtype="torch.float32", samples_ms=(9 * ms,) * 244)
    fixed = FixedInput(size, Calls(50, 244), size, (slower, run))
    sidecar = replace(made.sidecar, scale=scale)
    return replace(made, splits=(split,), fixed_input=fixed, sidecar=sidecar)


def _ranking(*records: Record) -> Ranking:
    return rank([row(one) for one in records], RTSR)


def _placing(ranking: Ranking, number: int, track: str) -> Placing:
    (found,) = [s for s in ranking.standings if s.row.label == f"{number:02d}_Net{number}"]
    return found.placings[TRACKS.index(track)]


def _score(placing: Placing) -> float | None:
    return placing.score.value if placing.score else None


def test_published_scores_come_out_with_the_published_p0(shared: Path) -> None:
    cases = json.loads((shared / "networks" / "golden" / "rtsr_protocol.json").read_text())
    tracks = {33.916: ("x2 final", "NTIRE234K"), 31.697655: ("x2 validation", "RTSR_valid")}
    for case in cases["scores"]:
        track, dataset = tracks[case["bicubic"]]
        one = _record(1, case["psnr"], case["runtime_ms"], dataset=dataset)
        score = _score(_placing(_ranking(one), 1, track))
        assert score == pytest.approx(case["score"], abs=1e-12)


def test_half_precision_is_scored_and_the_highest_score_is_first() -> None:
    ranking = _ranking(_record(1, 34.22, 7.09), _record(2, 34.24, 26.89), _record(3, 32.0, 1.0))
    assert [s.row.label[:2] for s in ranking.standings] == ["01", "02", "03"]
    assert [_placing(ranking, n, "x2 final").rank for n in (1, 2, 3)] == [1, 2, 3]
    assert _score(_placing(ranking, 1, "x2 final")) == pytest.approx(9.272994, abs=1e-6)
    # Worse than bicubic: zero, however fast.
    assert _score(_placing(ranking, 3, "x2 final")) == 0
    # P0 as measured, 33 dB here: d grows by 0.916 dB.
    assert _score(_placing(ranking, 1, "x2")) == pytest.approx(9.272994 * 2**0.916, abs=1e-5)


def test_each_scale_and_each_data_set_has_its_track() -> None:
    ranking = _ranking(_record(1, 34.0, 9.0), _record(2, 32.0, 9.0, scale=3, dataset="mine"))
    assert all(standing.section == "ranked" for standing in ranking.standings)
    assert _placing(ranking, 1, "x3").reason == "x2, this track is x3"
    assert _placing(ranking, 2, "x2").reason == "x3, this track is x2"
    assert _placing(ranking, 2, "x3").rank == 1
    final = _placing(ranking, 2, "x3 final")
    assert (final.rank, final.score) == (None, None)
    assert final.reason == "measured on mine, this track is about NTIRE234K"


def test_without_the_challenges_input_there_is_no_score() -> None:
    one = _record(1, 34.0, 9.0)
    assert one.fixed_input is not None
    small = replace(one, fixed_input=replace(one.fixed_input, input_size=(3, 24, 24)))
    turned = replace(one, fixed_input=replace(one.fixed_input, input_size=(3, 1080, 1920)))
    assert _score(_placing(_ranking(turned), 1, "x2")) == _score(_placing(_ranking(one), 1, "x2"))
    (standing,) = _ranking(small).standings
    assert standing.section == "unranked"
    asked = "the challenge asks for 3x1920x1080 (leave out --runtime_size)"
    assert standing.reason == f"its fixed input was 3x24x24, {asked}"


def test_efficient_sr_networks_and_others_results_are_not_ranked() -> None:
    rows = [row(esr_record(1, "Four", 5.0, 27.0)), Row("02_Foreign", official={"flops": 1.0})]
    ranking = rank(rows, RTSR)
    reasons = {s.row.label: s.reason for s in ranking.standings}
    assert reasons["01_Four"] == "x4, the challenge is x2 and x3"
    assert reasons["02_Foreign"] is not None
    assert "RGB PSNR" in reasons["02_Foreign"]


def test_the_board_shows_score_frame_rate_and_what_was_done_differently() -> None:
    one = _record(1, 34.24, 26.89)
    assert one.fixed_input is not None
    half = one.fixed_input.runs[1]
    fewer = replace(one.fixed_input, runs=(replace(half, samples_ms=(26.89,) * 3),))
    made = build_board([row(replace(one, fixed_input=fewer))], RTSR)
    cells = zip(made.columns, made.lines[0].cells, strict=True)
    values = {column.title: cell.text for column, cell in cells}
    assert values["Score x2 final"] == "4.828"
    assert (values["Input Time [ms]"], values["Input FPS"]) == ("26.89", "37.2")
    assert any("mean of 3 calls after 50, not of 244" in remark for remark in made.remarks)
    assert not any("baseline" in remark for remark in made.remarks)


def test_the_protocol_file_says_every_p0() -> None:
    told = {track.name: track.bicubic_psnr_db for track in RTSR.tracks}
    assert told == {
        **{"x2": None, "x3": None, "x2 final": 33.916, "x3 final": 31.302},
        "x2 validation": 31.697655,
    }
    assert RTSR.border(2) == RTSR.border(3) == 0
    assert protocols()["ntire2023"].border(4) == 4


def test_a_p0_without_its_data_set_is_refused(root: Path, tmp_path: Path) -> None:
    text = (root / "esr" / "challenge" / "protocols" / "rtsr2023.toml").read_text()
    file = tmp_path / "own.toml"
    file.write_text(text.replace('dataset = "RTSR_valid"\n', ""))
    with pytest.raises(UserError, match="which is missing"):
        read_protocol(file)


def test_figures_of_which_more_is_better_need_a_formula_that_knows_it() -> None:
    wrong = replace(RTSR, tracks=(Track("all", "rank_sum", {"psnr_rgb_db": 1.0}),))
    with pytest.raises(UserError, match="less is better"):
        rank([], wrong)
