"""One odd tensor, wherever it is, costs no counter that could do without it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from esr.measure.counts import complexity
from esr.measure.counts.layer_costs import layers
from esr.measure.counts.output_comparison import differ, kept

SIZE = (3, 64, 64)
COST = 9 * 3 * 8 * 64 * 64
"""Multiply-adds of the one convolution."""
EYE = torch.eye(8)
# PyTorch warns that sparse and nested tensors are new.
pytestmark = pytest.mark.filterwarnings("ignore")


def _inference() -> Tensor:
    with torch.inference_mode():
        return torch.eye(8)


ODD: dict[str, Callable[[], Tensor]] = {
    "sparse": EYE.to_sparse,
    "CSR": EYE.to_sparse_csr,
    "CSC": EYE.to_sparse_csc,
    "BSR": lambda: EYE.to_sparse_bsr((2, 2)),
    "complex": lambda: torch.ones(8, 8, dtype=torch.complex64),
    "conjugate": lambda: torch.ones(8, 8, dtype=torch.complex64).conj(),
    "quantized": lambda: torch.quantize_per_tensor(EYE, 0.1, 0, torch.qint8),
    "quantized by channel": lambda: torch.quantize_per_channel(
        EYE, torch.ones(8), torch.zeros(8), 0, torch.qint8
    ),
    "fp8": lambda: EYE.to(torch.float8_e4m3fn),
    "fp8 of 5 bits": lambda: EYE.to(torch.float8_e5m2),
    "meta": lambda: torch.empty(8, 8, device="meta"),
    "nested": lambda: torch.nested.nested_tensor([EYE, EYE[:4]]),
    "jagged": lambda: torch.nested.nested_tensor([EYE, EYE[:4]], layout=torch.jagged),
    "MKL-DNN": EYE.to_mkldnn,
    "inference": _inference,
    "no elements": lambda: torch.empty(0),
    "16 bits without sign": lambda: torch.zeros(8, dtype=torch.uint16),
}


class Keeps(nn.Module):
    def __init__(self, odd: Tensor, where: str):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        if where == "parameter":
            self.odd = nn.Parameter(odd, requires_grad=False)
        elif where == "buffer":
            self.register_buffer("odd", odd)
        else:
            self.odd = [odd]

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


@pytest.mark.parametrize("where", ["parameter", "buffer", "attribute"])
@pytest.mark.parametrize("name", ODD)
def test_odd_tensor_of_a_network_costs_no_counter(name: str, where: str) -> None:
    network = Keeps(ODD[name](), where)
    counts = complexity.count(network, SIZE)
    assert counts.notes == ()
    assert counts.flops_dispatch == counts.flops_official == COST
    assert counts.flops_fvcore == counts.flops_thop == COST
    assert (counts.num_conv, counts.activations) == (1, 8 * 64 * 64)
    assert counts.differs_under == ()
    assert sum(layer.flops for layer in layers(network, SIZE)) == COST


class Returns(nn.Module):
    def __init__(self, function: Callable[[Tensor], object]):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(self.conv(x))


OUTPUTS: dict[str, Callable[[Tensor], object]] = {
    "fp8": lambda y: y.to(torch.float8_e4m3fn),
    "fp8 of 5 bits": lambda y: y.to(torch.float8_e5m2),
    "meta": lambda y: y.to("meta"),
    "sparse": lambda y: y.to_sparse(),
    "CSR": lambda y: y[0, 0].to_sparse_csr(),
    "nested": lambda y: torch.nested.nested_tensor([y[0, 0], y[0, 1]]),
    "jagged": lambda y: torch.nested.nested_tensor([y[0, 0], y[0, 1]], layout=torch.jagged),
    "complex": lambda y: torch.complex(y, y),
    "quantized": lambda y: torch.quantize_per_tensor(y, 0.1, 0, torch.quint8),
    "MKL-DNN": lambda y: y.to_mkldnn(),
    "integers": lambda y: y.int(),
    "a pair": lambda y: (y, y),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_odd_output_costs_no_counter_but_the_tracer(name: str) -> None:
    counts = complexity.count(Returns(OUTPUTS[name]), SIZE)
    assert counts.flops_dispatch == counts.flops_official == counts.flops_thop == COST
    # fvcore's tracer takes no nested tensor, and says so.
    assert (counts.flops_fvcore == COST) == (counts.notes == ())
    assert all(note.startswith("fvcore: ") for note in counts.notes)
    assert counts.differs_under == ()


@pytest.mark.parametrize("name", [name for name in OUTPUTS if name not in ("meta", "a pair")])
def test_outputs_of_every_kind_are_compared_by_their_values(name: str) -> None:
    values = torch.linspace(0, 1, 2 * 16).reshape(1, 2, 4, 4)
    output = OUTPUTS[name](10 * values)
    assert not differ(output, OUTPUTS[name](10 * values))
    assert differ(output, OUTPUTS[name](10 * values.flip(3)))
    assert differ(output, values[0])


def test_copy_of_an_output_does_not_change_with_it() -> None:
    output = torch.zeros(3)
    copy = kept(output)
    output += 1
    assert differ(output, copy)
    assert kept((output,)) is None


def test_every_counter_that_fails_says_why() -> None:
    class Refuses(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("never")

    counts = complexity.count(Refuses(), SIZE)
    assert counts.notes == tuple(
        f"{name}: RuntimeError: never" for name in ("official", "fvcore", "dispatch", "thop")
    )
    # Nor does the table of layers cost the row that it belongs to.
    assert layers(Refuses(), SIZE) == ()


def test_layer_that_is_built_when_first_called_is_counted() -> None:
    counts = complexity.count(nn.Sequential(nn.LazyConv2d(8, 3, padding=1)), SIZE)
    assert counts.flops_dispatch == counts.flops_official == COST
    assert counts.notes == ()
