"""report.html in a real browser without a network: it sorts, filters, draws and fits."""

from __future__ import annotations

import base64
import csv
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest
from fields import write_field
from report_pages import HOSTILE, HOSTILE_LABEL, NOTED, board_of, write_page, write_results

from esr.base.visible_text import one_line
from esr.rank.entrants import Choices
from esr.report.csv_table import render_csv
from esr.report.latex_table import render_latex
from esr.report.markdown_table import render_markdown

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
if CHROMIUM is None or CHROMEDRIVER is None:
    pytest.skip("needs Debian's chromium and chromium-driver", allow_module_level=True)

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND"),
)

PATIENCE_S = 60
RANKED = 6
"""Rows of the first section, the baseline among them."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(CHROMEDRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_results(folder)
    return write_page(folder, folder / "report.html", Choices(runtime="robust"))


@pytest.fixture
def opened(browser: Any, report: Path) -> Any:
    resize(browser, 1440)
    return visit(browser, report)


def resize(browser: Any, width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def visit(browser: Any, page: Path) -> Any:
    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(page.as_uri())
    ready = "return 'ready' in document.documentElement.dataset"
    WebDriverWait(browser, PATIENCE_S).until(lambda _: browser.execute_script(ready))
    return browser


def requested(browser: Any) -> set[str]:
    """The schemes of everything that the page asked for."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert urls
    return {url.partition(":")[0] for url in urls}


def column(browser: Any, heading: str) -> list[tuple[str, str]]:
    """(section, unrounded value) of every visible row."""
    return [
        tuple(cell)
        for cell in browser.execute_script(
            """
            const table = document.getElementById("leaderboard");
            const heads = [...table.tHead.rows[0].cells];
            const at = heads.findIndex((head) => head.title === arguments[0]);
            return [...table.tBodies[0].rows].filter((row) => row.cells.length > 1)
              .map((row) => [row.className.split(" ")[0], row.cells[at].dataset.order]);
            """,
            heading,
        )
    ]


def click_head(browser: Any, title: str) -> None:
    head = browser.find_element(By.CSS_SELECTOR, f'#leaderboard th[title="{title}"]')
    head.find_element(By.CSS_SELECTOR, ".dt-column-title").click()
    settle(browser)


def settle(browser: Any) -> None:
    """Wait for what an input set off: DataTables sorts in a timer, and timers end in order."""
    browser.execute_async_script("setTimeout(arguments[0], 100)")


def sections(values: list[tuple[str, str]]) -> list[list[str]]:
    return [
        [value for own, value in values if own == section]
        for section in ("ranked", "unranked", "failed")
    ]


def test_it_loads_without_a_network_and_without_an_error(opened: Any) -> None:
    assert requested(opened) <= {"file", "data", "blob"}
    assert opened.get_log("browser") == []


def test_a_click_on_a_head_sorts_by_value_and_keeps_the_sections(opened: Any) -> None:
    for title in ("Params [M]", "Ave Time [ms]", "Score overall"):
        click_head(opened, title)
        rising = column(opened, title)
        click_head(opened, title)
        falling = column(opened, title)
        assert [section for section, _ in rising] == [section for section, _ in falling]
        for up, down in zip(sections(rising), sections(falling), strict=True):
            known = [float(value) for value in up if value]
            # As text, 60 would stand before 8; and what is unknown is last either way.
            assert up[: len(known)] == sorted(filter(None, up), key=float)
            assert known[::-1] == [float(value) for value in down if value]
            assert all(value for value in down[: len(known)])
        assert len(sections(rising)[0]) == RANKED


def test_names_sort_as_text(opened: Any) -> None:
    click_head(opened, "Model")
    click_head(opened, "Model")
    names = sections(column(opened, "Model"))[0]
    assert names == sorted(names, reverse=True)


def test_cells_carry_the_figures_of_the_csv_file(opened: Any, report: Path) -> None:
    board = board_of(report.parent, choices=Choices(runtime="robust"))
    rows = list(csv.DictReader(render_csv(board).splitlines(keepends=True)))
    for title in ("Val PSNR", "Ave Time [ms]", "Params [M]", "FLOPs [G]", "Score overall"):
        shown = [value for _, value in column(opened, title)]
        assert shown == [row[title] for row in rows]
    assert any(len(value) > 10 for value in shown)  # The last, a score, has all its digits.


def test_typing_filters_the_rows(opened: Any) -> None:
    field = opened.find_element(By.CSS_SELECTOR, "input[type=search]")
    field.send_keys("tiea")
    settle(opened)
    assert [value for _, value in column(opened, "Model")] == ["02_TieA"]
    field.clear()
    field.send_keys("DIV2K_LSDIR_valid")
    settle(opened)
    assert [value for _, value in column(opened, "Model")] == ["05_Blurred"]


def test_a_column_filters_by_a_limit(opened: Any) -> None:
    head = opened.find_element(By.CSS_SELECTOR, '#leaderboard th[title="Params [M]"]')
    head.find_elements(By.CSS_SELECTOR, "button")[-1].click()
    search = opened.find_element(By.CSS_SELECTOR, ".dtcc-searchNumber")
    search.find_element(By.CSS_SELECTOR, 'option[value="greaterOrEqual"]').click()
    search.find_element(By.CSS_SELECTOR, "input").send_keys("0.17")
    settle(opened)
    names = {value for _, value in column(opened, "Model")}
    assert names == {f"{HOSTILE_LABEL} †", "04_Slow", "07_Stale"}
    assert opened.get_log("browser") == []


def test_a_hidden_column_can_be_shown(opened: Any) -> None:
    hidden = '#leaderboard th[title="Flags"]'
    assert opened.find_elements(By.CSS_SELECTOR, hidden) == []
    opened.find_element(By.CSS_SELECTOR, "button.buttons-colvis").click()
    buttons = opened.find_elements(By.CSS_SELECTOR, ".dt-button-collection button")
    choices = {button.text.split("\n")[0]: button for button in buttons}
    assert not {"Section", "Model"} & set(choices)
    choices["Flags"].click()
    settle(opened)
    assert len(opened.find_elements(By.CSS_SELECTOR, hidden)) == 1
    assert "cached_output" in {value for _, value in column(opened, "Flags")}


def test_ties_and_reasons_are_seen(opened: Any) -> None:
    rows = {row.text.split("\n")[0]: row for row in opened.find_elements(By.CSS_SELECTOR, "tr")}
    tied = [text for text in rows if "tie 1" in text]
    assert len(tied) == 2
    headings = opened.find_elements(By.CSS_SELECTOR, "tr.dtrg-group")
    assert [heading.text for heading in headings] == ["Not ranked", "Failed"]
    reasons = [reason.text for reason in opened.find_elements(By.CSS_SELECTOR, "small.reason")]
    assert any("26.90 needed" in reason for reason in reasons)
    assert any("took longer than 600 s" in reason for reason in reasons)


def test_charts_are_drawn_along_the_axes_of_the_readers_choice(opened: Any, report: Path) -> None:
    def drawn(chart: str, mark: str) -> int:
        return len(opened.find_elements(By.CSS_SELECTOR, f"#{chart} {mark}"))

    assert drawn("psnr-runtime", ".scatterlayer .points path.point") == 8
    assert drawn("flops-runtime", ".scatterlayer .points path.point") == 8
    assert drawn("psnr-runtime", ".shapelayer path") == 1
    assert drawn("psnr-images", ".boxlayer path.box") == 8
    assert drawn("runtime-images", ".boxlayer path.box") == 8
    # Who failed since has figures of before, and no score.
    assert drawn("score-parts", ".barlayer path") == 3 * 7
    assert "Pareto front" in opened.find_element(By.CSS_SELECTOR, "#psnr-runtime .legend").text
    drawn_by = "[...document.querySelectorAll('.chart')].map((c) => [c.data, c.layout])"
    for data, layout in opened.execute_script(f"return {drawn_by}"):
        go.Figure(data, layout)  # Raises on an unknown attribute or a wrong value.
    choose_other_axes(opened, report)


def choose_other_axes(opened: Any, report: Path) -> None:
    figure = opened.find_element(By.CSS_SELECTOR, "figure.scatter")
    choose = "arguments[0].elements[arguments[1]].value = arguments[2]"
    form = figure.find_element(By.TAG_NAME, "form")
    opened.execute_script(f"{choose}; arguments[0].elements.xlog.click()", form, "y", "Test PSNR")
    opened.execute_script(choose, form, "x", "Params [M]")
    opened.execute_script(
        "arguments[0].elements.x.dispatchEvent(new Event('change', {bubbles: true}))", form
    )
    settle(opened)
    board = board_of(report.parent, choices=Choices(runtime="robust"))
    titles = [each.title for each in board.columns]
    rows = [dict(zip(titles, line.values, strict=True)) for line in board.lines]
    expected = {(row["Params [M]"], row["Test PSNR"]) for row in rows if row["Test PSNR"]}
    drawn = """
        const chart = arguments[0].querySelector(".chart");
        const marks = chart.data.filter((trace) => trace.mode === "markers");
        return [marks.flatMap(({ x, y }) => x.map((value, i) => [value, y[i]])),
          chart.data.filter((trace) => trace.mode === "lines").map(({ x, y }) => [x, y]),
          chart.layout.xaxis.title.text];
    """
    points, fronts, title = opened.execute_script(drawn, figure)
    assert {tuple(point) for point in points} == expected
    assert title == "Parameters [M]"
    # Nobody on the front is beaten in both; everybody else who is ranked is.
    ((xs, ys),) = fronts
    front = set(zip(xs, ys, strict=True))
    ranked = [
        row
        for row, line in zip(rows, board.lines, strict=True)
        if line.standing.section == "ranked"
    ]
    expected = {(row["Params [M]"], row["Test PSNR"]) for row in ranked}
    beaten = {
        one
        for one in expected
        if any(x <= one[0] and y >= one[1] and (x, y) != one for x, y in expected)
    }
    assert front == expected - beaten


def sort_images(opened: Any) -> None:
    part = opened.find_element(By.CSS_SELECTOR, "details.per-image")
    opened.execute_script("arguments[0].open = true", part)
    WebDriverWait(opened, PATIENCE_S).until(lambda _: part.find_elements(By.CSS_SELECTOR, "td"))
    heads = part.find_elements(By.CSS_SELECTOR, "thead th")
    assert len(heads) == 1 + 8
    assert HOSTILE_LABEL[:23] in heads[-2].text + heads[-1].text + "".join(h.text for h in heads)
    heads[1].click()
    settle(opened)
    cells = part.find_elements(By.CSS_SELECTOR, "tbody tr td:nth-child(2)")
    values = [float(cell.text) for cell in cells]
    assert len(values) == 12
    assert values == sorted(values)


def copy_tables(opened: Any, report: Path) -> None:
    board = board_of(report.parent, choices=Choices(runtime="robust"))
    keep = """
        window.copied = [];
        navigator.clipboard.writeText = async (text) => { window.copied.push(text); };
        document.querySelectorAll("button[data-copy]").forEach((button) => button.click());
    """
    opened.execute_script(keep)
    settle(opened)
    copied = opened.execute_script("return window.copied")
    assert copied == [render_csv(board), render_markdown(board), render_latex(board)]
    assert [b.text for b in opened.find_elements(By.CSS_SELECTOR, "[data-copy]")] == ["copied"] * 3


def compare_pictures(opened: Any) -> None:
    slider = opened.find_element(By.CSS_SELECTOR, "details.slider")
    opened.execute_script("arguments[0].open = true", slider)
    below, above = slider.find_elements(By.CSS_SELECTOR, ".pair img")
    strip = opened.find_elements(By.CSS_SELECTOR, ".same-crop:first-of-type .strip img")
    assert below.get_property("src") == strip[0].get_property("src")  # HR.
    move = """
        const { cut } = arguments[0].querySelector("form").elements;
        cut.value = 20;
        cut.dispatchEvent(new Event("input", { bubbles: true }));
    """
    opened.execute_script(move, slider)
    assert "80%" in above.value_of_css_property("clip-path")


def test_images_are_sorted_tables_copied_and_pictures_compared(opened: Any, report: Path) -> None:
    sort_images(opened)
    copy_tables(opened, report)
    compare_pictures(opened)


LAID_OUT = """
    const box = (element) => {
      const { left, right, top, bottom } = element.getBoundingClientRect();
      return { left, right, top, bottom, text: element.textContent.trim() };
    };
    const all = (query, root = document) => [...root.querySelectorAll(query)].map(box);
    return {
      width: innerWidth,
      page: document.documentElement.scrollWidth,
      charts: [...document.querySelectorAll("figure.scatter .chart")].map((chart) => ({
        frame: box(chart),
        names: all(".annotation-text-g", chart),
        points: chart.querySelectorAll(".scatterlayer .points path.point").length,
        ticks: all(".xtick text, .ytick text, .xtitle, .ytitle, .legendtext", chart),
      })),
      ticks: [...document.querySelectorAll("figure:not(.scatter) .chart")].map((chart) => ({
        frame: box(chart), names: all(".ytick text", chart),
      })),
      frame: box(document.getElementById("leaderboard").parentElement),
      table: box(document.getElementById("leaderboard")),
      hint: document.querySelector(".table").classList.contains("goes-on"),
      names: [...document.querySelectorAll("td.name a")].map((link) => ({
        text: link.textContent,
        lines: new Set([...link.getClientRects()].map(({ top }) => Math.round(top))).size,
        cut: link.offsetLeft + link.offsetWidth > link.closest("td").offsetWidth,
      })),
      icons: [...document.querySelectorAll("#leaderboard th .dtcc")].map(
        (icons) => getComputedStyle(icons).opacity),
    };
"""


NAMED = """[...document.querySelectorAll("figure.scatter .chart")].every(
    (chart) => chart.querySelector(".annotation-text-g"))"""


@pytest.fixture(scope="module")
def fields(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    pages = {}
    for count in (1, 6, 40):
        folder = write_field(tmp_path_factory.mktemp(f"field_{count}"), shared, count)
        choices = Choices(baseline="01_RFDN_baseline") if count > 1 else None
        pages[count] = write_page(folder, folder / "report.html", choices)
    return pages


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("count", [1, 6, 40])
def test_nothing_is_cut_and_no_name_covers_another(
    browser: Any, fields: dict[int, Path], count: int, width: int
) -> None:
    assert fields[count].stat().st_size < 3_000_000
    resize(browser, width)
    visit(browser, fields[count])
    for theme in ("light", "dark"):  # The page draws again while it is looked at.
        with emulated(browser, theme):
            settle(browser)
            WebDriverWait(browser, PATIENCE_S).until(all_true(browser, NAMED))
            seen = browser.execute_script(LAID_OUT)
        assert browser.get_log("browser") == []
        check_layout(seen, width)


def check_layout(seen: dict[str, Any], width: int) -> None:
    assert seen["page"] <= seen["width"]
    assert len(seen["charts"]) == 2
    for chart in seen["charts"]:
        names = chart["names"]
        assert not [pair for pair in combinations(names, 2) if overlap(*pair)]
        assert all(inside(text, chart["frame"]) for text in [*names, *chart["ticks"]])
        # Pointing at a point tells its name, where there is no room for it.
        assert len(names) >= (0.75 if width == 1440 else 0.3) * chart["points"]
    for chart in seen["ticks"]:
        assert all(inside(text, chart["frame"]) for text in chart["names"])
        assert not [pair for pair in pairwise(chart["names"]) if overlap(*pair)]
    goes_on = seen["table"]["right"] > seen["frame"]["right"] + 2
    assert seen["hint"] == goes_on
    assert goes_on or width == 1440
    for name in seen["names"]:
        assert not name["cut"], name
        # A name takes no more lines than it has words.
        assert name["lines"] <= len(re.split("[_-]", name["text"]))
    if width == 1440:
        assert set(seen["icons"]) == {"0"}


def overlap(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return bool(
        a["left"] < b["right"] - 0.5
        and b["left"] < a["right"] - 0.5
        and a["top"] < b["bottom"] - 0.5
        and b["top"] < a["bottom"] - 0.5
    )


def inside(text: dict[str, Any], frame: dict[str, Any]) -> bool:
    return bool(
        text["left"] >= frame["left"] - 1
        and text["right"] <= frame["right"] + 1
        and text["top"] >= frame["top"] - 1
        and text["bottom"] <= frame["bottom"] + 1
    )


@contextmanager
def emulated(browser: Any, theme: str) -> Iterator[None]:
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    yield
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_link_in_the_table_opens_the_submission(opened: Any) -> None:
    part = opened.find_element(By.XPATH, f'//details[summary/span[@class="title"][.="{NOTED}"]]')
    assert not part.get_property("open")
    opened.find_element(By.LINK_TEXT, f"{NOTED} ‡").click()
    WebDriverWait(opened, PATIENCE_S).until(lambda _: part.get_property("open"))
    pictures = part.find_elements(By.TAG_NAME, "img")
    assert len(pictures) == 6
    shown = all_true(opened, "arguments[0].every((img) => img.naturalWidth === 96)", pictures)
    WebDriverWait(opened, PATIENCE_S).until(shown)
    for expected in ("cached_output", "21.25 dB", "20.12 dB", "sha256", "NVIDIA RTX A6000"):
        assert expected in part.text


def all_true(browser: Any, script: str, *arguments: Any) -> Callable[[Any], bool]:
    return lambda _: browser.execute_script(f"return {script}", *arguments)


def test_hostile_text_is_only_text(opened: Any) -> None:
    opened.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    opened.find_element(By.CSS_SELECTOR, "button.buttons-colvis").click()
    click = "document.querySelectorAll('#leaderboard thead button').forEach((b) => b.click())"
    opened.execute_script(click)
    settle(opened)
    assert opened.execute_script("return window.pwned") is None  # An alert would raise here.
    assert opened.find_elements(By.CSS_SELECTOR, 'img:not([src^="data:image/webp"])') == []
    seen = opened.find_element(By.TAG_NAME, "body").text
    assert " ".join(one_line(HOSTILE).split()) in " ".join(seen.split())
    assert HOSTILE_LABEL in seen
    assert opened.get_log("browser") == []


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_the_page_fits_and_can_be_read(browser: Any, report: Path, width: int) -> None:
    resize(browser, width)
    visit(browser, report)
    browser.execute_script(
        "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
    )
    assert browser.execute_script("return innerWidth") == width
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    frame = "document.getElementById('leaderboard').parentElement"
    assert browser.execute_script(f"return {frame}.clientWidth") <= width
    if width == 390:  # The table is wider than the phone, and scrolls within its frame.
        moved = f"{frame}.scrollLeft = 200; return {frame}.scrollLeft"
        assert browser.execute_script(moved) == 200
        left = "document.querySelector('td.name').getBoundingClientRect().left"
        assert 0 <= browser.execute_script(f"return {left}") < 20
    sizes = browser.execute_script(
        """
        return [...document.querySelectorAll("#leaderboard :is(td, th), .part :is(dd, td, li), h1")]
          .map((element) => parseFloat(getComputedStyle(element).fontSize));
        """
    )
    assert min(sizes) >= 11
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_in_both_themes(browser: Any, report: Path, theme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    visit(browser, report)
    colours = browser.execute_script(
        """
        const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
        const style = (query) => getComputedStyle(document.querySelector(query));
        return ["td.name a", "tr.ranked td", "tr.failed td", "small.reason", "small.claim.differs"]
          .map((query) => [rgb(style(query).color),
            rgb(getComputedStyle(document.querySelector(query).closest("td")).backgroundColor)]);
        """
    )
    for ink, paper in colours:
        assert contrast(ink, paper) >= 4.5
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def contrast(one: list[float], other: list[float]) -> float:
    """WCAG 2.2, contrast ratio."""

    def luminance(rgb: list[float]) -> float:
        parts = [v / 255 for v in rgb]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


ON_PAPER = """
    const seen = () => ({
      closed: document.querySelectorAll("details:is(.remarks, .submission):not([open])").length,
      widths: [...document.querySelectorAll(".chart")].map((chart) => chart._fullLayout.width),
      drawn: [...document.querySelectorAll(".chart .main-svg:first-of-type")].map(
        (svg) => Number(svg.getAttribute("width"))),
      zoom: [...document.querySelector(".chart")._fullLayout.xaxis.range],
      chosen: [...document.querySelectorAll(".chosen")].map((text) => text.textContent),
    });
    window.before = seen();
    addEventListener("beforeprint", () => Promise.resolve().then(() => { window.printed = seen(); }));
    window.after = seen;
"""


def test_on_paper_all_is_open_charts_fit_and_the_screen_stays_as_it_was(opened: Any) -> None:
    zoom = "return Plotly.relayout('psnr-runtime', {'xaxis.range': [0.5, 1.5]}).then(() => 1)"
    opened.execute_script(zoom)
    opened.execute_script(ON_PAPER)
    pdf = opened.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"]
    assert base64.b64decode(pdf).startswith(b"%PDF-")
    before, printed = (opened.execute_script(f"return window.{at}") for at in ("before", "printed"))
    assert before["closed"] > printed["closed"] == 0
    # Letter on its side is 11 in wide, less two margins of 12 mm; a CSS pixel is 1/96 in.
    paper_px = 11 * 96 - 2 * 12 / 25.4 * 96
    assert all(0.9 * paper_px < width <= paper_px for width in printed["widths"])
    assert printed["drawn"] == printed["widths"]
    assert all(width > paper_px for width in before["widths"])
    assert printed["chosen"] == ["Data set: DIV2K_LSDIR_valid (valid)"] * 2
    WebDriverWait(opened, PATIENCE_S).until(
        lambda _: opened.execute_script("return window.after()") == before
    )
    assert before["zoom"] == [0.5, 1.5]
    assert opened.get_log("browser") == []
    leave_no_heading_alone(opened)


def leave_no_heading_alone(opened: Any) -> None:
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    breaks = """
        const style = (query, what) => [...document.querySelectorAll(query)].map(
          (element) => getComputedStyle(element)[what]);
        return [style("h2, h3, figcaption, summary", "breakAfter"), style(".chosen", "display"),
          style(".choices", "display"), style(".remarks ul", "maxHeight")];
    """
    after, chosen, forms, lists = map(set, opened.execute_script(breaks))
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert (after, chosen, forms, lists) == ({"avoid"}, {"block"}, {"none"}, {"none"})


def test_official_figures_alone_make_a_page(browser: Any, shared: Path, tmp_path: Path) -> None:
    source = shared / "reference" / "official_results_2026_head.json"
    resize(browser, 1440)
    visit(browser, write_page(source, tmp_path / "report.html"))
    assert browser.get_log("browser") == []
    click_head(browser, "FLOPs [G]")
    values = [float(value) for value in sections(column(browser, "FLOPs [G]"))[0]]
    published = [entry["flops"] for entry in json.loads(source.read_text()).values()]
    assert len(values) == 14
    assert all(low <= high for low, high in pairwise(values))
    assert set(values) <= set(published)
