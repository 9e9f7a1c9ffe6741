"""Intervals and ties of ranks: cases worked by hand, properties, SciPy, challenges of known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from boards import record, row

from benchmarks.simulated_challenge import NoisyMachine, judge, simulate
from esr.challenge.protocol import protocols
from esr.rank.entrants import Choices
from esr.rank.image_draws import place_by_images
from esr.rank.process_noise import digamma, moderate, trigamma
from esr.rank.rank_intervals import group, place
from esr.rank.ranking import Placing, rank
from esr.rank.runtime_draws import draw_runtimes
from esr.rank.runtimes import RUNTIMES, read_processes
from esr.records.record import Record
from esr.records.results_folder import Row
from esr.records.split_result import ProcessTiming
from esr.report.board import build_board
from esr.report.estimator_table import compare_estimators
from esr.report.ranking_columns import format_rank

RULES = protocols()["ntire2026"]


def _places(rows: list[Row], runtime: str = "robust", seed: int = 0) -> dict[str, Placing]:
    standings = rank(rows, RULES, Choices(runtime=runtime, seed=seed)).standings
    return {standing.row.label: standing.placings[0] for standing in standings}


def test_challenges_of_known_truth_keep_what_the_intervals_promise() -> None:
    tallies = [judge(NoisyMachine(), seed) for seed in range(12)]
    covered, places, tied, copies, separated, apart = (
        sum(column) for column in zip(*(vars(tally).values() for tally in tallies), strict=True)
    )
    assert covered / places >= 0.93
    # Of 48 and 96 pairs, three standard errors below 0.95: the benchmark judges 500 challenges.
    assert tied / copies >= 0.85
    assert separated / apart >= 0.85


def test_the_order_of_the_rows_changes_nothing() -> None:
    rows = simulate(NoisyMachine(), 0)
    assert _places(rows) == _places(rows[::-1])


def test_another_seed_draws_anew_and_the_same_seed_the_same() -> None:
    rows = simulate(NoisyMachine(), 0)
    frequencies = [
        {label: placing.frequencies for label, placing in _places(rows, seed=seed).items()}
        for seed in (0, 0, 1)
    ]
    assert frequencies[0] == frequencies[1] != frequencies[2]


def test_a_clock_of_another_unit_changes_no_relative_runtime() -> None:
    random = np.random.default_rng(0)
    samples = {
        label: [(random.uniform(1, 2, (5, 4)),) for _ in range(3)] for label in ("a", "b", "c")
    }
    larger = {label: [(8 * part,) for (part,) in parts] for label, parts in samples.items()}
    one, other = (draw_runtimes(found, RUNTIMES["warm"]) for found in (samples, larger))
    for label, drawn in one.items():
        assert other[label] == pytest.approx(8 * drawn, rel=1e-9)


def test_two_submissions_whose_processes_never_cross_are_certain() -> None:
    # 3 against 1 with noise of 0.01: every draw of the one is above every draw of the other.
    random = np.random.default_rng(0)
    drawn = np.stack([3 + 0.01 * random.normal(size=2000), 1 + 0.01 * random.normal(size=2000)], 1)
    slow, fast = place(np.array([3.0, 1.0]), drawn)
    assert (slow.low, slow.high, slow.ties, slow.frequencies) == (2, 2, (), (0.0, 1.0))
    assert (fast.low, fast.high, fast.ties, fast.frequencies) == (1, 1, (), (1.0, 0.0))


def test_equal_scores_tie_and_may_both_stand_anywhere() -> None:
    random = np.random.default_rng(0)
    first, second = place(np.zeros(2), random.normal(size=(2000, 2)))
    assert (first.low, first.high, first.ties) == (1, 2, (1,)) == (second.low, second.high, (1,))
    assert first.frequencies == pytest.approx((0.5, 0.5), abs=0.04)


def test_two_share_a_letter_if_and_only_if_their_order_is_open() -> None:
    # By hand: 0-1 and 1-2 are open, 0-2 is not, 3 is alone: ab is 1's, a is 0's, b is 2's.
    pairs = {(0, 1), (1, 2)}
    is_open = [[a == b or (a, b) in pairs or (b, a) in pairs for b in range(4)] for a in range(4)]
    assert group(is_open, [0, 1, 2, 3]) == [(1,), (1, 2), (2,), ()]


def test_the_variance_of_a_mean_over_processes_is_that_of_scipys_bootstrap() -> None:
    """Where every process has one round, less the (N - 1) / N that a plain bootstrap loses."""
    bootstrap = pytest.importorskip("scipy.stats").bootstrap
    figures = np.array([10.0, 10.1, 9.9, 10.05, 9.95, 10.2, 9.8, 10.02, 9.98, 10.0])
    (drawn,) = draw_runtimes(
        {"a": [(np.full((4, 1), ms),) for ms in figures]}, RUNTIMES["official"], draws=20000
    ).values()
    plain = bootstrap(
        (figures,), np.mean, n_resamples=20000, rng=np.random.default_rng(1), vectorized=True
    )
    # Student's t of 9 degrees of freedom has a variance of 9 / 7.
    expected = plain.standard_error * np.sqrt(10 / 9) * np.sqrt(9 / 7)
    assert drawn.std() == pytest.approx(expected, rel=0.05)


def test_digamma_and_trigamma_are_scipys() -> None:
    special = pytest.importorskip("scipy.special")
    for x in (0.5, 1.0, 1.5, 2.0, 7.3, 40.0):
        assert digamma(x) == pytest.approx(special.digamma(x), rel=1e-9)
        assert trigamma(x) == pytest.approx(special.polygamma(1, x), rel=1e-9)


def test_like_variances_are_pooled_and_unlike_ones_kept_apart() -> None:
    # Alike to the digit: the mean of 1 and 1, known by all four degrees of freedom.
    variances, freedoms = moderate([1.0, 1.0], [2, 2])
    assert variances.tolist() == [1.0, 1.0]
    assert freedoms.tolist() == [4.0, 4.0]
    variances, _ = moderate([1e-6, 1e-6, 1.0, 1.0], [4, 4, 4, 4])
    assert variances[0] < 1e-3
    assert variances[3] > 0.1


def _in_processes(measured: Record, factors: tuple[float, ...]) -> Record:
    splits = tuple(
        replace(
            split,
            processes=tuple(
                ProcessTiming(tuple(factor * image.runtime_ms for image in split.images))
                for factor in factors
            ),
        )
        for split in measured.splits
    )
    return replace(measured, splits=splits)


def test_several_processes_rank_by_their_mean_and_show_intervals() -> None:
    # First process: 5.0 against 5.1. Mean of three: 5.0 (1 + 1.1 + 1.1) / 3 = 5.33 against 5.1.
    slower = _in_processes(record(1, "A", 5.0, 27.02), (1.1, 1.1))
    faster = _in_processes(record(2, "B", 5.1, 27.02), (1.0, 1.0))
    base = _in_processes(record(0, "SPAN", 8.0, 27.02), (1.0, 1.0))
    board = build_board([row(made) for made in (base, slower, faster)], RULES)
    runtime = board.ranking.protocol.tracks.index(
        next(track for track in RULES.tracks if track.name == "runtime")
    )
    standings = {standing.row.label: standing for standing in board.ranking.standings}
    assert standings["01_A"].runtime.value == pytest.approx(5 * 3.2 / 3)
    assert standings["01_A"].placings[runtime].rank == 2
    assert format_rank(standings["01_A"], runtime) == "2a [1-2]"
    assert any("95 % interval of a rank" in remark for remark in board.remarks)


def test_of_one_process_it_says_that_intervals_cannot_be_known() -> None:
    rows = [row(record(n, name, ms, 27.02)) for n, name, ms in ((0, "SPAN", 8.0), (1, "A", 5.0))]
    rows.append(row(record(2, "B", 6.0, 27.02)))
    board = build_board(rows, RULES)
    assert all(placing.interval is None for s in board.ranking.standings for placing in s.placings)
    assert sum("Rank intervals cannot be known" in remark for remark in board.remarks) == 1


def _official(label: str, times: list[float]) -> Row:
    mean = sum(times) / len(times)
    entry = {"valid_ave_psnr": 27.0, "test_ave_psnr": 27.0, "num_parameters": 1.0, "flops": 1.0}
    for role in ("valid", "test"):
        entry |= {f"{role}_runtime": times, f"{role}_ave_runtime": mean}
    return Row(label, official=entry)


def test_places_move_with_the_first_image_and_with_the_median() -> None:
    # Mean: A 40 / 4 = 10, B 24 / 4 = 6. Without the first: A 3 / 3 = 1, B 6. Median: A 1, B 6.
    rows = [
        _official("00_SPAN", [8.0, 8.0, 8.0, 8.0]),
        _official("01_A", [37.0, 1.0, 1.0, 1.0]),
        _official("02_B", [6.0, 6.0, 6.0, 6.0]),
    ]
    table = compare_estimators(rank(rows, RULES))
    assert table.titles == ("official", "official, median", "no first image", "no first, median")
    places = {label: [place.split()[0] for place in places] for label, places in table.rows}
    assert places == {"01_A": ["2", "1", "1", "1"], "02_B": ["1", "2", "2", "2"]}
    assert "one process" in table.note


def test_images_drawn_anew_are_the_same_for_everybody() -> None:
    # B takes 1 % more for every image, so no choice of images puts it first.
    times = [float(ms) for ms in range(5, 45)]
    rows = [
        _official("00_SPAN", times),
        _official("01_A", times),
        _official("02_B", [1.01 * ms for ms in times]),
    ]
    assert place_by_images(rank(rows, RULES), 1) == {"01_A": (1, 1), "02_B": (2, 2)}


def test_a_process_without_the_test_set_does_not_count() -> None:
    made = _in_processes(record(1, "A", 5.0, 27.02), (1.1, 1.2))
    valid, test = made.splits
    fewer = replace(made, splits=(valid, replace(test, processes=test.processes[:1])))
    counts = [
        len(read_processes(row(one), RUNTIMES["official"], with_test=True)) for one in (made, fewer)
    ]
    assert counts == [3, 2]


@pytest.mark.filterwarnings("error")
def test_scores_beyond_floats_are_silently_uncertain() -> None:
    scores = np.array([0.0, 1.0, 2.0, 1e200])
    drawn = np.exp(np.random.default_rng(0).normal(0, 200, (500, 4)))  # Their squares overflow.
    drawn[:, 0] = 0
    assert [(one.low, one.high) for one in place(scores, drawn)][1:] == [(1, 4)] * 3


@pytest.mark.filterwarnings("error")
def test_of_two_processes_that_disagree_and_one_alone_every_draw_is_a_number() -> None:
    sure, alone = ([(np.full((4, 3), ms),) for ms in figures] for figures in ((300, 700), (915,)))
    for seed in range(20):
        drawn = draw_runtimes({"sure": sure, "alone": alone}, RUNTIMES["warm"], seed)
        assert all(np.isfinite(each).all() and (each > 0).all() for each in drawn.values())
        # Of one degree of freedom, half of Cauchy's distribution is within one deviation: a median
        # is where it was.
        assert np.median(drawn["alone"]) == pytest.approx(915, rel=0.1)
