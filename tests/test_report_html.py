"""report.html as text; tests/test_browser.py opens it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import plotly.graph_objects as go
import pytest
from conftest import ROOT
from harness import PATIENCE_S
from report_pages import HOSTILE, NOTED, board_of, write_page, write_results

from esr.base.errors import UserError
from esr.rank.entrants import Choices
from esr.report.html import html_report
from esr.report.html.charts import draw_charts

SCRIPTS = 4
"""Figures, Plotly, the import map, the page's own."""


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
        for script in page.scripts[1:]
    }
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == digests
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_pictures_are_embedded(page: Page, results: Path) -> None:
    sources = {image["src"].partition(",")[2] for image in page.all("img")}
    files = {
        base64.b64encode(file.read_bytes()).decode()
        for file in (results / "crops" / NOTED).iterdir()
    }
    assert files
    assert files <= sources


@pytest.mark.parametrize("content", [None, b"GIF89a", b"\x89PNG\r\n\x1a\n" + bytes(10**6)])
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
    assert NOTED in page.text


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
    assert set(figures) == {"psnr-runtime", "flops-runtime", "psnr-images"}
    for figure in figures.values():
        go.Figure(figure)  # Raises on an unknown attribute or a wrong value.


def test_charts_show_the_figures_of_the_table(results: Path) -> None:
    board = board_of(results)
    titles = [column.title for column in board.columns]
    rows = [dict(zip(titles, line.values, strict=True)) for line in board.lines]
    figures = draw_charts(board)
    for chart, title in (("psnr-runtime", "Val PSNR"), ("flops-runtime", "FLOPs [G]")):
        traces = figures[chart]["data"]
        points = {
            (x, y, size)
            for trace in traces
            for x, y, size in zip(trace["x"], trace["y"], trace["marker"]["size"], strict=True)
        }
        expected = {
            (row["Ranked runtime [ms]"], row[title], row["Params [M]"])
            for row in rows
            if row["Ranked runtime [ms]"] is not None
        }
        assert points == expected
        assert len(points) == 8
    (shape,) = figures["psnr-runtime"]["layout"]["shapes"]
    assert shape["y0"] == shape["y1"] == 26.90
    boxes = figures["psnr-images"]["data"]
    assert [len(trace["x"]) for trace in boxes] == [8 * 12, 8 * 12]


def test_names_in_charts_are_no_markup(results: Path) -> None:
    figures = draw_charts(board_of(results))
    texts = [
        *figures["psnr-images"]["layout"]["yaxis"]["ticktext"],
        *(t for trace in figures["psnr-runtime"]["data"] for t in trace["hovertext"]),
    ]
    assert any("&lt;img" in text for text in texts)
    assert not any("<img" in text for text in texts)


def test_no_gate_is_drawn_where_none_was_judged(tmp_path: Path) -> None:
    write_results(tmp_path)
    figures = draw_charts(board_of(tmp_path, "ntire2023"))
    assert "shapes" not in figures["psnr-runtime"]["layout"]


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
    assert "NaN" not in page.scripts[0]
    assert "Infinity" not in page.scripts[0]


def test_a_library_that_is_missing_costs_one_line(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html_report, "find_spec", lambda package: None)
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
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr


def test_every_hostile_character_was_tried() -> None:
    assert all(sign in HOSTILE for sign in "<>&\"'`\n{}%=$\\\u202e")
