"""What the layers of a network cost, as a table of the terminal and of `report.html`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from esr.records.network_counts import LayerCost

HEAD = ("Layer", "Type", "Calls", "Output", "Params", "MACs [M]", "Acts [M]", "Time [ms]")
_LEFT = ("Layer", "Type")
_NAME_AT_LEAST = 16
"""Letters of a layer's name that stand in one line, however narrow the terminal."""


def lay_out_layers(label: str, layers: Sequence[LayerCost]) -> Table:
    """Lay out what every layer costs, and the sums."""
    table = Table(
        title=Text(f"Layers of {label}"), box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    longest = max((len(layer.name) for layer in layers), default=0)
    for title in HEAD:
        table.add_column(
            Text(title.replace(" [", "\n[")),
            justify="left" if title in _LEFT else "right",
            overflow="fold",
            no_wrap=title not in _LEFT,
            min_width=min(longest, _NAME_AT_LEAST) if title == "Layer" else None,
        )
    for layer in layers:
        table.add_row(*map(Text, list_costs(layer)))
    table.add_section()
    table.add_row("sum", "", "", "", *_sum_costs(layers))
    return table


def list_costs(layer: LayerCost) -> tuple[str, ...]:
    """Say what a layer costs, a text a column of `HEAD`."""
    # The batch is always 1.
    shape = "x".join(map(str, (layer.output_shape or ())[1:]))
    return (layer.name, layer.kind, str(layer.calls), shape, *_sum_costs([layer]))


def _sum_costs(layers: Sequence[LayerCost]) -> tuple[str, ...]:
    return (
        str(sum(layer.params for layer in layers)),
        f"{sum(layer.flops for layer in layers) / 1e6:.3f}",
        f"{sum(layer.activations for layer in layers) / 1e6:.3f}",
        f"{sum(layer.time_ms for layer in layers):.2f}",
    )
