"""What is infinite or undefined, wherever it meets a comparison, a mean, a chart or a file."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import boards
import numpy as np
import pytest
from harness import Harness, write_image
from synthetic import synthetic_record, synthetic_split

from esr.base import json_file
from esr.challenge.protocol import protocols
from esr.challenge.rtsr.real_time_score import real_time_score
from esr.datasets.manifest import PairHash
from esr.datasets.staging import StagedImage
from esr.evaluate.judge_data_range import DataRangeVerdict, judge_data_range
from esr.evaluate.score_images import psnr_db
from esr.images import Image
from esr.images.metrics import gain_db
from esr.images.resample import imresize_uint8
from esr.measure.bootstrap import interval, robust_timing
from esr.rank.figures import read_rows
from esr.rank.ranking import rank
from esr.records.official_results import official_entry, read_results
from esr.records.record import Record, read_record
from esr.records.results_folder import Row, Store
from esr.records.split_result import ImageResult, SplitResult
from esr.report.board import build_board
from esr.report.compare.comparison import compare
from esr.report.compare.comparison_files import format_change
from esr.report.csv_table import render_csv
from esr.report.html.charts import describe_images, describe_scatter, draw_charts, list_undrawn
from esr.report.html.html_report import render_html
from esr.report.html.html_table import make_sort_key
from esr.report.latex_table import render_latex
from esr.report.markdown_table import render_markdown
from esr.submissions.discovery import discover
from esr.submissions.sidecar import Sidecar
from esr.tools.leaderboard import read

PROTOCOL = protocols()["ntire2026"]


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON (RFC 8259, section 6)")


def strict(text: str) -> object:
    """Read JSON as any other program would, which knows no Infinity and no NaN."""
    return json.loads(text, parse_constant=_refuse)


def _flat(value: int, side: int = 64) -> Image:
    return np.full((side, side, 3), value, np.uint8)


def _noise() -> Image:
    return np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)


def _spotted() -> Image:
    hr = _flat(128)
    hr[32, 32] = 129
    return hr


PLAIN = {
    # name: (LR, HR, SR as declared, SR of the other range); of all of them bicubic is within a
    # grey level, and a network as honest as any may be any distance below it.
    "constant": (_flat(128, 16), _flat(128), _flat(128), None),
    "constant, both ranges": (_flat(128, 16), _flat(128), _flat(128), _flat(128)),
    "black": (_flat(0, 16), _flat(0), _flat(0), None),
    # 20 log10(255 / 1) = 48.13 dB, and bicubic has infinitely many: 2 dB do not count here.
    "one level off": (_flat(128, 16), _flat(128), _flat(127), None),
    # The shipped MDRN has 58.5 dB on black, and exactly black with the wrong range.
    "one level off, the other exact": (_flat(0, 16), _flat(0), _flat(1), _flat(0)),
    # Bicubic: mse 1 / 4096, 48.13 + 36.12 = 84.25 dB; SR, two levels off, 42.1 dB.
    "one pixel": (_flat(128, 16), _spotted(), _flat(126), None),
    "HR enlarged from LR": (_noise(), imresize_uint8(_noise(), 4), np.kron(
        _noise(), np.ones((4, 4, 1), np.uint8)
    ), None),
}  # fmt: skip


def _judge(folder: Path, lr: Image, hr: Image, sr: Image, other: Image | None) -> object:
    for name, image in {"lr": lr, "hr": hr, "sr": sr, "other": other}.items():
        if image is not None:
            np.save(folder / f"{name}.npy", image)
    staged = StagedImage("a.png", folder / "lr.npy", folder / "hr.npy", PairHash("", "", ""))
    declared = psnr_db(staged, folder / "sr.npy", 4)
    harness = Harness(folder / "harness")
    harness.add("team00_Tiny")
    (entry,) = discover(harness.path)
    second = None if other is None else (255.0, folder / "other.npy")
    return judge_data_range(staged, declared, second, entry, 4)


@pytest.mark.parametrize("name", PLAIN)
def test_an_image_that_bicubic_restores_perfectly_says_nothing_of_data_range(
    tmp_path: Path, name: str
) -> None:
    assert _judge(tmp_path, *PLAIN[name]) == DataRangeVerdict()


def test_the_wrong_range_is_found_on_a_constant_image_all_the_same(tmp_path: Path) -> None:
    # RFDN with the wrong range has 35.5 dB on 128: 20 log10(255 / 4) = 36.09 dB is as far off.
    verdict = _judge(tmp_path, _flat(128, 16), _flat(128), _flat(124), _flat(128))
    assert [flag.name for flag in verdict.flags] == ["wrong_data_range"]
    assert "36.09 dB with data_range 1" in verdict.flags[0].detail
    assert "inf dB with 255" in verdict.flags[0].detail


def test_check_calls_a_perfect_constant_image_ready(harness: Harness) -> None:
    for folder, name, side in (("HR", "a", 64), ("LR_bicubic/X4", "ax4", 16)):
        write_image(harness.path / "data" / "flat" / folder / f"{name}.png", _flat(128, side))
    where = ("--data_dir", str(harness.path / "data"), "--dataset", "flat")
    done = harness.run("--check", "--model_id", "0", *where)
    assert (done.returncode, "nan dB" in done.stdout, "inf dB" in done.stdout) == (0, False, False)
    assert "00_Tiny is ready" in done.stdout


def test_equally_good_is_no_gain() -> None:
    assert gain_db(math.inf, math.inf) == 0  # Infinity minus infinity is undefined.
    assert (gain_db(math.inf, 30), gain_db(30, math.inf)) == (math.inf, -math.inf)
    assert gain_db(32.5, 30) == 2.5


def test_no_gain_on_a_perfect_bicubic_has_no_score() -> None:
    # The organisers' rule: 0 if P <= P0, which infinity is of itself.
    assert real_time_score(math.inf, 1, math.inf) == 0
    assert real_time_score(31, 1, math.inf) == 0
    # 2^(31 - 30) * 2 / (0.1 * sqrt(4)) = 20
    assert real_time_score(31, 4, 30) == pytest.approx(20)


def _perfect(record: Record, images: int = 1) -> Record:
    """The record with the first images of every set restored perfectly."""

    def improve(split: SplitResult) -> SplitResult:
        perfect = [replace(image, scores={"psnr": math.inf}) for image in split.images[:images]]
        return replace(split, images=(*perfect, *split.images[images:]))

    return replace(record, splits=tuple(map(improve, record.splits)))


def _write(folder: Path, *records: Record) -> Store:
    for record in records:
        json_file.dump(record, folder / "records" / f"{record.label}.json")
    store = Store(folder, PROTOCOL)
    store.publish()
    return store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """SPAN, a network with one perfect image, one with nothing but such, one below the gate."""
    _write(
        tmp_path,
        boards.record(0, "SPAN", 8.0, 27.0),
        _perfect(boards.record(1, "One", 5.0, 27.0)),
        _perfect(boards.record(2, "All", 6.0, 27.0), images=3),
        boards.record(3, "Poor", 4.0, 20.0),
    )
    return tmp_path


def test_a_mean_is_infinite_if_one_image_is_and_unknown_if_undefined() -> None:
    split = _perfect(boards.record(1, "One", 5.0, 27.0)).splits[0]
    assert split.score("psnr") == math.inf
    undefined = ImageResult("x.png", 1.0, {"psnr": math.nan})
    assert replace(split, images=(*split.images, undefined)).score("psnr") is None


def test_every_file_is_strict_json_and_reads_back(folder: Path) -> None:
    for file in (folder / "results.json", *(folder / "records").iterdir()):
        strict(file.read_text())
    results = strict((folder / "results.json").read_text())
    assert results["01_One"]["valid_ave_psnr"] == "Infinity"
    assert float(results["01_One"]["valid_ave_psnr"]) == math.inf
    assert read_results(folder / "results.json")["02_All"]["test_psnr"] == [math.inf] * 3
    expected = _perfect(boards.record(1, "One", 5.0, 27.0))
    assert read_record(folder / "records" / "01_One.json") == expected


def test_finite_results_are_what_the_official_writer_writes(tmp_path: Path) -> None:
    record = boards.record(0, "SPAN", 8.0, 27.0)
    _write(tmp_path, record)
    official = json.dumps({record.label: official_entry(record, PROTOCOL.flops_counter)})
    assert (tmp_path / "results.json").read_text() == official


@pytest.mark.parametrize("writer", ["ours", "official", "folder"])
def test_ranking_the_file_says_what_ranking_the_folder_says(
    folder: Path, tmp_path: Path, writer: str
) -> None:
    path = folder
    if writer != "folder":
        path = tmp_path / "elsewhere" / "results.json"
        # The official script writes with json.dump, which says Infinity.
        text = json.dumps(read_results(folder / "results.json"))
        assert "Infinity," in text
        ours = (folder / "results.json").read_text()
        json_file.write_text(path, text if writer == "official" else ours)
    rows, _ = read(path, PROTOCOL)
    board = build_board(rows, PROTOCOL)
    table = {row["Model"]: row for row in csv.DictReader(io.StringIO(render_csv(board)))}
    # One perfect image of three makes the mean infinite: (inf + x + y) / 3.
    psnr = {label: row["Val PSNR"] for label, row in table.items()}
    assert (psnr["01_One"], psnr["02_All"]) == ("inf", "inf")
    assert float(psnr["00_SPAN"]) == pytest.approx(27.0)
    # Nothing is better than perfect: it passes the gate of 26.90 / 26.99 dB.
    assert {label: row["Gate"] for label, row in table.items()} == {
        "00_SPAN": "passed", "01_One": "passed", "02_All": "passed", "03_Poor": "failed"
    }  # fmt: skip
    assert (table["01_One"]["Rank runtime"], table["02_All"]["Rank runtime"]) == ("1", "2")
    assert table["01_One"]["Val gate margin [dB]"] == "inf"
    shown = {board.columns[index].title for index in board.shown}
    assert {"Val PSNR", "Test PSNR"} <= shown
    assert re.search(r"One & inf & inf &", render_latex(board))
    assert re.search(r"\| 01_One .*\| +inf \|", render_markdown(board))


@pytest.mark.parametrize("key", ["flops", "num_parameters", "valid_ave_runtime", "valid_memory"])
def test_what_cannot_be_infinite_is_unknown(key: str) -> None:
    entry = official_entry(boards.record(1, "One", 5.0, 27.0), "fvcore") | {key: math.inf}
    (row,) = read_rows({"01_One": entry})
    assert key not in row.official


@pytest.mark.parametrize("value", ["Infinity", "-Infinity", "NaN", math.nan, -math.inf, "inf"])
def test_others_files_may_hold_anything_and_stay_readable(tmp_path: Path, value: object) -> None:
    entry = official_entry(boards.record(1, "One", 5.0, 27.0), "fvcore")
    foreign = {"theirs": entry | {"valid_ave_psnr": value, "flops": value}}
    json_file.write_text(tmp_path / "results.json", json.dumps(foreign))
    _write(tmp_path, boards.record(0, "SPAN", 8.0, 27.0))
    assert set(strict((tmp_path / "results.json").read_text())) == {"theirs", "00_SPAN"}
    (row,) = read_rows({"theirs": read_results(tmp_path / "results.json")["theirs"]})
    passed = rank([row], PROTOCOL).standings[0].gate.passed
    assert passed is (value == "Infinity")
    assert "flops" not in row.official


def test_charts_leave_out_what_has_no_place_on_an_axis_and_say_so(folder: Path) -> None:
    rows, _ = read(folder, PROTOCOL)
    board = build_board(rows, PROTOCOL)
    scatter, images = describe_scatter(board), describe_images(board)
    assert strict(json.dumps([draw_charts(board), scatter, images])) is not None
    places = [point["values"].get("Val PSNR") for point in scatter["points"]]
    drawn = [place[0] for place in places if place]
    assert len(drawn) == 2
    assert all(map(math.isfinite, drawn))
    # Three images each; of One the other two stay, of All none: 3 + 2 + 3 in each set.
    boxes = [[db for row in each["values"]["psnr"] for db in row or ()] for each in images["sets"]]
    assert [sum(db is not None for db in box) for box in boxes] == [8, 8]
    assert list(list_undrawn(board)) == [
        "01_One: infinite PSNR (validation)",
        "01_One: 1 image of valid",
        "01_One: 1 image of test",
        "02_All: infinite PSNR (validation)",
        "02_All: 3 images of valid",
        "02_All: 3 images of test",
    ]
    page = render_html(board, folder)
    assert "01_One: infinite PSNR (validation); 01_One: 1 image of valid" in page
    packed = re.search(r'id="data">(.*?)</script>', page)
    assert strict(gzip.decompress(base64.b64decode(packed[1])).decode()) is not None


def test_a_page_of_nothing_but_perfect_images_says_why_it_has_no_chart(tmp_path: Path) -> None:
    rows = _write(tmp_path, _perfect(boards.record(2, "All", 6.0, 27.0), images=3)).rows()
    board = build_board(rows, PROTOCOL)
    boxes = [db for each in describe_images(board)["sets"] for db in each["values"]["psnr"]]
    assert boxes
    assert not [db for box in boxes for db in box or () if db is not None]
    assert "02_All: infinite PSNR (validation)" in render_html(board, tmp_path)


def test_pages_sort_by_what_javascript_reads() -> None:
    board = build_board([boards.row(boards.record(1, "One", 5.0, 27.0))], PROTOCOL)
    cell = board.lines[0].cells[1]
    # ECMAScript, StringToNumber: "Infinity" and "-Infinity", while "inf" is NaN.
    keys = {value: make_sort_key(replace(cell, value=value)) for value in (math.inf, -math.inf)}
    assert keys == {math.inf: "Infinity", -math.inf: "-Infinity"}
    assert make_sort_key(replace(cell, value=2.5)) == "2.5"


def test_two_infinite_means_of_different_images_differ_by_no_nan() -> None:
    record = boards.record(1, "One", 5.0, 27.0)
    a, b = _perfect(record), _perfect(record, images=2)
    (pair,) = compare([boards.row(a)], [boards.row(b)], PROTOCOL).pairs
    psnr = [one for one in pair.differences if one.subject.endswith("PSNR")]
    assert [(one.a, one.b, one.verdict) for one in psnr] == [(math.inf, math.inf, "differs")] * 2
    assert "1 of 3 images differ" in psnr[0].detail
    assert format_change(psnr[0]) == "+0"
    (same,) = compare([boards.row(a)], [boards.row(a)], PROTOCOL).pairs
    assert not same.marked
    (worse,) = compare([boards.row(a)], [boards.row(record)], PROTOCOL).pairs
    changes = {one.subject: format_change(one) for one in worse.differences}
    assert changes["valid PSNR"] == "-inf"


def test_a_bootstrap_of_infinite_samples_is_infinite_not_undefined() -> None:
    samples = np.array([[1.0, math.inf, math.inf], [2.0, math.inf, math.inf]])
    with np.errstate(all="raise"):
        timing = robust_timing(samples, None)
        low, high = interval(samples)
    assert (timing.mean_ms, timing.p90_ms, high) == (math.inf, math.inf, math.inf)
    assert not math.isnan(low)
    # Unchanged where all is finite: NumPy's own percentile of [1, 2, 3], 1 + 2 * 0.9 = 2.8.
    assert robust_timing([[1.0, 2.0, 3.0]], None).p90_ms == pytest.approx(2.8)


def test_an_infinite_argument_of_a_network_survives_the_file(tmp_path: Path) -> None:
    sidecar = Sidecar(kwargs={"limit": math.inf, "limits": [1, {"low": -math.inf}], "name": "inf"})
    json_file.dump(sidecar, tmp_path / "sidecar.json")
    strict((tmp_path / "sidecar.json").read_text())
    assert json_file.load(Sidecar, tmp_path / "sidecar.json") == sidecar


def test_an_undefined_figure_of_a_record_is_an_empty_cell() -> None:
    split = synthetic_split("valid", 2, 5.0)
    images = tuple(replace(image, scores={"psnr": math.nan}) for image in split.images)
    record = synthetic_record(1, "One", (replace(split, images=images),))
    row = Row(record.label, record, official=official_entry(record, "fvcore"))
    board = build_board([row], PROTOCOL)
    (table,) = csv.DictReader(io.StringIO(render_csv(board)))
    assert (table["Val PSNR"], table["Gate"]) == ("", "failed")
    assert table["Not ranked because"] == "no PSNR on DIV2K_LSDIR_valid"
