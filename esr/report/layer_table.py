"""The table of layers on the terminal. Rounding happens here."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from esr.base.console import stdout
from esr.records.op_counts import LayerCost

_LEFT = ("Layer", "Type")
_NAME_AT_LEAST = 16
"""Letters of a layer's name that stand in one line, however narrow the terminal."""


def layer_table(label: str, rows: Sequence[LayerCost]) -> Table:
    """Lay out what every layer costs, and the sums."""
    table = Table(
        title=Text(f"Layers of {label}"), box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    longest = max((len(row.name) for row in rows), default=0)
    for title in (*_LEFT, "Calls", "Output", "Params", "MACs\n[M]", "Acts\n[M]", "Time\n[ms]"):
        table.add_column(
            Text(title),
            justify="left" if title in _LEFT else "right",
            overflow="fold",
            no_wrap=title not in _LEFT,
            min_width=min(longest, _NAME_AT_LEAST) if title == "Layer" else None,
        )
    for row in rows:
        # The batch is always 1.
        shape = "x".join(map(str, (row.output_shape or ())[1:]))
        table.add_row(
            *map(Text, (row.name, row.kind, str(row.calls), shape)), *map(Text, _figures([row]))
        )
    table.add_section()
    table.add_row("sum", "", "", "", *_figures(rows))
    return table


def _figures(rows: Sequence[LayerCost]) -> tuple[str, ...]:
    return (
        str(sum(row.params for row in rows)),
        f"{sum(row.flops for row in rows) / 1e6:.3f}",
        f"{sum(row.activations for row in rows) / 1e6:.3f}",
        f"{sum(row.time_ms for row in rows):.2f}",
    )


def print_layers(label: str, rows: Sequence[LayerCost]) -> None:
    """Print the table of one submission."""
    stdout().print(layer_table(label, rows))
