"""Multiply-adds of operators that PyTorch's own counter passes over, against values by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from esr.audit.record_flags import complexity_flags, complexity_notes
from esr.measure.counts import complexity
from esr.records.network_counts import Counts

SIZE = (3, 64, 64)
PIXELS = 64 * 64
EYE = torch.eye(64)


class Applied(nn.Module):
    """A function of the input and of the modules that it is given."""

    def __init__(self, function: Callable[..., Tensor], *modules: nn.Module):
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(modules)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.parts)


def count(function: Callable[..., Tensor], *modules: nn.Module) -> Counts:
    return complexity.count(Applied(function, *modules).eval(), SIZE)


def sequences(x: Tensor) -> Tensor:
    """64 sequences of 64 steps of 3 features."""
    return x.permute(0, 2, 3, 1).flatten(0, 1)


def tokens(x: Tensor) -> Tensor:
    """64 sequences of 64 tokens of 12 features."""
    return sequences(x).repeat(1, 1, 4)


def pair(x: Tensor) -> Tensor:
    return torch.stack([x[0, 0], x[0, 1]])


LAYERS = {
    # A step of an LSTM: four gates, each of its 128 outputs from 3 inputs and 128 states.
    "LSTM": (lambda x, m: m(sequences(x))[0], nn.LSTM(3, 128), PIXELS * 4 * 128 * (3 + 128)),
    # Two directions, three gates; the second layer is given both directions of the first.
    "GRU": (
        lambda x, m: m(sequences(x))[0],
        nn.GRU(3, 16, num_layers=2, bidirectional=True),
        PIXELS * 2 * 3 * 16 * ((3 + 16) + (32 + 16)),
    ),
    "RNN": (lambda x, m: m(sequences(x))[0], nn.RNN(3, 16), PIXELS * 16 * (3 + 16)),
    # The state has 5 elements, projected from 16.
    "projected LSTM": (
        lambda x, m: m(sequences(x))[0],
        nn.LSTM(3, 16, proj_size=5),
        PIXELS * (4 * 16 * (3 + 5) + 16 * 5),
    ),
    "GRU cell": (
        lambda x, m: m(sequences(x).flatten(0, 1)),
        nn.GRUCell(3, 16),
        PIXELS * 3 * 16 * (3 + 16),
    ),
    # x' W y for each of 64 outputs: 12 times 12 products.
    "bilinear": (
        lambda x, m: m(tokens(x).flatten(0, 1), tokens(x).flatten(0, 1)),
        nn.Bilinear(12, 12, 64),
        PIXELS * 12 * 12 * 64,
    ),
    # Four projections of 12 to 12, and 64 queries times 64 keys, each over 12 features, twice.
    "attention": (
        lambda x, m: m(tokens(x), tokens(x), tokens(x))[0],
        nn.MultiheadAttention(12, 3, batch_first=True),
        4 * PIXELS * 12 * 12 + 64 * 64 * 64 * 12 * 2,
    ),
    # The same, and 12 to 24 and back.
    "encoder layer": (
        lambda x, m: m(tokens(x)),
        nn.TransformerEncoderLayer(12, 3, 24, batch_first=True),
        4 * PIXELS * 12 * 12 + 64 * 64 * 64 * 12 * 2 + PIXELS * 2 * 12 * 24,
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer_costs_what_its_definition_says(name):
    function, module, expected = LAYERS[name]
    counts = count(function, module)
    assert counts.flops_dispatch == expected
    assert counts.dispatched.unknown == ()
    # Nor does it pass unnoticed that the official counter sees none of it.
    assert any(
        f.name == "flops_hidden" and "official" in f.detail for f in complexity_flags(counts)
    )


def fused_encoder(x: Tensor, m: nn.TransformerEncoderLayer) -> Tensor:
    attention = m.self_attn
    return torch._transformer_encoder_layer_fwd(
        tokens(x), 12, 3, attention.in_proj_weight, attention.in_proj_bias,
        attention.out_proj.weight, attention.out_proj.bias, False, False, 1e-5,
        m.norm1.weight, m.norm1.bias, m.norm2.weight, m.norm2.bias,
        m.linear1.weight, m.linear1.bias, m.linear2.weight, m.linear2.bias,
    )  # fmt: skip


def test_fused_encoder_layer_costs_as_much_as_its_parts():
    _, module, expected = LAYERS["encoder layer"]
    assert count(fused_encoder, module).flops_dispatch == expected


FUNCTIONS = {
    # Three products of 64 x 64 matrices, summed.
    "addbmm": (lambda x: torch.addbmm(EYE, x[0], x[0]), 3 * 64**3),
    "baddbmm": (lambda x: torch.baddbmm(x[0], x[0], x[0]), 3 * 64**3),
    "addmv": (lambda x: torch.addmv(x[0, 0, 0], x[0, 0], x[0, 0, 1]), 64 * 64),
    "addr": (lambda x: torch.addr(EYE, x[0, 0, 0], x[0, 0, 1]), 64 * 64),
    "vdot": (lambda x: torch.vdot(x.flatten(), x.flatten())[None], 3 * PIXELS),
    "tensordot": (lambda x: torch.tensordot(x[0], x[0], ([1, 2], [1, 2])), 3 * 3 * PIXELS),
    # Each of 512 x 512 distances is over 3 coordinates.
    "cdist": (lambda x: torch.cdist(x[0, :, :8].flatten(1).T, x[0, :, :8].flatten(1).T), 512**2 * 3),
    "cdist p=1": (lambda x: torch.cdist(x[0, 0], x[0, 0], p=1), 64**3),
    "pdist": (lambda x: torch.pdist(x[0, 0]), 64 * 63 // 2 * 64),
    # Two coordinates of each pixel from x, y and 1.
    "affine grid": (
        lambda x: functional.affine_grid(torch.eye(2, 3)[None], [1, 3, 64, 64]), PIXELS * 2 * 3),
    "affine grid 3-D": (
        lambda x: functional.affine_grid(torch.eye(3, 4)[None], [1, 3, 4, 8, 8]), 256 * 3 * 4),
    # 640 rows of 64 elements, each with a weight of its own.
    "weighted embedding bag": (
        lambda x: functional.embedding_bag(
            torch.arange(640).reshape(64, 10) % 7, x[0, 0],
            per_sample_weights=x[0, 1, :, :10].contiguous(), mode="sum"), 640 * 64),
    # n^3 / 3 for the factors and n^2 for each of 64 right-hand sides (Golub and Van Loan 3.2.9).
    "solve": (lambda x: torch.linalg.solve(x[0, 0] + 64 * EYE, x[0, 1]), 64**3 // 3 + 64**3),
    "Cholesky": (lambda x: torch.linalg.cholesky(x[0, 0] * 0 + EYE), 64**3 // 6),
    "library convolution": (
        lambda x: torch.mkldnn_convolution(x, torch.ones(8, 3, 3, 3), None, [1, 1], [1, 1], [1, 1], 1),
        PIXELS * 9 * 3 * 8),
    # Spread over the outputs: each input meets a filter of 3 x 3 for 8 channels.
    "transposed": (
        lambda x: functional.conv_transpose2d(x, torch.ones(3, 8, 3, 3), stride=2),
        PIXELS * 3 * 9 * 8),
    "dilated": (
        lambda x: functional.conv2d(x, torch.ones(8, 3, 3, 3), padding=2, dilation=2),
        PIXELS * 9 * 3 * 8),
    "conv_tbc": (
        lambda x: torch.conv_tbc(sequences(x), torch.ones(3, 3, 8), torch.zeros(8), 1),
        PIXELS * 3 * 3 * 8),
    "integers": (
        lambda x: torch._int_mm(x[0, 0].to(torch.int8), x[0, 1].to(torch.int8)), 64**3),
    # A sparse matrix multiplies its 64 stored elements alone.
    "sparse": (lambda x: EYE.to_sparse() @ x[0, 0], 64 * 64),
    "compressed": (lambda x: EYE.to_sparse_csr() @ x[0, 0], 64 * 64),
    "sparse by sparse": (lambda x: torch.sparse.mm(EYE.to_sparse(), EYE.to_sparse()).to_dense(), 64),
    "sampled": (
        lambda x: torch.sparse.sampled_addmm(EYE.to_sparse_csr(), x[0, 0], x[0, 1]).to_dense(),
        64 * 64),
    "nested": (
        lambda x: functional.linear(torch.nested.nested_tensor(list(pair(x))), EYE).to_padded_tensor(0.0),
        2 * 64**3),
    "jagged": (
        lambda x: functional.linear(
            torch.nested.as_nested_tensor(list(pair(x)), layout=torch.jagged), EYE).values(),
        2 * 64**3),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_costs_what_its_definition_says(name):
    function, expected = FUNCTIONS[name]
    counts = count(function)
    assert counts.flops_dispatch == expected
    assert counts.dispatched.unknown == ()


@pytest.mark.parametrize("mode", ["no_grad", "inference"])
@pytest.mark.parametrize("product", [torch.matmul, functional.linear])
def test_products_in_inference_mode_are_counted_as_ever(mode, product):
    def function(x: Tensor) -> Tensor:
        with torch.inference_mode(mode == "inference"):
            return product(x, EYE)

    assert count(function).flops_dispatch == 3 * 64 * 64 * 64


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (nn.Linear(3, 8), PIXELS * 3 * 8),
        # Two directions, four gates, two layers; the second is given 16 features.
        (nn.LSTM(3, 8, 2, bidirectional=True), PIXELS * 2 * 4 * 8 * ((3 + 8) + (16 + 8))),
        (nn.LSTMCell(3, 8), PIXELS * 4 * 8 * (3 + 8)),
    ],
)
def test_dynamically_quantized_layer_costs_as_much_as_before(module, expected):
    def function(x: Tensor, layer: nn.Module) -> Tensor:
        is_cell = "Cell" in type(layer[0]).__name__
        result = layer[0](sequences(x).flatten(0, 1) if is_cell else sequences(x))
        return result[0] if isinstance(result, tuple) else result

    kinds = {nn.Linear, nn.LSTM, nn.LSTMCell}
    quantized = torch.ao.quantization.quantize_dynamic(nn.Sequential(module), kinds)
    counts = count(function, quantized)
    assert counts.flops_dispatch == expected
    assert counts.side.custom_ops == ()


def test_fourier_transforms_are_counted_apart():
    # 3 transforms of 4096 numbers: 5 N log2 N = 5 * 4096 * 12 real operations each, half for real.
    real = count(lambda x: torch.fft.rfft2(x).abs())
    assert (real.flops_dispatch, real.dispatched.fourier) == (0, 3 * 5 * 4096 * 12 // 2)
    both = count(lambda x: torch.fft.irfft2(torch.fft.rfft2(x)))
    assert both.dispatched.fourier == 3 * 5 * 4096 * 12
    whole = count(lambda x: torch.fft.fft2(x).abs())
    assert whole.dispatched.fourier == 3 * 5 * 4096 * 12
    # Along one axis: 3 * 64 transforms of 64 real numbers.
    rows = count(lambda x: torch.fft.fft(x).abs())
    assert rows.dispatched.fourier == 3 * 64 * 5 * 64 * 6 // 2
    assert "0.0003686 G real operations" in complexity_notes(real)[-1]


def test_operator_that_nobody_knows_is_named_whatever_its_size():
    library = torch.library.Library("aten", "FRAGMENT")
    library.define("newest_mm(Tensor a) -> Tensor")
    library.impl("newest_mm", lambda a: a * 2, "CPU")
    try:
        counts = count(lambda x: torch.ops.aten.newest_mm(x[..., :1, :1]))
    finally:
        library._destroy()
    (flag,) = (flag for flag in complexity_flags(counts) if flag.name == "unknown_operators")
    assert flag.detail.startswith("1 aten::newest_mm: ")


class Holds(nn.Module):
    def __init__(self, part: nn.Module):
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        return self.part(x)


def test_counter_that_finds_far_more_than_there_is_is_remarked_on():
    # thop hooks a layer once for each of two places, so each of two calls is counted twice, and
    # each place sums up all of it: four times as much and more.
    shared = nn.Conv2d(32, 32, 3, padding=1)
    network = nn.Sequential(nn.Conv2d(3, 32, 1), Holds(shared), Holds(shared))
    counts = complexity.count(network, SIZE)
    assert counts.flops_dispatch == PIXELS * (3 * 32 + 2 * 9 * 32 * 32) == counts.flops_official
    (flag,) = complexity_flags(counts)
    assert flag.name == "flops_exceed"
    assert flag.detail.startswith("thop counts 0.30")
    assert flag.detail.endswith("the dispatcher 0.07589 G: 4.0 times as much")
