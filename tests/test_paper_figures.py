"""`--figures`: charts for a two-column paper, and names that do not cover each other."""

from __future__ import annotations

import builtins
import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import boards
import pytest
from report_pages import HOSTILE_LABEL, write_results
from synthetic import synthetic_record, synthetic_split

from esr.challenge.protocol import protocols
from esr.records.record import Record
from esr.report.board import Board, build_board
from esr.report.figure_points import GROUPS, Axis, FigurePoint, find_front
from esr.report.image_matrix import build_matrices
from esr.report.paper import paper_axes
from esr.report.paper.paper_axes import ScatterFigure, list_scatter_figures
from esr.tools.leaderboard import main

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from esr.report.paper import paper_rows
from esr.report.paper.paper_scatter import draw_scatter
from esr.report.paper.paper_style import COLUMN_IN, Draw, add_legend, make_figure, paper_style
from esr.report.paper.place_names import Area, Named, place_names

TIME, PSNR = Axis("t", "Runtime [ms]"), Axis("q", "PSNR [dB]", higher_is_better=True)


def _point(name: str, time: float, psnr: float, scale: int | None = 4) -> FigurePoint:
    return FigurePoint(name, "ranked", scale, None, {"t": (time,) * 3, "q": (psnr,) * 3})


def test_figures_are_a_column_wide_in_every_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(tmp_path)
    monkeypatch.setattr(paper_axes, "_COSTS", ("Ranked runtime [ms]", "FLOPs [G]"))
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
    # Of another scale than the challenge's nobody is ranked, and all are compared.
    assert len(find_front([replace(p, group="not ranked") for p in points], TIME, PSNR)) == 4


def _measured(number: int, scale: int, sets: dict[str, tuple[str, ...]]) -> Record:
    """A record on sets of papers, with the metrics of each."""
    splits = []
    for place, (dataset, metrics) in enumerate(sets.items()):
        split = synthetic_split("valid", 2, 5.0 + number, 27.0 + number)
        images = tuple(
            replace(image, scores=dict.fromkeys(metrics, image.scores["psnr"]))
            for image in split.images
        )
        role = dataset if place else "valid"
        splits.append(replace(split, role=role, dataset=dataset, images=images))
    record = synthetic_record(number, "Net", tuple(splits), params=1000 * (number + 1))
    return replace(record, sidecar=replace(record.sidecar, scale=scale))


def _board(*records: Record) -> Board:
    return build_board([boards.row(record) for record in records], protocols()["ntire2026"])


def _against(pairings: list[ScatterFigure], cost: str) -> list[str]:
    return [pairing.y.short for pairing in pairings if pairing.x.column == cost]


RGB = ("psnr", "ssim")
ALL = ("psnr", "ssim", "psnr_y", "ssim_y")


def test_every_set_is_drawn_of_y_where_it_was_measured() -> None:
    sets = {"Set5": ALL, "Set14": ALL, "Urban100": RGB}
    pairings = list(list_scatter_figures(_board(_measured(1, 4, sets), _measured(2, 4, sets))))
    drawn = _against(pairings, "Params [M]")
    assert drawn == [
        *("Set5 PSNR_Y", "Set5 SSIM_Y", "Set14 PSNR_Y", "Set14 SSIM_Y"),
        *("Urban100 PSNR", "Urban100 SSIM"),
    ]
    # What is printed less often is drawn against less.
    assert _against(pairings, "Acts [M]") == [name for name in drawn if "PSNR" in name]
    assert "urban100_psnr-parameters" in {pairing.name for pairing in pairings}


def test_rgb_is_drawn_too_where_a_row_has_no_y_or_the_challenge_judges_by_it() -> None:
    lacking = _board(
        _measured(1, 4, {"Set5": ("psnr", "psnr_y")}), _measured(2, 4, {"Set5": ("psnr",)})
    )
    assert _against(list(list_scatter_figures(lacking)), "Params [M]") == [
        "Set5 PSNR_Y",
        "Set5 PSNR",
    ]
    official = {"DIV2K_LSDIR_valid": ("psnr", "psnr_y")}
    judged = _board(_measured(1, 4, official), _measured(2, 4, official))
    assert _against(list(list_scatter_figures(judged)), "Params [M]") == ["Val PSNR_Y", "Val PSNR"]


def test_scales_have_figures_of_their_own() -> None:
    sets = {"Set5": ("psnr",)}
    four = [_measured(number, 4, sets) for number in (1, 2, 3)]
    two = [_measured(number, 2, sets) for number in (5, 6)]
    pairings = list(list_scatter_figures(_board(*four, *two)))
    by_name = {p.name: ({point.scale for point in p.points}, len(p.points)) for p in pairings}
    assert by_name["set5_psnr-parameters-x4"] == ({4}, 3)
    assert by_name["set5_psnr-parameters-x2"] == ({2}, 2)
    assert {pairing.y.title[-4:] for pairing in pairings} == {", x2", ", x4"}
    # A single network at a scale is no comparison, unless there are no others.
    assert {p.name[-3:] for p in list_scatter_figures(_board(*four, two[0]))} == {"-x4"}
    assert {p.name[-3:] for p in list_scatter_figures(_board(four[0], two[0]))} == {"-x4", "-x2"}
    assert "set5_psnr-parameters" in {
        pairing.name for pairing in list_scatter_figures(_board(four[0]))
    }


def test_a_runtime_of_a_cpu_says_so() -> None:
    of_gpu = _measured(1, 4, {"Set5": ("psnr",)})
    of_cpu = replace(_measured(2, 4, {"Set5": ("psnr",)}), clock="perf_counter")

    def titles(*records: Record) -> set[str]:
        pairings = list_scatter_figures(_board(*records))
        return {p.x.title for p in pairings if p.x.column == "Ranked runtime [ms]"}

    assert titles(of_gpu) == {"Runtime [ms]"}
    assert titles(of_cpu) == {"Runtime [ms] (CPU, wall clock)"}
    assert titles(of_gpu, of_cpu) == {"Runtime [ms] (some: CPU, wall clock)"}


def _scatter(points: list[FigurePoint], set_name: str = "Set5") -> Draw:
    y = replace(PSNR, title=f"{set_name} PSNR_Y [dB], x4")
    x = replace(TIME, title="Runtime [ms] (some: CPU, wall clock)")
    return partial(draw_scatter, points=points, x=x, y=y)


def _of_all_groups() -> Draw:
    """The most that a legend can hold: the front and every group."""
    return _scatter(
        [
            replace(_point(f"{i:02d}_Network", 5 + 3 * i, 27 + i % 5), group=GROUPS[i % 4])
            for i in range(9)
        ]
    )


def _of_a_wide_legend() -> Draw:
    """Entries that are wider than a column together, as those of two scales were."""

    def draw(axes: Axes) -> bool:
        for entry in ("Pareto front, x4", "not ranked, x2", "ranked, x4", "baseline, x4"):
            axes.plot([1, 2], [3, 4], label=entry)
        add_legend(axes)
        return True

    return draw


def _of_a_cpu_and_images() -> Draw:
    board = boards.varied()
    (matrix, *_) = build_matrices([line.standing.row for line in board.lines])
    return partial(
        paper_rows.draw_image_boxes,
        board=board,
        matrix=matrix,
        metric="runtime",
        clock=" (some: CPU, wall clock)",
    )


def _of_ranks() -> Draw:
    board = boards.varied()
    lines = [line for line in board.lines if line.standing.placings[0].rank]
    placed = [
        replace(
            line.standing, placings=(replace(line.standing.placings[0], frequencies=(0.5, 0.5)),)
        )
        for line in lines
    ]
    shown = [replace(line, standing=s) for line, s in zip(lines, placed, strict=True)]
    return partial(paper_rows.draw_rank_shares, board=replace(board, lines=tuple(shown)))


def _list_texts(figure: Figure) -> list[Text]:
    """Everything that is printed; Matplotlib keeps ticks beyond the ends of an axis, unprinted."""
    (axes,) = figure.axes
    texts = [*axes.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        ticks = [t for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
        texts += [axis.label, axis.get_offset_text(), *(tick.label1 for tick in ticks)]
    return texts


@pytest.mark.parametrize(
    "describe",
    [
        _of_a_wide_legend,
        _of_all_groups,
        lambda: _scatter([_point(f"N{i}", 0.004 * 4**i, 27 + i) for i in range(9)], "Urban100"),
        lambda: _scatter([_point("A", 1144.265, 31.20014), _point("B", 1144.271, 31.20021)]),
        lambda: _scatter([_point("W" * 26, 5, 27), _point("M" * 26, 9, 28)], "DIV2K_LSDIR_val..."),
        lambda: partial(paper_rows.draw_score_bars, board=boards.varied()),
        _of_ranks,
        _of_a_cpu_and_images,
    ],
    ids=["wide legend", "groups", "decades", "near", "long names", "scores", "ranks", "images"],
)
def test_no_text_is_cut_or_covers_another_and_the_axes_have_room(
    describe: Callable[[], Draw],
) -> None:
    with paper_style():
        figure = make_figure(describe(), 2.5)
        assert figure is not None
        figure.draw_without_rendering()
        boxes = [
            (text.get_text(), text.get_window_extent())
            for text in _list_texts(figure)
            if text.get_text() and text.get_visible()
        ]
        frame = figure.axes[0].get_window_extent()
    whole = figure.bbox
    cut = [t for t, b in boxes if b.x0 < 0 or b.y0 < 0 or b.x1 > whole.x1 or b.y1 > whole.y1]
    assert cut == []
    assert [(a, b) for (a, p), (b, q) in combinations(boxes, 2) if p.overlaps(q)] == []
    assert frame.width > 0.6 * whole.width
    assert frame.height > 0.5 * whole.height


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
