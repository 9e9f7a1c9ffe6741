"""report.html as text; tests/test_browser.py opens it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import boards
import numpy as np
import plotly.graph_objects as go
import pytest
from conftest import ROOT
from harness import run_program
from PIL import Image
from report_pages import HOSTILE, NOTED, board_of, write_page, write_results

from esr.base.errors import UserError
from esr.rank.entrants import Choices
from esr.records.results_folder import Row
from esr.report.html import html_report, page_assets
from esr.report.html.charts import describe_images, describe_scatter, draw_charts
from esr.report.html.failed_run import describe_failure
from esr.tools.leaderboard import main as leaderboard

SCRIPTS = 5
"""Packed: figures, styles and program of DataTables, Plotly; the page's own."""


class Page(HTMLParser):
    """Elements of a page, and the text of its table's rows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        elif self.cdata_elem is None:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def data(self) -> dict:
        """What the page draws from."""
        return json.loads(gzip.decompress(base64.b64decode(self.scripts[0])))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_results(folder)
    return folder


@pytest.fixture(scope="module")
def page(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Page:
    file = write_page(results, tmp_path_factory.mktemp("page") / "report.html")
    return Page(file.read_text("utf-8"))


def test_the_page_refers_to_nothing_outside_itself(page: Page) -> None:
    assert page.all("link") == page.all("iframe") == page.all("object") == []
    sources = [
        a[key] for _, a in page.tags for key in ("src", "href", "data", "srcset") if key in a
    ]
    assert sources
    assert all(source.startswith(("#", "data:image/png;base64,")) for source in sources)
    styles = re.findall(
        r"url\((.{0,5})",
        (ROOT / "esr" / "report" / "html" / "templates" / "report.css").read_text(),
    )
    assert styles == []


def test_text_of_strangers_stays_text(page: Page) -> None:
    assert len(page.scripts) == SCRIPTS
    assert page.all("svg") == page.all("b") == []
    handlers = [key for _, attributes in page.tags for key in attributes if key.startswith("on")]
    assert handlers == []
    seen = "".join(page.text)
    assert "<script>window.pwned = 1; alert(1)</script>" in seen
    assert "{{ 7 * 7 }}" in seen
    assert "名前" in seen
    assert "\u202e" not in seen


def test_the_policy_allows_the_programs_of_the_page_and_no_other(page: Page) -> None:
    (policy,) = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    digests = {
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in page.scripts[-1:]
    }
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == digests
    assert "default-src 'none'" in policy
    assert "data:" not in policy.partition("script-src")[2].partition(";")[0]
    assert "http" not in policy


def test_pictures_are_embedded_without_a_loss(page: Page, results: Path) -> None:
    pictures = page.data["pictures"]
    assert page.data["quality"] is None  # There is room for twelve.
    embedded = {
        np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))).tobytes()
        for uri in pictures
    }
    files = [*(results / "crops" / NOTED).iterdir()]
    assert files
    assert {np.asarray(Image.open(file)).tobytes() for file in files} == embedded
    shown = [int(image["data-picture"]) for image in page.all("img") if "data-picture" in image]
    assert len(shown) > len(pictures)
    assert set(shown) == set(range(len(pictures)))


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n" + bytes(10**6),
        # As large as 65535 x 65535 pixels by its head.
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\2\0\0\0",
    ],
)
def test_pictures_that_are_missing_or_strange_are_left_out(
    tmp_path: Path, content: bytes | None
) -> None:
    write_results(tmp_path)
    for file in (tmp_path / "crops" / NOTED).iterdir():
        file.unlink()
        if content is not None:
            file.write_bytes(content)
    page = Page(write_page(tmp_path, tmp_path / "report.html").read_text("utf-8"))
    assert page.all("img") == []
    assert NOTED.partition("_")[2] in page.text


def test_a_label_that_is_a_path_reads_no_picture_elsewhere(tmp_path: Path) -> None:
    write_results(tmp_path)
    board = board_of(tmp_path)
    lines = []
    for line in board.lines:
        record = line.standing.row.record
        if record:
            record = replace(record, label=f"../crops/{record.label}")
        row = replace(line.standing.row, record=record)
        lines.append(replace(line, standing=replace(line.standing, row=row)))
    page = Page(html_report.render_html(replace(board, lines=tuple(lines)), tmp_path))
    assert page.all("img") == []


@pytest.mark.parametrize("runtime", ["official", "robust"])
def test_plotly_accepts_every_chart(results: Path, runtime: str) -> None:
    figures = draw_charts(board_of(results, choices=Choices(runtime=runtime)))
    assert set(figures) == {"score-parts"}
    for figure in figures.values():
        go.Figure(figure)  # Raises on an unknown attribute or a wrong value.


def test_charts_show_the_figures_of_the_table(results: Path) -> None:
    board = board_of(results)
    titles = [column.title for column in board.columns]
    rows = [dict(zip(titles, line.values, strict=True)) for line in board.lines]
    scatter = describe_scatter(board)
    offered = {axis["column"] for axis in scatter["axes"]}
    assert {"Val PSNR", "Test PSNR", "Warm Time [ms]", "FLOPs [G]", "Acts [M]"} <= offered
    for title in ("Val PSNR", "FLOPs [G]", "Params [M]", "Ranked runtime [ms]"):
        drawn = sorted(point["values"][title][0] for point in scatter["points"])
        assert drawn == sorted(row[title] for row in rows if row[title] is not None)
        assert len(drawn) == 8
    assert scatter["gate_db"] == 26.90
    images = describe_images(board)
    assert [(each["role"], len(each["images"])) for each in images["sets"]] == [
        ("valid", 12),
        ("test", 12),
    ]
    measured = [row for row in images["sets"][0]["values"]["psnr"] if row]
    assert [len(row) for row in measured] == [12] * 8


def test_the_parts_of_a_score_are_its_sum(results: Path) -> None:
    board = board_of(results)
    figure = draw_charts(board)["score-parts"]
    titles = [column.title for column in board.columns]
    scores = [dict(zip(titles, line.values, strict=True))["Score overall"] for line in board.lines]
    sums = [
        sum(map(float, parts))
        for parts in zip(*(bar["customdata"] for bar in figure["data"]), strict=True)
    ]
    known = [score for score in scores if score is not None]
    assert len(known) == 7
    assert sums[: len(known)] == pytest.approx(known, rel=1e-3)
    assert [bar["name"] for bar in figure["data"]] == ["runtime", "FLOPs", "parameters"]


def test_names_in_charts_are_no_markup(results: Path) -> None:
    board = board_of(results)
    texts = [
        *describe_images(board)["models"],
        *(point["name"] for point in describe_scatter(board)["points"]),
        *draw_charts(board)["score-parts"]["layout"]["yaxis"]["ticktext"],
    ]
    assert sum("&lt;img" in text for text in texts) == 3
    assert not any("<img" in text for text in texts)


def test_no_gate_is_drawn_where_none_was_judged(tmp_path: Path) -> None:
    write_results(tmp_path)
    assert describe_scatter(board_of(tmp_path, "ntire2023"))["gate_db"] is None


def test_a_failed_run_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    write_results(tmp_path)
    log = tmp_path / "logs" / "06_Broken.log"
    log.parent.mkdir()
    log.write_bytes(b"first line\n" * 2000 + b"\x1b[31m<b>last</b> line\xff\n")
    seen = "".join(Page(write_page(tmp_path, tmp_path / "report.html").read_text()).text)
    assert "\\x1b[31m<b>last</b> line\ufffd" in seen
    assert seen.count("first line") == 11
    assert "python test_demo.py --model_id 6" in seen
    assert "python test_demo.py --model_id 7" in seen  # As its record says.


def test_a_failed_run_is_repeated_as_it_was_run(tmp_path: Path) -> None:
    asked = ("--model_id", "6", "7", "--dataset", "Set5", "--model_id=9", "--save_dir", "a b")
    failure = replace(boards.failed("06_Broken", "no weights").failure, model_id=6, command=asked)
    told = describe_failure(Row("06_Broken", failure=failure), tmp_path)
    assert told.command == ("python test_demo.py --dataset Set5 --save_dir 'a b' --model_id 6")


@pytest.mark.parametrize("year", ["2024", "2026_head"])
def test_an_official_file_makes_a_page(shared: Path, tmp_path: Path, year: str) -> None:
    source = shared / "reference" / f"official_results_{year}.json"
    page = Page(write_page(source, tmp_path / "report.html").read_text("utf-8"))
    parts = [part for part in page.all("details") if "submission" in (part["class"] or "")]
    assert len(parts) == len(json.loads(source.read_text()))
    assert page.all("img") == []


@pytest.mark.parametrize(
    "content",
    [
        '{"01_A": {}}',
        '{"01_A": {"valid_psnr": ["x", null], "valid_ave_psnr": "high", "flops": [1]}}',
        '{"": {"valid_ave_psnr": NaN, "valid_ave_runtime": -1, "num_conv": 2.5}}',
        '{"01_A": {"valid_ave_psnr": 1e999, "valid_ave_runtime": 1e308, "flops": 1e300}}',
    ],
)
def test_a_strange_official_file_makes_a_page(tmp_path: Path, content: str) -> None:
    (tmp_path / "results.json").write_text(content)
    page = Page(write_page(tmp_path / "results.json", tmp_path / "report.html").read_text("utf-8"))
    assert len(page.scripts) == SCRIPTS
    text = gzip.decompress(base64.b64decode(page.scripts[0])).decode()
    data = json.loads(text, parse_constant=pytest.fail)
    assert set(data) >= {"scatter", "images", "figures"}


def test_a_library_that_is_missing_costs_one_line(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_assets, "find_spec", lambda package: None)
    page_assets.pack_asset.cache_clear()
    with pytest.raises(UserError, match=r"requirements\.txt"):
        html_report.render_html(board_of(results), results)


def test_the_page_is_made_without_torch_and_without_building_figures(results: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\n"
        f"sys.path.insert(0, {str(ROOT / 'tests')!r})\n"
        "from report_pages import board_of\nfrom esr.report.html import html_report as report_html\n"
        f"path = Path({str(results)!r})\n"
        "assert '</html>' in report_html.render_html(board_of(path), path)\n"
        "sys.exit(' '.join({'torch', 'plotly', 'itables', 'IPython'} & set(sys.modules)) or 0)\n"
    )
    run_program(program)


def test_an_organizer_names_the_page(results: Path, tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')
    titles = ["--title", "CVPR <b>2026</b>", "--subtitle", "Track 1", "--logo", str(logo)]
    assert leaderboard([str(results), "--save_dir", str(tmp_path), *titles]) == 0
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    assert page.text.count("CVPR <b>2026</b>") == 2  # The tab's and the page's.
    assert "Track 1" in page.text
    (source,) = [image["src"] for image in page.all("img") if image.get("class") == "logo"]
    assert base64.b64decode(source.removeprefix("data:image/svg+xml;base64,")) == logo.read_bytes()
    assert page.all("b") == page.all("svg") == []


def test_without_titles_it_is_called_as_the_challenge(page: Page) -> None:
    assert page.text.count("NTIRE 2026 Efficient Super-Resolution") == 2
    seen = "".join(page.text)
    assert "DIV2K_LSDIR_valid, DIV2K_LSDIR_test" in seen
    assert all(title in page.text for title in ("Overall", "Runtime", "FLOPs", "Parameters"))


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"hello", "is no picture"), (b"\x89PNG\r\n\x1a\n" + bytes(300_000), "larger than 200 KiB")],
)
def test_a_logo_that_is_none_costs_one_line(
    results: Path, tmp_path: Path, content: bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logo = tmp_path / "logo"
    logo.write_bytes(content)
    assert leaderboard([str(results), "--save_dir", str(tmp_path), "--logo", str(logo)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


def test_every_hostile_character_was_tried() -> None:
    assert all(sign in HOSTILE for sign in "<>&\"'`\n{}%=$\\\u202e")
