"""A disqualified row stands below the line with its reason, and nobody is ranked by it."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import boards
import pytest

from esr.challenge.protocol import Protocol, protocols
from esr.rank.entrants import Choices
from esr.rank.ranking import rank
from esr.records.record import Failure
from esr.records.results_folder import Row, Store
from esr.records.split_result import ProcessTiming
from esr.report.board import build_board
from esr.report.figure_points import list_axes, list_points, split_score
from esr.report.latex_table import render_latex
from esr.tools.leaderboard import main as leaderboard
from esr.tools.rows_command import main

PROTOCOL = protocols()["ntire2026"]
REASON = "keeps its outputs | in a dictionary, 50 %"
CHEAT = "03_Net"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The baseline, then who is the faster the higher the number."""
    store = Store(tmp_path / "results", PROTOCOL)
    store.open()
    store.save(boards.record(0, "SPAN", 8.0, 27.02))
    for number in (1, 2, 3):
        store.save(boards.record(number, "Net", 7.0 - number, 27.02))
    return tmp_path / "results"


def in_csv(results: Path) -> dict[str, dict[str, str]]:
    with (results / "leaderboard.csv").open(newline="") as file:
        return {row["Model"]: row for row in csv.DictReader(file)}


def ranks(results: Path) -> dict[str, str]:
    track = PROTOCOL.tracks[0].name
    return {name: row[f"Rank {track}"] for name, row in in_csv(results).items()}


def test_a_disqualified_row_stands_below_the_line_with_its_reason(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(results), "--show", CHEAT]) == 0
    assert ranks(results) == {"00_SPAN": "", CHEAT: "1", "02_Net": "2", "01_Net": "3"}
    capsys.readouterr()
    assert main([str(results), "--disqualify", CHEAT, "--reason", REASON]) == 0
    said = capsys.readouterr().out
    assert f"{CHEAT} is disqualified: below the line" in said
    assert f"with the reason: {REASON} (--reinstate" in said
    # As after every other ranking, whoever makes it, and with what was measured again.
    Store(results, PROTOCOL).save(boards.record(3, "Net", 3.5, 27.02))
    assert leaderboard([str(results)]) == 0
    assert f"{CHEAT} is not ranked: disqualified: {REASON}" in capsys.readouterr().out
    assert ranks(results) == {"00_SPAN": "", "02_Net": "1", "01_Net": "2", CHEAT: ""}
    row = in_csv(results)[CHEAT]
    assert row["Not ranked because"] == f"disqualified: {REASON}"
    assert float(row["Val Time [ms]"]) == 3.5
    assert {row[title] for title in row if title.startswith(("Score ", "Rank ", "ln "))} == {""}

    markdown = (results / "leaderboard.md").read_text()
    below = markdown.partition("## Not ranked")[2].partition("## Remarks")[0]
    assert r"disqualified: keeps its outputs \| in a dictionary, 50 %" in below
    latex = (results / "leaderboard.tex").read_text()
    assert latex.index("02\\_Net") < latex.index("03\\_Net")
    assert r"disqualified: keeps its outputs $|$ in a dictionary, 50 \%" in latex
    page = (results / "report.html").read_text()
    assert f'title="{REASON}">disqualified<' in page
    # The official files keep every official key, and say it as far as they can.
    official = json.loads((results / "results.json").read_text())
    assert official[CHEAT].pop("disqualified") == REASON
    assert official[CHEAT].keys() == official["02_Net"].keys()
    *_, last = (results / "results.txt").read_text().splitlines()
    assert last.startswith(f"{CHEAT} (disqualified)")

    assert main([str(results), "--reinstate", CHEAT]) == 0
    assert f"{CHEAT} is ranked again" in capsys.readouterr().out
    assert ranks(results) == {"00_SPAN": "", CHEAT: "1", "02_Net": "2", "01_Net": "3"}
    assert "disqualified" not in (results / "results.json").read_text()


def test_the_file_of_somebody_who_disqualified_is_ranked_so(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An official `results.json` alone, without the folder that it lay in."""
    Store(results, PROTOCOL).disqualified.add([CHEAT], REASON)
    assert main([str(results), "--show", CHEAT]) == 0
    lone = tmp_path / "elsewhere" / "results.json"
    lone.parent.mkdir()
    lone.write_bytes((results / "results.json").read_bytes())
    assert leaderboard([str(lone)]) == 0
    assert f"{CHEAT} is not ranked: disqualified: {REASON}" in capsys.readouterr().out


def rows_of(*disqualified: str) -> list[Row]:
    named = (("SPAN", 8.0), ("Fast", 5.0), ("Slow", 7.0))
    rows = [
        boards.row(boards.record(number, name, ms, 27.02))
        for number, (name, ms) in enumerate(named)
    ]
    return [replace(row, disqualified="x" if row.label in disqualified else None) for row in rows]


def test_others_have_the_scores_and_charts_that_they_have_without_it() -> None:
    ranking = rank(rows_of("01_Fast"), PROTOCOL)
    alone = rank([row for row in rows_of() if row.label != "01_Fast"], PROTOCOL)
    standings = {standing.row.label: standing for standing in ranking.standings}
    for other in alone.standings:
        assert standings[other.row.label].placings == other.placings
    assert standings["01_Fast"].section == "unranked"
    assert {placing.score for placing in standings["01_Fast"].placings} == {None}
    board = build_board(rows_of("01_Fast"), PROTOCOL)
    assert {point.name for point in list_points(board, list_axes(board))} == {"00_SPAN", "02_Slow"}
    assert split_score(standings["01_Fast"], ranking) == {}
    assert split_score(standings["02_Slow"], ranking) != {}


def test_a_disqualified_baseline_lends_its_noise_to_nobody() -> None:
    """How much its processes differ is in no interval of the others."""

    def measure(row: Row, *factors: float) -> Row:
        assert row.record is not None
        splits = [
            replace(
                split,
                processes=tuple(
                    ProcessTiming(tuple(factor * image.runtime_ms for image in split.images))
                    for factor in factors
                ),
            )
            for split in row.record.splits
        ]
        made = boards.row(replace(row.record, splits=tuple(splits)))
        return replace(made, disqualified=row.disqualified)

    base, *others = rows_of("00_SPAN")
    others = [measure(row, 1.01, 0.99) for row in others]
    wild = rank([measure(base, 3.0, 0.2), *others], PROTOCOL, Choices(baseline="00_SPAN"))
    alone = rank(others, PROTOCOL)
    runtimes = [
        {s.row.label: s.runtime for s in ranking.standings if s.row.label != "00_SPAN"}
        for ranking in (wild, alone)
    ]
    assert runtimes[0] == runtimes[1]
    assert all(runtime and runtime.low < runtime.high for runtime in runtimes[0].values())


def test_who_failed_this_time_has_no_bar_of_a_score_and_no_part_in_the_front() -> None:
    """Its figures are of another session: no table has a score of it either."""
    failure = Failure("x", 1, "crash", "killed", "2026-11-21")
    base, fast, slow = rows_of()
    board = build_board([base, replace(fast, failure=failure), slow], PROTOCOL)
    (failed,) = [s for s in board.ranking.standings if s.row.label == "01_Fast"]
    assert split_score(failed, board.ranking) == {}
    board = build_board([replace(base, failure=failure), fast, slow], PROTOCOL)
    groups = {point.name: point.group for point in list_points(board, list_axes(board))}
    assert groups == {"00_SPAN": "failed since", "01_Fast": "ranked", "02_Slow": "ranked"}


@pytest.mark.parametrize("choices", [Choices(), Choices(baseline="00_SPAN")])
def test_a_disqualified_baseline_is_told_in_a_line(choices: Choices) -> None:
    board = build_board(rows_of("00_SPAN"), PROTOCOL, choices)
    standings = {standing.row.label: standing for standing in board.ranking.standings}
    assert standings["00_SPAN"].section == "unranked"
    assert {placing.score for placing in standings["01_Fast"].placings[:1]} == {None}
    about = [str(remark) for remark in board.remarks if "disqualified" in remark]
    assert (
        "Rules of ntire2026; baseline: 00_SPAN; scores are missing, since it is disqualified."
        in (about)
    )


def test_the_reason_counts_more_than_the_gate() -> None:
    """Who is below it as well is not said to be unranked for that alone."""
    poor = boards.row(boards.record(3, "Poor", 4.0, 26.0))
    latex = render_latex(build_board([*rows_of(), replace(poor, disqualified="x y z")], PROTOCOL))
    assert "disqualified: x y z" in latex


def test_who_disqualifies_the_baseline_is_told(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(results), "--disqualify", "00_SPAN", "--reason", "wrong weights"]) == 0
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "00_SPAN is the baseline of ntire2026: there are no scores without it" in said


def test_a_disqualified_row_that_fails_or_is_removed(results: Path) -> None:
    store = Store(results, PROTOCOL)
    store.disqualified.add([CHEAT], REASON)
    store.save(Failure(CHEAT, 3, "load", "no file", "2026-11-21"))
    (row,) = [row for row in store.rows() if row.label == CHEAT]
    assert (row.disqualified, row.is_believed) == (REASON, False)
    store.remove([CHEAT])
    assert store.disqualified.read() == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--disqualify", CHEAT], "no reason is given"),
        (["--disqualify", CHEAT, "--reason", "  "], "no reason is given"),
        (["--disqualify", CHEAT, "--reason", "x" * 301], "301 characters"),
        (["--reason", "slow"], "nobody is disqualified"),
        (["--disqualify", "3_Nett", "--reason", "x"], "did you mean"),
        (["--disqualify", CHEAT, "--reinstate", CHEAT, "--reason", "x"], "--reinstate too"),
        (["--hide", CHEAT, "--show", CHEAT], "--show too"),
        (["--hide", CHEAT, "--remove", CHEAT], "--remove too"),
    ],
)
def test_mistakes_cost_a_line_and_change_nothing(
    results: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    before = (results / "results.json").read_bytes()
    assert main([str(results), *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert (results / "results.json").read_bytes() == before
    assert not [*results.glob("disqualified.json"), *results.glob("hidden.json")]


@pytest.mark.parametrize("content", ["", "[1]", '{"03_Net": 3}', '{"03_Net": null}'])
def test_a_damaged_file_is_a_line_and_loses_nothing(
    results: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (results / "disqualified.json").write_text(content)
    assert leaderboard([str(results)]) == 2
    error = capsys.readouterr().err
    assert "disqualified.json" in error
    assert len(error.splitlines()) == 1
    assert (results / "records" / f"{CHEAT}.json").is_file()


def test_hiding_says_what_it_did(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(results), "--hide", CHEAT, "02_Net"]) == 0
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert f"{CHEAT} is hidden: it is in no table" in said
    assert "--show 02_Net takes it back" in said
    assert main([str(results), "--show", CHEAT, "01_Net"]) == 0
    said = capsys.readouterr().out
    assert f"{CHEAT} is in every table again" in said
    assert "01_Net was not hidden" in said


def test_a_reason_is_shown_as_one_line(results: Path) -> None:
    reason = "two\nlines \x1b[31m \udcff"
    assert main([str(results), "--disqualify", CHEAT, "--reason", reason]) == 0
    assert Store(results, PROTOCOL).disqualified.read() == {CHEAT: r"two\nlines \x1b[31m \udcff"}


def test_without_a_reason_in_a_file_that_was_written_by_hand(results: Path) -> None:
    (results / "disqualified.json").write_text(json.dumps({CHEAT: " ", "99_Nobody": "x"}))
    (row,) = [row for row in Store(results, PROTOCOL).shown_rows() if row.disqualified]
    assert row.disqualified == "no reason is given"


def _protocols_with_a_score() -> list[Protocol]:
    return [protocol for protocol in protocols().values() if protocol.tracks]


@pytest.mark.parametrize("protocol", _protocols_with_a_score(), ids=lambda each: each.name)
def test_no_year_gives_it_a_rank_or_a_score(protocol: Protocol) -> None:
    scaled = [
        replace(row, record=replace(row.record, sidecar=replace(row.record.sidecar, scale=scale)))
        for row in rows_of("01_Fast")
        for scale in protocol.scales[:1]
    ]
    (cheat,) = [s for s in rank(scaled, protocol).standings if s.row.label == "01_Fast"]
    assert cheat.section == "unranked"
    assert {(placing.rank, placing.score) for placing in cheat.placings} == {(None, None)}
