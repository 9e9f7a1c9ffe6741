"""The table of layers adds up to the totals, and puts the cost where it arises."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import boards
import pytest
import torch
from rich.console import Console
from test_complexity_audit import Functional, Honest, OverridesCall
from torch import nn
from torch.nn import functional

from esr.challenge.protocol import protocols
from esr.measure.counts import complexity
from esr.measure.counts.layer_costs import FUNCTIONAL, WHOLE, layers
from esr.records.network_counts import LayerCost
from esr.report.board import build_board
from esr.report.formats import write_all
from esr.report.layer_table import HEAD, lay_out_layers
from models.team00_RFDN import RFDN

SIZE = (3, 16, 24)
PIXELS = 16 * 24


class Shared(nn.Module):
    """One layer called twice under two names, a parameter of its own, a module made on the way."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 3, 3, padding=1)
        self.part = nn.Sequential(self.first, nn.BatchNorm2d(3))
        self.scale = nn.Parameter(torch.ones(1, 3, 1, 1))

    def forward(self, x):
        x = self.part(self.first(x)) * self.scale
        return nn.Conv2d(3, 2, 1)(x)


@pytest.mark.parametrize("network", [Honest, Functional, OverridesCall, Shared, RFDN])
def test_columns_sum_up_to_the_totals(network):
    model = network()
    counts, rows = complexity.count(model, SIZE), layers(model, SIZE)
    assert sum(row.params for row in rows) == counts.params
    assert sum(row.flops for row in rows) == counts.flops_dispatch
    assert sum(row.activations for row in rows) == counts.activations
    assert all(row.time_ms >= 0 for row in rows)


def test_rows_of_an_official_style_network():
    rows = {row.name: row for row in layers(Honest(), SIZE)}
    assert list(rows) == [WHOLE, "head", "body", "tail", "act"]
    body = rows["body"]
    assert (body.kind, body.calls, body.output_shape) == ("Conv2d", 1, (1, 16, 16, 24))
    assert (body.params, body.flops) == (16 * 16 * 9 + 16, 16 * 16 * 9 * PIXELS)
    assert body.activations == 16 * PIXELS
    assert (rows["act"].kind, rows["act"].flops, rows["act"].activations) == ("LeakyReLU", 0, 0)
    whole = rows[WHOLE]
    assert (whole.kind, whole.flops, whole.output_shape) == (FUNCTIONAL, 0, (1, 3, 64, 96))


def test_functional_work_stands_beside_the_module_that_does_it():
    rows = {row.name: row for row in layers(nn.Sequential(Functional(), nn.Upsample(8)), SIZE)}
    assert (rows["0"].kind, rows["0"].flops) == (FUNCTIONAL, 16 * 16 * 9 * PIXELS)
    assert (rows["0.body"].calls, rows["0.body"].params) == (0, 16 * 16 * 9 + 16)


def test_layer_that_is_called_twice_is_one_row():
    rows = {row.name: row for row in layers(Shared(), SIZE)}
    first = rows["first"]
    assert (first.calls, first.params) == (2, 3 * 3 * 9 + 3)
    assert (first.flops, first.activations) == (2 * 81 * PIXELS, 2 * 3 * PIXELS)
    assert (rows[WHOLE].params, rows[WHOLE].flops) == (3, 3 * 2 * PIXELS)


def test_network_is_left_as_it_was():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return functional.relu(x)

    model = Counts()
    layers(model, SIZE)
    assert (model.calls, model.training, len(model._forward_hooks)) == (0, True, 0)


def test_table_shows_every_layer_and_the_sums():
    rows = layers(Honest(), SIZE)
    console = Console(width=120, file=io.StringIO())
    console.print(lay_out_layers("00_Honest", rows, console.width))
    printed = console.file.getvalue()
    for row in rows:
        assert row.name in printed
    last = printed.rstrip().splitlines()[-1].split()
    assert last[:2] == ["sum", str(sum(p.numel() for p in Honest().parameters()))]
    assert last[2] == f"{sum(row.flops for row in rows) / 1e6:.3f}"


def _print(rows: list[LayerCost], width: int) -> str:
    console = Console(width=width, file=io.StringIO())
    console.print(lay_out_layers("00_Net", rows, width))
    return console.file.getvalue()


NAMED = [
    LayerCost("(network)", "(functional)", 1, (1, 3, 1024, 1024), 0, 0, 0, 0.5),
    LayerCost("block_1.c1_r.eval_conv", "Conv2d", 1, (1, 28, 256, 256), 7084, 462422016, 7, 31.25),
    LayerCost("upsampler.1", "PixelShuffle", 1, (1, 3, 1024, 1024), 0, 0, 0, 12.5),
]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120])
def test_narrow_tables_drop_whole_columns_and_say_so(width: int) -> None:
    printed = _print(NAMED, width)
    lines = printed.splitlines()
    assert max(map(len, lines)) <= width
    words = printed.split()
    shown = [
        title for title in HEAD if title.partition(" [")[0] in words[: words.index("(network)")]
    ]
    left_out = [title.partition(" [")[0] for title in HEAD if title not in shown]
    # The figure that a table of layers is for is in every one; 0.5 + 31.25 + 12.5 = 44.25 ms.
    assert {"Layer", "Time [ms]"} <= {*shown}
    assert "44.25" in words
    assert (f"also in layers.csv: {', '.join(left_out)}" in " ".join(words)) is bool(left_out)
    assert (width < 100) is bool(left_out)
    # Names are broken after a dot and nowhere else, types and figures nowhere.
    assert "eval_conv" in printed
    for word in ("PixelShuffle", "(functional)", "3x1024x1024", "462.422"):
        column = {"P": "Type", "(": "Type", "3": "Output", "4": "MACs [M]"}[word[0]]
        assert (word in words) is (column in shown)


def test_every_layer_is_in_a_file_with_every_digit(tmp_path: Path) -> None:
    with_layers = replace(boards.record(1, "Net", 5.0, 27.0), layers=tuple(NAMED))
    rows = [boards.row(with_layers), boards.row(boards.record(2, "Bare", 5.0, 27.0))]
    write_all(build_board(rows[1:], protocols()["ntire2026"]), tmp_path)
    assert not (tmp_path / "layers.csv").exists()
    write_all(build_board(rows, protocols()["ntire2026"]), tmp_path)
    read = list(csv.reader((tmp_path / "layers.csv").open()))
    assert read[0] == ["Model", "Layer", "Type", "Calls", "Output", "Params", "MACs", "Acts", "Time [ms]"]  # fmt: skip
    assert len(read) == 4
    assert read[2] == [
        *("01_Net", "block_1.c1_r.eval_conv", "Conv2d", "1", "28x256x256"),
        *("7084", "462422016", "7", "31.25"),
    ]
    # Without the row its layers are gone as well, and no figure of before stays.
    write_all(build_board(rows[1:], protocols()["ntire2026"]), tmp_path)
    assert list(csv.reader((tmp_path / "layers.csv").open())) == [read[0]]
