"""All counters together, against reference runs of the official repositories and hand formulas."""

from __future__ import annotations

import json
import logging

import pytest
import torch
from torch import nn
from torch.nn import functional

from esr.measure.counts import complexity
from esr.records.network_counts import OpCount
from models.team00_RFDN import RFDN

SIZE = (3, 16, 24)
PIXELS = 16 * 24


@pytest.fixture(scope="module")
def rfdn():
    return complexity.count(RFDN())


def test_rfdn_has_the_figures_of_the_official_runs(rfdn):
    assert rfdn.input_size == (3, 256, 256)
    assert rfdn.params == 433_448
    assert rfdn.flops_official == 27_102_622_560
    assert rfdn.flops_fvcore == 27_046_231_296
    assert rfdn.activations == 112_034_240
    assert rfdn.num_conv == 64
    assert rfdn.notes == ()


def test_rfdn_agrees_with_the_reference_file(rfdn, shared):
    reference = json.loads((shared / "reference" / "official_submissions.json").read_text())
    row = next(
        row for row in reference["submissions"] if (row["year"], row["model_id"]) == (2023, 0)
    )
    assert rfdn.params / 1e6 == row["params_m"]
    assert rfdn.flops_official / 1e9 == row["flops_official_g"]
    assert rfdn.flops_fvcore / 1e9 == row["flops_fvcore_g"]
    assert rfdn.activations / 1e6 == row["activations_m"]
    assert rfdn.num_conv == row["num_conv"]
    uncounted = {op.name: op.calls for op in rfdn.fvcore_uncounted}
    assert uncounted == row["fvcore_unsupported"]
    assert list(uncounted) == sorted(uncounted)
    # Convolutions alone, counted at dispatch; thop counts nothing else in RFDN.
    assert rfdn.flops_thop / 1e9 == row["macs_torch_dispatch_g"]


def test_counters_agree_on_plain_convolutions_and_give_integers():
    counts = complexity.count(nn.Conv2d(3, 8, 3, padding=1, groups=1), SIZE)
    cost = 9 * 3 * 8 * PIXELS
    assert (counts.flops_official, counts.flops_fvcore, counts.flops_thop) == (cost, cost, cost)
    figures = (counts.params, cost, counts.flops_fvcore, counts.flops_thop, counts.activations)
    assert all(type(figure) is int for figure in figures)


def test_parameters_include_frozen_ones_and_no_buffers():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)).requires_grad_(False)
    assert complexity.count(model, SIZE).params == (9 + 3) + (3 + 3)


def test_network_without_parameters():
    class Nearest(nn.Module):
        def forward(self, x):
            return functional.interpolate(x, scale_factor=4)

    counts = complexity.count(Nearest(), SIZE)
    assert (counts.params, counts.flops_official, counts.flops_thop) == (0, 0, 0)
    assert (counts.activations, counts.num_conv, counts.notes) == (0, 0, ())


class Untraceable(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 1)

    def forward(self, x):
        if torch.jit.is_tracing():
            raise RuntimeError("cannot be\n   traced " + "x" * 1000)
        return self.conv(x)


class TakesThopsNames(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 1)
        self.total_ops = 0

    def forward(self, x):
        return self.conv(x)


class UnusualConv(nn.Conv2d):
    def forward(self, x):
        return (super().forward(x), None)


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = UnusualConv(3, 8, 1)

    def forward(self, x):
        return self.conv(x)[0]


@pytest.mark.parametrize(
    ("network", "failing", "note"),
    [
        (Untraceable, {"fvcore"}, "fvcore: RuntimeError: cannot be traced xxx"),
        (TakesThopsNames, {"thop"}, "thop: KeyError: "),
        (Wrapped, {"official"}, "official: AttributeError: "),
    ],
)
def test_a_counter_that_fails_leaves_a_note_and_the_others_count(network, failing, note):
    counts = complexity.count(network(), SIZE)
    figures = {
        "official": counts.flops_official,
        "fvcore": counts.flops_fvcore,
        "thop": counts.flops_thop,
    }
    assert {name for name, figure in figures.items() if figure is None} == failing
    assert (counts.activations is None) == (counts.num_conv is None) == ("official" in failing)
    assert len(counts.notes) == 1
    assert counts.notes[0].startswith(note)
    assert "\n" not in counts.notes[0]
    assert len(counts.notes[0]) <= 200


def test_network_that_fails_leaves_only_its_parameters():
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 1)

        def forward(self, x):
            return self.conv(x)

    counts = complexity.count(Broken(), SIZE)
    assert counts.params == 20
    assert (counts.flops_official, counts.flops_fvcore, counts.flops_thop) == (None, None, None)
    assert [note.split(":")[0] for note in counts.notes] == [
        *("official", "fvcore", "dispatch", "thop")
    ]


def test_what_fvcore_does_not_count_is_listed_by_name():
    class Net(nn.Module):
        def forward(self, x):
            return torch.sigmoid(functional.gelu(x) + x) * x - functional.gelu(x)

    names = ["aten::add", "aten::gelu", "aten::mul", "aten::sigmoid", "aten::sub"]
    calls = [1, 2, 1, 1, 1]
    expected = tuple(OpCount(name, n) for name, n in zip(names, calls, strict=True))
    assert complexity.count(Net(), SIZE).fvcore_uncounted == expected


def test_training_mode_and_data_do_not_change_the_counts():
    class Chooses(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 8, 1), nn.Conv2d(3, 8, 3, padding=1)
            self.drop = nn.Dropout(0.5)

        def forward(self, x):
            if self.training:
                x = self.b(x)
            device = torch.device(x.device)
            bias = torch.linspace(0, 1, x.shape[-1], device=device)
            return self.drop(self.a(x + bias) if x.mean() > 0.2 else self.b(x))

    model = Chooses()
    counts = complexity.count(model.train(), SIZE)
    assert counts == complexity.count(model.eval(), SIZE)
    assert (counts.flops_official, counts.num_conv, counts.notes) == (3 * 8 * PIXELS, 1, ())


def test_no_graph_is_built():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 1)

        def forward(self, x):
            y = self.conv(x)
            assert not y.requires_grad
            return y

    assert complexity.count(Net(), SIZE).notes == ()


def test_says_nothing_and_leaves_logging_alone(capfd, recwarn, monkeypatch):
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root.manager, "disable", logging.DEBUG)
    model = nn.Sequential(nn.Upsample(scale_factor=2, mode="area"), nn.Hardswish(), nn.PReLU())
    complexity.count(model, SIZE)
    assert capfd.readouterr() == ("", "")
    assert not list(recwarn)
    assert (logging.root.handlers, logging.root.manager.disable) == ([], logging.DEBUG)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_counts_do_not_depend_on_the_device():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1))
    on_cpu = complexity.count(model, SIZE)
    assert on_cpu.notes == ()
    assert complexity.count(model.cuda(), SIZE) == on_cpu
