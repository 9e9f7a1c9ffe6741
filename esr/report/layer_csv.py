"""`layers.csv`: a line for each layer of each submission that `--layers` was asked for.

Text is written as in `leaderboard.csv`, figures with every digit.
"""

from __future__ import annotations

from esr.records.network_counts import LayerCost
from esr.records.results_folder import Row
from esr.report.board import Board
from esr.report.cell import Value
from esr.report.csv_table import write_csv

LAYER_CSV_FILE = "layers.csv"

_HEAD = ("Model", "Layer", "Type", "Calls", "Output", "Params", "MACs", "Acts", "Time [ms]")


def has_layers(board: Board) -> bool:
    """Tell whether the layers of any submission are known."""
    return any(_list_layers(line.standing.row) for line in board.lines)


def render_layer_csv(board: Board) -> str:
    """Say in CSV what every layer costs.

    `MACs` are multiply-adds and `Acts` elements of outputs, of an input of batch 1.
    """
    rows: list[tuple[Value, ...]] = [
        (
            *(line.standing.row.name, layer.name, layer.kind, layer.calls),
            *(say_output_size(layer) or None, layer.params, layer.flops, layer.activations),
            layer.time_ms,
        )
        for line in board.lines
        for layer in _list_layers(line.standing.row)
    ]
    return write_csv(_HEAD, rows)


def _list_layers(row: Row) -> tuple[LayerCost, ...]:
    return row.record.layers if row.record else ()


def say_output_size(layer: LayerCost) -> str:
    """Say what comes out, `48x256x256`; without the batch, which is always 1."""
    return "x".join(map(str, (layer.output_shape or ())[1:]))
