"""`--figures`: charts for a two-column paper, and names that do not cover each other."""

from __future__ import annotations

import builtins
import math
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from report_pages import HOSTILE_LABEL, write_results

from esr.report.figure_points import Axis, FigurePoint, find_front
from esr.report.paper import write_figures
from esr.tools.leaderboard import main

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from esr.report.paper.paper_scatter import draw_scatter
from esr.report.paper.paper_style import COLUMN_IN, paper_style
from esr.report.paper.place_names import Area, Named, place_names

TIME, PSNR = Axis("t", "Runtime [ms]"), Axis("q", "PSNR [dB]", higher_is_better=True)


def _point(name: str, time: float, psnr: float, scale: int | None = 4) -> FigurePoint:
    return FigurePoint(name, "ranked", scale, None, {"t": (time,) * 3, "q": (psnr,) * 3})


def test_figures_are_a_column_wide_in_every_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(tmp_path)
    monkeypatch.setattr(write_figures, "_COSTS", ("Ranked runtime [ms]", "FLOPs [G]"))
    figures = tmp_path / "figures"
    options = ["--runtime", "robust", "--save_dir", str(tmp_path / "out")]
    assert main([str(tmp_path), "--figures", str(figures), *options]) == 0
    names = {path.stem for path in figures.iterdir()}
    assert {"val_psnr-runtime", "val_psnr-flops", "flops-runtime", "score-parts"} <= names
    assert {"images-valid-DIV2K_LSDIR_valid-psnr", "images-test-DIV2K_LSDIR_test-runtime"} <= names
    for name in names:
        assert (figures / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        svg = (figures / f"{name}.svg").read_text()
        # 72 points an inch.
        assert float(re.search(r'width="([\d.]+)pt"', svg)[1]) == pytest.approx(
            72 * COLUMN_IN, 0.01
        )
        assert HOSTILE_LABEL not in svg
        with Image.open(figures / f"{name}.png") as picture:
            assert picture.width == pytest.approx(300 * COLUMN_IN, abs=1)
    assert "/Type3" not in (figures / "score-parts.pdf").read_bytes().decode("latin-1")


def test_without_matplotlib_the_tables_are_there_and_one_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_results(tmp_path)
    import_module = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("esr.report.paper.paper"):
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return import_module(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert main([str(tmp_path), "--figures", str(tmp_path / "figures")]) == 2
    error = capsys.readouterr().err
    assert "matplotlib is not installed; pip install -r requirements.txt" in error
    assert error.count("\n") == 1
    assert (tmp_path / "report.html").is_file()


def test_nobody_on_the_front_is_beaten_in_both() -> None:
    points = [_point(str(i), 5 + math.sin(9 * i), 27 + math.cos(7 * i)) for i in range(40)]
    front = find_front(points, TIME, PSNR)

    def beats(one: FigurePoint, other: FigurePoint) -> bool:
        (time, *_), (psnr, *_) = one.values["t"], one.values["q"]
        return time <= other.values["t"][0] and psnr >= other.values["q"][0] and one is not other

    assert {point.name for point in front} == {
        point.name for point in points if not any(beats(other, point) for other in points)
    }
    assert [p.values["t"] for p in front] == sorted(p.values["t"] for p in front)


def test_who_is_not_ranked_has_no_part_in_the_front() -> None:
    groups = {"ranked": 3.0, "not ranked": 1.0, "failed since": 2.0, "baseline": 4.0}
    # Each is slower and better than the one before: all would be on the front.
    points = [
        replace(_point(group, time, 27 + time), group=group) for group, time in groups.items()
    ]
    assert [point.group for point in find_front(points, TIME, PSNR)] == ["ranked", "baseline"]


def test_scales_have_fronts_of_their_own() -> None:
    points = [
        _point("a", 1, 30, 2),
        _point("b", 2, 31, 2),
        _point("c", 3, 26, 4),
        _point("d", 4, 27, 4),
    ]
    with paper_style():
        axes = Figure().add_subplot()
        assert draw_scatter(axes, points, TIME, PSNR)
    titles = {text.get_text() for text in axes.get_legend().get_texts()}
    assert titles == {"Pareto front, x2", "Pareto front, x4", "ranked, x2", "ranked, x4"}


def test_names_in_a_crowd_cover_nothing() -> None:
    points = [_point(f"{i:02d}_Network", 5 + i % 7, 27 + (i * i % 11) / 10) for i in range(40)]
    with paper_style():
        figure = Figure(figsize=(COLUMN_IN, 2.5))
        axes = figure.add_subplot()
        draw_scatter(axes, points, TIME, PSNR)
        figure.draw_without_rendering()
        names = [t for t in axes.texts if isinstance(t, Text) and "_Network" in t.get_text()]
        boxes = [name.get_window_extent() for name in names]
    assert len(names) >= 10
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    frame = axes.get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)


def test_a_name_without_room_is_left_out() -> None:
    point = Named(5, 5, 1, 8, 4)
    assert place_names([point], Area(0, 10, 0, 10)) == [None]
    ((x, y),) = place_names([point], Area(0, 40, 0, 40))
    # To the right: the radius, the nearest ring, half of the name.
    assert (x, y) == (5 + 1 + 2 + 4, 5)


def test_a_line_through_a_rectangle_crosses_it() -> None:
    area = Area(2, 4, 2, 4)
    assert area.is_crossed((0, 0), (6, 6))
    assert area.is_crossed((3, 3), (9, 3))
    assert not area.is_crossed((0, 0), (1, 1))
    assert not area.is_crossed((0, 5), (6, 5))
