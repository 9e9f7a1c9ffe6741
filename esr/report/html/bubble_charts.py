"""Two charts of `report.html`: PSNR and FLOPs against runtime, as plotly.js reads them."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from esr.base.visible_text import name
from esr.challenge.protocol import Protocol
from esr.rank.figures import Quantity, official_figure
from esr.rank.ranking import Standing

Figure = dict[str, Any]
"""A figure of plotly.js, `data` and `layout`: https://plotly.com/javascript/reference/."""

_GROUPS: tuple[tuple[str, str, Callable[[Standing], bool]], ...] = (
    ("ranked", "#3b76e1", lambda s: s.section == "ranked" and not s.is_baseline),
    ("baseline", "#8e44ad", lambda s: s.is_baseline),
    ("not ranked", "#d98200", lambda s: s.section == "unranked" and not s.is_baseline),
    ("failed since", "#c0392b", lambda s: s.section == "failed" and not s.is_baseline),
)
"""Name, colour and members of the traces."""

_GATE_COLOUR = "#e0524a"
_SIZE = "num_parameters"
_LARGEST_BUBBLE_PX = 44
_LOGARITHMIC_FROM = 8
"""Times the smallest figure that the largest must be before an axis becomes logarithmic."""

_ABOVE = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "itemsizing": "constant"}
"""Where the legend lies."""

_NO_BOX = "<extra></extra>"
"""Keeps plotly.js from adding the name of the trace."""

_ALL_NAMED_UP_TO = 4
"""Bubbles; among more, only the first and the baseline are named."""

_NAME_AT_MOST = 26
"""Letters of a name on an axis or beside a point."""


@dataclass(frozen=True)
class Point:
    """One submission on a chart."""

    standing: Standing
    runtime: Quantity

    def read(self, key: str) -> float | None:
        """Look up a figure by its official key."""
        return official_figure(self.standing.row, key)


def choose_points(standings: Sequence[Standing]) -> list[Point]:
    """Choose the submissions whose runtime is known."""
    return [
        Point(standing, standing.runtime)
        for standing in standings
        if standing.runtime is not None and standing.runtime.value > 0
    ]


def draw_psnr_runtime(points: Sequence[Point], protocol: Protocol) -> Figure:
    """Draw PSNR (validation) against runtime, with the protocol's gate if it was judged."""
    figure = _draw("PSNR (validation) [dB]", points, "valid_ave_psnr", ".4f", "dB")
    if protocol.gate and any(p.standing.gate.val_margin_db is not None for p in points):
        gate_db = protocol.gate.val_psnr_db
        line = {"color": _GATE_COLOUR, "width": 1.5, "dash": "dash"}
        ends = {"x0": 0, "x1": 1, "xref": "paper", "y0": gate_db, "y1": gate_db}
        label = {
            "text": f"gate {gate_db:.2f} dB",
            "textposition": "end",
            "font": {"color": _GATE_COLOUR},
        }
        figure["layout"]["shapes"] = [{"type": "line", "line": line, "label": label, **ends}]
    return figure


def draw_flops_runtime(points: Sequence[Point]) -> Figure:
    """Draw FLOPs, by the protocol's counter, against runtime."""
    figure = _draw("FLOPs [G]", points, "flops", ".3f", "G FLOPs")
    figure["layout"]["yaxis"]["rangemode"] = "tozero"
    return figure


def _draw(title: str, points: Sequence[Point], key: str, digits: str, unit: str) -> Figure:
    # An infinite PSNR has no place on an axis (`esr.report.html.charts.list_undrawn`).
    shown = [p for p in points if (figure := p.read(key)) is not None and math.isfinite(figure)]
    traces = list(_draw_bubbles(shown, key, f"%{{y:{digits}}} {unit}"))
    return {"data": traces, "layout": _lay_out(title, shown)}


def _lay_out(title: str, points: Sequence[Point]) -> Figure:
    times = [point.runtime.value for point in points]
    wide = bool(times) and max(times) > _LOGARITHMIC_FROM * min(times)
    x_axis: Figure = {"title": {"text": "Runtime [ms]"}, "automargin": True}
    return {
        "xaxis": x_axis | ({"type": "log", "tickvals": _list_ticks(times)} if wide else {}),
        "yaxis": {"title": {"text": title}, "automargin": True},
        "legend": _ABOVE,
        "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        "hoverlabel": {"align": "left"},
        "height": 420,
    }


def _list_ticks(times: Sequence[float]) -> list[float]:
    """List 1, 2, 5, 10, ...: by itself plotly.js writes 2 and 5 for 20 and 50."""
    first, last = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    return [float(f"{digit}e{power}") for power in range(first, last + 1) for digit in (1, 2, 5)]


def _draw_bubbles(points: Sequence[Point], key: str, figure: str) -> Iterator[Figure]:
    """Make a trace a group; the area of a bubble is proportional to the number of parameters."""
    most = max((point.read(_SIZE) or 0 for point in points), default=0)
    times = [point.runtime.value for point in points]
    middle_ms = math.sqrt(min(times) * max(times)) if times else 0
    for title, colour, belongs in _GROUPS:
        group = [point for point in points if belongs(point.standing)]
        if not group:
            continue
        yield {
            "type": "scatter",
            "mode": "markers+text",
            "name": title,
            "x": [point.runtime.value for point in group],
            "y": [point.read(key) for point in group],
            "error_x": _draw_error_bars(group),
            "text": [
                _write_name(point.standing, len(points) <= _ALL_NAMED_UP_TO) for point in group
            ],
            "textposition": [_place_name(point, middle_ms) for point in group],
            "hovertext": [_write_hover(point) for point in group],
            "hovertemplate": f"%{{hovertext}}<br>{figure}, %{{x:.3f}} ms{_NO_BOX}",
            "marker": {
                "color": colour,
                "opacity": 0.72,
                "size": [point.read(_SIZE) or 0 for point in group],
                "sizemode": "area",
                "sizeref": 2 * most / _LARGEST_BUBBLE_PX**2 or 1,
                "sizemin": 4,
            },
        }


def _draw_error_bars(group: Sequence[Point]) -> Figure:
    return {
        "type": "data",
        "symmetric": False,
        "visible": any(point.runtime.low < point.runtime.high for point in group),
        "array": [point.runtime.high - point.runtime.value for point in group],
        "arrayminus": [point.runtime.value - point.runtime.low for point in group],
        "thickness": 1,
    }


def _write_name(standing: Standing, always: bool) -> str:
    # Many names would cover each other; pointing at a bubble tells the others.
    rank = standing.placings[0].rank
    return shorten_name(standing) if always or rank == 1 or standing.is_baseline else ""


def _place_name(point: Point, middle_ms: float) -> str:
    """Put a name where it stays within the chart, and the baseline's away from the winner's."""
    vertical = "bottom" if point.standing.is_baseline else "top"
    return f"{vertical} {'left' if point.runtime.value > middle_ms else 'right'}"


def _write_hover(point: Point) -> str:
    rank, params_m = point.standing.placings[0].rank, point.read(_SIZE)
    lines = [f"<b>{html.escape(name(point.standing.row.label))}</b>"]
    lines += [f"rank {rank}"] if rank is not None else []
    lines += [f"{params_m:.3f} M parameters"] if params_m is not None else []
    return "<br>".join(lines)


def shorten_name(standing: Standing) -> str:
    """Show a label where plotly.js draws text."""
    # plotly.js reads <b>, <a> and the like in every label.
    label = name(standing.row.label)
    cut = label if len(label) <= _NAME_AT_MOST else f"{label[: _NAME_AT_MOST - 3]}..."
    return html.escape(cut)
