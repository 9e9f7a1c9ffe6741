"""What the layers of a network cost, as a table of the terminal and of `report.html`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from esr.base.visible_text import one_line
from esr.base.word_wrap import split_name, wrap_name
from esr.records.network_counts import LayerCost
from esr.report.layer_csv import LAYER_CSV_FILE, say_output_size

HEAD = ("Layer", "Type", "Calls", "Output", "Params", "MACs [M]", "Acts [M]", "Time [ms]")
_NAME, _TYPE = 0, 1
_BY_WEIGHT = (_NAME, 7, 5, 4, 6, _TYPE, 3, 2)
"""Positions in `HEAD`: what a narrow terminal shows first."""
_EDGES, _GAP = 2, 2
_NAME_AT_LEAST = 24
"""Letters of a layer's name that stand in one line, however narrow the terminal."""
_ENDS = "."
"""A name is broken after its parts alone."""


def lay_out_layers(label: str, layers: Sequence[LayerCost], width: int) -> RenderableType:
    """Lay out what every layer costs, and the sums; what has no room is named.

    Args:
        label: of the submission.
        layers: in the order of the network.
        width: characters of the terminal.
    """
    rows = [list_costs(layer) for layer in layers]
    sums = ("sum", "", "", "", *_sum_costs(layers))
    widths = _fit([*rows, sums], width)
    table = Table(
        title=Text(f"Layers of {label}"), box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    for place, room in widths.items():
        table.add_column(
            Text(HEAD[place].replace(" [", "\n[")),
            justify="left" if place in (_NAME, _TYPE) else "right",
            overflow="fold",
            width=room,
        )
    for row in rows:
        wrapped = (wrap_name(row[_NAME], widths[_NAME], _ENDS), *row[1:])
        table.add_row(*(Text(wrapped[place]) for place in widths))
    table.add_section()
    table.add_row(*(sums[place] for place in widths))
    left_out = [title.partition(" [")[0] for place, title in enumerate(HEAD) if place not in widths]
    if not left_out:
        return table
    return Group(table, Text(f"also in {LAYER_CSV_FILE}: {', '.join(left_out)}", style="dim"))


def _fit(rows: Sequence[Sequence[str]], width: int) -> dict[int, int]:
    """Choose columns: a name may be broken between its parts, a figure or a type never.

    Returns:
        the width of each by its position in `HEAD`, from left to right; of names and times always
    """
    full = [
        max(map(cell_len, (*title.split(), *(row[place] for row in rows))))
        for place, title in enumerate(HEAD)
    ]
    parts = (part for row in rows for part in split_name(row[_NAME], _ENDS))
    name_width = max(min(full[_NAME], _NAME_AT_LEAST), *map(cell_len, parts))
    chosen, free = {_NAME}, width - _EDGES - name_width
    for place in _BY_WEIGHT[1:]:
        needed = full[place] + _GAP
        if needed > free and len(chosen) > 1:
            break
        chosen.add(place)
        free -= needed
    # Where not even names and times have room, it is the names that give way.
    full[_NAME] = max(1, min(full[_NAME], name_width + free))
    return {place: full[place] for place in sorted(chosen)}


def list_costs(layer: LayerCost) -> tuple[str, ...]:
    """Say what a layer costs, a text a column of `HEAD`."""
    shown = one_line(layer.name), one_line(layer.kind), str(layer.calls), say_output_size(layer)
    return (*shown, *_sum_costs([layer]))


def _sum_costs(layers: Sequence[LayerCost]) -> tuple[str, ...]:
    return (
        str(sum(layer.params for layer in layers)),
        f"{sum(layer.flops for layer in layers) / 1e6:.3f}",
        f"{sum(layer.activations for layer in layers) / 1e6:.3f}",
        f"{sum(layer.time_ms for layer in layers):.2f}",
    )
