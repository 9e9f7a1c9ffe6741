"""What is ours neither takes time of a watched pass nor draws the network's random numbers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from harness import PATIENCE_S
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import _get_current_dispatch_mode

from esr.audit.record_flags import complexity_flags
from esr.measure.counts import complexity
from esr.measure.counts.observed_pass import missed_by_official, observe
from esr.measure.op_watch import OpWatch

SIZE = (3, 32, 32)

FIRST = """
import json
import os
import sys
import torch
from torch import nn
from torch.nn import functional
from esr.measure.counts.observed_pass import observe

class Network(nn.Module):
    def __init__(self, expression):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.expression = compile(expression, "expression", "eval")
        self.imported = None

    def forward(self, x):
        before = set(sys.modules)
        y = eval(self.expression, globals() | {"self": self, "x": x})
        self.imported = sorted(set(sys.modules) - before)
        return y

torch.set_num_threads(1)
for expression in json.loads(sys.argv[1]):
    if not os.fork():  # Each is the first of its process.
        network = Network(expression)
        with torch.no_grad():
            observe(network, torch.rand(1, 3, 32, 32))
        print(json.dumps([expression, network.imported]), flush=True)
        os._exit(0)
    os.wait()
"""

EXPRESSIONS = [
    *(
        f"functional.interpolate(self.conv(x), scale_factor=4, mode='{mode}')"
        for mode in ("nearest", "nearest-exact", "bilinear", "bicubic", "area")
    ),
    "functional.interpolate(x.mean(1), scale_factor=2, mode='linear')",
    "functional.interpolate(x[None], scale_factor=2, mode='trilinear')",
    "functional.instance_norm(self.conv(x))",
    "functional.scaled_dot_product_attention(x, x, x)",
    "functional.grid_sample(x, functional.affine_grid(torch.eye(2, 3)[None], x.shape))",
    "nn.LSTM(32, 4)(x[0])[0]",
    "functional.pixel_shuffle(self.conv(x).repeat(1, 4, 1, 1), 2)",
]


def test_nothing_is_imported_while_a_pass_is_watched(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST, json.dumps(EXPRESSIONS)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    # A rule of PyTorch's in Python for nearest interpolation imported 486 modules.
    imported = dict(map(json.loads, done.stdout.splitlines()))
    assert imported == {expression: [] for expression in EXPRESSIONS}


def test_what_happens_but_once_is_no_work_of_the_network() -> None:
    paid: list[bool] = []

    class PaysOnce(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            watched = _get_current_dispatch_mode() is not None
            if watched and not paid:  # As an import that a pass needs only when it is watched.
                paid.append(True)
                until = time.thread_time() + 0.3
                while time.thread_time() < until:
                    pass
            return x + 1

    counts = complexity.count(PaysOnce(), SIZE)
    assert paid == [True]
    assert "outside_pytorch" not in {flag.name for flag in complexity_flags(counts)}


def test_work_beside_pytorch_in_every_pass_is_still_flagged() -> None:
    class Pays(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            until = time.thread_time() + 0.3
            while time.thread_time() < until:
                pass
            return x + 1

    flags = {flag.name for flag in complexity_flags(complexity.count(Pays(), SIZE))}
    assert "outside_pytorch" in flags


class Draws(nn.Module):
    def __init__(self, draw):
        super().__init__()
        self.draw = draw

    def forward(self, x: Tensor) -> Tensor:
        return self.draw(x)


SEEDED = {
    "randn_like": lambda x: x + torch.randn_like(x),
    "rand": lambda x: x + torch.rand(32),
    "dropout": lambda x: functional.dropout(x, training=True),
    "bernoulli": torch.bernoulli,
    "RReLU": lambda x: functional.rrelu(x - 0.5, training=True),
    "normal_": lambda x: x + torch.empty(32).normal_(),
    "randperm": lambda x: x[..., torch.randperm(32)],
    "multinomial": lambda x: x[..., torch.multinomial(torch.ones(32), 32)],
    "NumPy": lambda x: x + torch.from_numpy(np.random.rand(32).astype("f")),
}
_NUMBERS = np.random.default_rng(1)
_GENERATOR = torch.Generator()
OF_THEIR_OWN = {
    "numpy.Generator": lambda x: x + torch.from_numpy(_NUMBERS.random(32, dtype="f")),
    "torch.Generator": lambda x: x + torch.rand(32, generator=_GENERATOR),
    "system": lambda x: x + float(np.random.default_rng().random()),
}


@pytest.mark.parametrize("name", [*SEEDED, *OF_THEIR_OWN])
def test_network_that_draws_numbers_has_not_detected_a_counter(name: str) -> None:
    counts = complexity.count(Draws((SEEDED | OF_THEIR_OWN)[name]), SIZE)
    assert counts.differs_under == ()
    assert [flag.name for flag in complexity_flags(counts)] == []


def test_network_that_draws_and_detects_a_counter_is_still_caught() -> None:
    class Detects(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.randn_like(x) + 5 * torch.jit.is_tracing()

    assert complexity.count(Detects(), SIZE).differs_under == ("fvcore",)


@pytest.mark.parametrize("name", SEEDED)
def test_watching_leaves_the_generators_where_the_network_left_them(name: str) -> None:
    network, x = Draws(SEEDED[name]), torch.rand(1, *SIZE)
    torch.manual_seed(3)
    np.random.seed(3)
    alone = network(x)
    after = torch.rand(4)
    torch.manual_seed(3)
    np.random.seed(3)
    watched = observe(network, x).output
    assert isinstance(watched, Tensor)
    assert torch.equal(watched, alone)
    assert torch.equal(torch.rand(4), after)


class Twice(nn.Conv2d):
    """A layer that runs a second convolution inside."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + functional.conv2d(x, self.weight, padding=1)


def test_what_the_official_counter_saw_is_not_said_to_be_missed() -> None:
    # It sees two of three convolutions: the first layer's, and one of the second layer's two.
    network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), Twice(3, 3, 3, padding=1))
    counts = complexity.count(network, SIZE)
    assert (counts.num_conv, counts.dispatched.num_conv) == (2, 3)
    official = next(missed for missed in counts.missed if missed.counter == "official")
    assert (official.num_conv, official.flops) == (1, 9 * 3 * 3 * 32 * 32)
    details = [flag.detail for flag in complexity_flags(counts) if "official" in flag.detail]
    assert len(details) == 1
    assert "33% hidden, 1 of 3 convolutions" in details[0]


def test_layer_that_costs_more_than_its_rule_was_seen_all_the_same() -> None:
    # Without a batch the official rule takes channels and rows for one another: 3 of 32 rows.
    class Unbatched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x[0])[None]

    network = Unbatched()
    with torch.no_grad():
        seen = observe(network, torch.rand(1, *SIZE))
    missed = missed_by_official(seen, [network.conv])
    assert (missed.num_conv, missed.flops) == (0, 81 * 32 * (32 - 3))
    assert [(op.name, op.calls) for op in missed.ops] == [("aten::convolution", 1)]


@pytest.mark.parametrize("made", [1, 2])
def test_a_network_is_traced_whole_while_it_is_watched(made: int) -> None:
    network, sizes = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2)), (32, 20)
    tracer, image = torch.jit.trace, torch.rand(1, 3, 32, 32)
    with torch.no_grad(), OpWatch() as watch:
        if made == 1:
            traced = torch.jit.trace(network, image)
        else:
            traced = torch.jit.trace_module(network, {"forward": image})
    assert torch.jit.trace is tracer
    # As a constant, the image of the trace would come out whatever goes in.
    for size in sizes:
        another = torch.rand(1, 3, size, size)
        assert torch.equal(traced(another), network(another))
    assert watch.image_convs >= 1
    assert watch.largest == (1, 12, 32, 32)
