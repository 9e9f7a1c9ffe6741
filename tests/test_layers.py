"""The table of layers adds up to the totals, and puts the cost where it arises."""

from __future__ import annotations

import io

import pytest
import torch
from rich.console import Console
from test_complexity_audit import Functional, Honest, OverridesCall
from torch import nn
from torch.nn import functional

from esr.measure.counts import complexity
from esr.measure.counts.layer_costs import FUNCTIONAL, WHOLE, layers
from esr.report.layer_table import lay_out_layers
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
    console.print(lay_out_layers("00_Honest", rows))
    printed = console.file.getvalue()
    for row in rows:
        assert row.name in printed
    last = printed.rstrip().splitlines()[-1].split()
    assert last[:2] == ["sum", str(sum(p.numel() for p in Honest().parameters()))]
    assert last[2] == f"{sum(row.flops for row in rows) / 1e6:.3f}"
