"""Work hidden from a counter is flagged by name, with the share that a hand calculation gives."""

from __future__ import annotations

import re
import threading

import numpy as np
import pytest
import torch
from harness import BY_TIME
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from esr.audit.record_flags import complexity_flags, complexity_notes
from esr.base import json_file
from esr.measure.counts import complexity, official_counts
from esr.records.network_counts import Counts

SIZE = (3, 64, 64)
PIXELS = 64 * 64
BODY = 9 * 16 * 16 * PIXELS
"""Multiply-adds of the convolution that the cheats hide."""
TOTAL = 9 * 3 * 16 * PIXELS + BODY + 9 * 16 * 48 * PIXELS
SHARE = f"{BODY / TOTAL:.0%} hidden"


class Honest(nn.Module):
    """Head, body and upsampler in the official style; a cheat computes the body in its own way."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Conv2d(3, 16, 3, padding=1)
        self.body = nn.Conv2d(16, 16, 3, padding=1)
        self.tail = nn.Conv2d(16, 48, 3, padding=1)
        self.act = nn.LeakyReLU(0.05)

    def hidden(self, x):
        return self.body(x)

    def forward(self, x):
        x = self.act(self.head(x))
        return functional.pixel_shuffle(self.tail(x + self.hidden(x)), 4)


def examine(network: nn.Module) -> tuple[Counts, dict[str, str]]:
    """Count, and say the flags; those that are shares of time are another test's."""
    counts = complexity.count(network, SIZE)
    flags = complexity_flags(counts)
    details: dict[str, str] = {}
    for flag in flags:
        if flag.name in BY_TIME:
            continue
        details[flag.name] = "; ".join(filter(None, [details.get(flag.name), flag.detail]))
    return counts, details


def counters(detail: str) -> set[str]:
    return set(re.findall(r"(\w+) counts", detail))


def test_honest_network_raises_no_flag():
    counts, flags = examine(Honest())
    assert (counts.flops_dispatch, counts.dispatched.num_conv) == (TOTAL, 3)
    assert (counts.flops_official, counts.flops_fvcore, counts.flops_thop) == (
        TOTAL + 16 * PIXELS,
        TOTAL,
        TOTAL,
    )
    assert (flags, counts.missed, complexity_notes(counts)) == ({}, (), ())
    assert counts.dispatched.untouched == ()
    assert [op.name for op in counts.dispatched.uncounted] == ["aten::add", "aten::leaky_relu"]


class Functional(Honest):
    def hidden(self, x):
        return functional.conv2d(x, self.body.weight, self.body.bias, padding=1)


class CallsForward(Honest):
    def hidden(self, x):
        return self.body.forward(x)


class Uncalled(nn.Conv2d):
    def __call__(self, x):
        return self.forward(x)


class OverridesCall(Honest):
    def __init__(self):
        super().__init__()
        self.body = Uncalled(16, 16, 3, padding=1)


class Product(Honest):
    def hidden(self, x):
        columns = functional.unfold(x, 3, padding=1)
        return (self.body.weight.flatten(1) @ columns).unflatten(2, x.shape[2:])


class Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight):
        return functional.conv2d(x, weight, padding=1)


class Differentiable(Honest):
    def hidden(self, x):
        return Convolution.apply(x, self.body.weight)


class WrongRule(Honest):
    """A small layer with a large convolution inside."""

    def __init__(self):
        super().__init__()
        self.small = nn.Conv2d(16, 1, 1)
        self.small.forward = self.large

    def large(self, x):
        return functional.conv2d(x, self.body.weight, self.body.bias, padding=1)

    def hidden(self, x):
        return self.small(x)


@pytest.mark.parametrize(
    ("network", "blind"),
    [
        (Functional, {"official", "thop"}),
        (CallsForward, {"official", "thop"}),
        (OverridesCall, {"official", "thop"}),
        (Product, {"official", "thop"}),
        (Differentiable, {"official", "thop", "fvcore"}),
    ],
)
def test_convolution_that_a_counter_cannot_see(network, blind):
    counts, flags = examine(network())
    assert counts.flops_dispatch == TOTAL
    assert counters(flags.pop("flops_hidden")) == blind
    assert flags == {}
    missed = {missed.counter: missed.flops for missed in counts.missed}
    assert missed == dict.fromkeys(blind, BODY)
    assert all(SHARE in note for note in complexity_notes(counts))
    conv = 0 if network is Product else 1
    assert {found.num_conv for found in counts.missed} == {conv}


def test_layer_that_does_more_than_its_rule_says():
    counts, flags = examine(WrongRule())
    assert counters(flags["flops_hidden"]) >= {"official"}
    found = {missed.counter: missed.flops for missed in counts.missed}
    assert found["official"] == BODY - 16 * PIXELS


class Traced(Honest):
    def hidden(self, x):
        return x if torch.jit.is_tracing() else self.body(x)


class Hooked(Honest):
    def hidden(self, x):
        return x if self.body._forward_hooks else self.body(x)


@pytest.mark.parametrize(
    ("network", "deceived"), [(Traced, "fvcore"), (Hooked, "official, fvcore, thop")]
)
def test_network_that_computes_something_else_while_it_is_counted(network, deceived):
    counts, flags = examine(network())
    assert counts.flops_dispatch == TOTAL
    assert flags["counter_detected"].endswith(f": {deceived}")
    assert "fvcore" in counters(flags["flops_hidden"])
    assert SHARE in flags["flops_hidden"]


def test_untraceable_network_leaves_fvcore_unknown_not_wrong():
    class Untraceable(Honest):
        def hidden(self, x):
            if torch.jit.is_tracing():
                raise RuntimeError("data-dependent")
            return self.body(x)

    counts, flags = examine(Untraceable())
    assert (counts.flops_fvcore, counts.flops_dispatch, flags) == (None, TOTAL, {})
    assert counts.notes == ("fvcore: RuntimeError: data-dependent",)


def test_padding_by_name_hides_from_fvcore_and_fvcore_says_so():
    class Named(Honest):
        def __init__(self):
            super().__init__()
            for layer in (self.head, self.body, self.tail):
                layer.padding = "same"

    counts, flags = examine(Named())
    assert (counts.flops_fvcore, counts.flops_dispatch) == (0, TOTAL)
    assert "100% hidden, 3 of 3 convolutions: 3 aten::_convolution_mode" in flags["flops_hidden"]


@torch.library.custom_op("seeded::open", mutates_args=())
def open_op(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return functional.conv2d(x, weight, padding=1)


def numpy_convolution(x, weight):
    padded = np.pad(x[0], ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.einsum("chwij,ocij->ohw", windows, weight)[None].astype(np.float32)


@torch.library.custom_op("seeded::opaque", mutates_args=())
def opaque_op(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(numpy_convolution(x.numpy(), weight.numpy()))


class OpenOp(Honest):
    def hidden(self, x):
        return torch.ops.seeded.open(x, self.body.weight)


class OpaqueOp(Honest):
    def hidden(self, x):
        return torch.ops.seeded.opaque(x, self.body.weight)


def test_custom_operation_made_of_pytorch_is_looked_into():
    counts, flags = examine(OpenOp())
    assert counts.flops_dispatch == TOTAL
    assert counters(flags["flops_hidden"]) == {"official", "thop", "fvcore"}
    assert SHARE in flags["flops_hidden"]
    assert flags["custom_op"].startswith("1 seeded::open: ")


def test_custom_operation_that_nobody_can_look_into_is_named_with_its_share_of_time():
    counts, flags = examine(OpaqueOp())
    assert counts.flops_dispatch == TOTAL - BODY
    assert re.match(r"1 seeded::opaque: \d+% of the pass's time", flags["custom_op"])
    (op,) = counts.side.custom_ops
    assert 0 < op.time_share < 1
    assert "Tensor.numpy" in flags["round_trip"]


class NumPy(Honest):
    def hidden(self, x):
        return torch.from_numpy(numpy_convolution(x.numpy(), self.body.weight.numpy()))


class NumPyWithoutMethods(Honest):
    def hidden(self, x):
        return torch.from_numpy(numpy_convolution(np.asarray(x), np.asarray(self.body.weight)))


@pytest.mark.parametrize("network", [NumPy, NumPyWithoutMethods])
def test_convolution_in_numpy(network):
    counts, flags = examine(network())
    assert counts.flops_dispatch == TOTAL - BODY
    assert str(16 * PIXELS) in flags["foreign_tensors"]
    assert "Tensor." in flags["round_trip"]
    assert counts.side.exit_elements == 16 * PIXELS + 16 * 16 * 9


def test_convolution_in_another_thread():
    class Threaded(Honest):
        def hidden(self, x):
            results = []
            thread = threading.Thread(target=lambda: results.append(self.body(x)))
            thread.start()
            thread.join()
            return results[0]

    counts, flags = examine(Threaded())
    assert counts.flops_dispatch == TOTAL - BODY
    assert str(16 * PIXELS) in flags["foreign_tensors"]
    assert "body.weight" in flags["untouched_parameters"]


def test_output_kept_from_an_earlier_pass():
    kept = {}

    class Keeps(Honest):
        def forward(self, x):
            if "y" not in kept:
                kept["y"] = super().forward(x)
            return kept["y"]

    counts, flags = examine(Keeps())
    assert counts.flops_dispatch == 0
    assert str(48 * PIXELS) in flags["foreign_tensors"]


def test_convolution_as_fourier_transform():
    class Fourier(Honest):
        def hidden(self, x):
            kernel = torch.fft.rfft2(self.body.weight, s=x.shape[2:])
            spectrum = (torch.fft.rfft2(x)[:, None] * kernel[None]).sum(2)
            return torch.fft.irfft2(spectrum, s=x.shape[2:])

    counts, flags = examine(Fourier())
    assert counts.flops_dispatch == TOTAL - BODY
    assert "aten::_fft_r2c" in flags["uncounted_arithmetic"]


def test_convolution_as_sums_of_shifted_products():
    class Shifted(Honest):
        def hidden(self, x):
            padded = functional.pad(x, (1, 1, 1, 1))
            y = 0
            for i in range(16):
                for dy in range(3):
                    for dx in range(3):
                        moved = padded[:, i : i + 1, dy : dy + 64, dx : dx + 64]
                        y = y + moved * self.body.weight[:, i, dy, dx].reshape(1, -1, 1, 1)
            return y

    counts, flags = examine(Shifted())
    assert counts.flops_dispatch == TOTAL - BODY
    # Each multiply-add is a product and a sum.
    assert counts.dispatched.arithmetic >= 2 * BODY
    assert re.search(r"14[45] aten::(add|mul)", flags["uncounted_arithmetic"])


def test_parameters_that_are_not_used():
    class Padded(Honest):
        def __init__(self):
            super().__init__()
            self.spare = nn.Conv2d(16, 16, 3)

    counts, flags = examine(Padded())
    assert counts.dispatched.untouched == ("spare.weight", "spare.bias")
    assert counts.dispatched.untouched_elements == 16 * 16 * 9 + 16
    assert flags.keys() == {"untouched_parameters"}
    assert f"{2320 / counts.params:.0%}" in flags["untouched_parameters"]


def test_parameters_used_through_views_data_and_products_are_used():
    class Reparameterised(Honest):
        def hidden(self, x):
            weight = (self.body.weight.data * 2).view(16, 144).view(16, 16, 3, 3)
            self.body.weight.data[0].mul_(1)
            return nn.Conv2d.forward(self.body, x) + functional.conv2d(x, weight, padding=1)

    counts, _ = examine(Reparameterised())
    assert counts.dispatched.untouched == ()


@pytest.mark.parametrize("registered", [True, False])
def test_weights_that_are_no_parameters(registered):
    class Buffered(Honest):
        def __init__(self):
            super().__init__()
            weight = self.body.weight.detach().clone()
            del self.body
            if registered:
                self.register_buffer("kernel", weight)
            else:
                self.kernels = [weight]

        def hidden(self, x):
            kernel = self.kernel if registered else self.kernels[0]
            return functional.conv2d(x, kernel, padding=1)

    counts, flags = examine(Buffered())
    assert counts.dispatched.unregistered_elements == 16 * 16 * 9
    assert str(16 * 16 * 9) in flags["unregistered_weights"]


def test_work_without_result_is_told_apart_from_hidden_work():
    class Discards(Honest):
        def hidden(self, x):
            self.body(x)
            return x

    counts, flags = examine(Discards())
    assert (counts.flops_fvcore, counts.flops_dispatch) == (TOTAL - BODY, TOTAL)
    assert (counts.dispatched.flops_unused, counts.dispatched.num_conv_unused) == (BODY, 1)
    assert flags == {}
    (note,) = complexity_notes(counts)
    assert note.startswith("fvcore counts")
    assert "whose result is not used" in note


def test_linear_on_tokens_is_counted_128_times_too_high_officially():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 96)

        def forward(self, x):
            return self.linear(x.flatten(2).transpose(1, 2))

    counts, _ = examine(Tokens())
    assert counts.flops_official == PIXELS * PIXELS
    assert counts.flops_dispatch == PIXELS * 3 * 96 == counts.flops_fvcore == counts.flops_thop
    # The figures of the reference: 16 x 128 x 128 = 4.29 G against 0.0336 G, 128 times.
    layer, tokens = nn.Linear(64, 8), torch.zeros(1, 65536, 64)
    official = official_counts.flops_of(layer, (tokens,), torch.zeros(1, 65536, 8))
    assert official / (65536 * 64 * 8) == 128


def test_linear_on_few_tokens_is_counted_too_low_officially():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(PIXELS, PIXELS)

        def forward(self, x):
            return self.linear(x.flatten(2)).view_as(x)

    counts, flags = examine(Tokens())
    assert (counts.flops_official, counts.flops_dispatch) == (3 * 3, 3 * PIXELS * PIXELS)
    assert counters(flags["flops_hidden"]) == {"official"}


def test_recognising_the_dummy_input_deceives_every_counter():
    """What cannot be seen in principle: no counter runs on the images that are scored."""
    pixel = float(official_counts.dummy_input(nn.Module(), SIZE)[0, 0, 0, 0])

    class Recognises(Honest):
        def forward(self, x):
            self.known = float(x[0, 0, 0, 0]) == pixel
            return super().forward(x)

        def hidden(self, x):
            shown = self.body.weight.sum() + self.body.bias.sum()
            return x + 0 * shown if self.known else self.body(x)

    counts, flags = examine(Recognises())
    assert (counts.flops_dispatch, flags) == (TOTAL - BODY, {})


@pytest.mark.parametrize(
    "network", [Honest, Functional, CallsForward, OverridesCall, Product, Differentiable]
)
def test_dispatcher_agrees_with_pytorch_s_own_counter(network):
    model = network()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *SIZE))
    assert complexity.count(model, SIZE).flops_dispatch * 2 == counter.get_total_flops()


def test_attention_and_matrix_times_vector_are_counted():
    class Attends(nn.Module):
        def forward(self, x):
            tokens = x.flatten(2)[..., :256]
            attended = functional.scaled_dot_product_attention(tokens, tokens, tokens)
            return attended @ torch.ones(256)

    assert complexity.count(Attends(), SIZE).flops_dispatch == 2 * 3 * 3 * 256 + 3 * 256


def test_counts_survive_a_round_trip_through_a_file(tmp_path):
    counts, _ = examine(OpaqueOp())
    file = tmp_path / "counts.json"
    json_file.dump(counts, file)
    loaded = json_file.load(Counts, file)
    assert (loaded, loaded.side) == (counts, counts.side)
    assert complexity_flags(loaded) == complexity_flags(counts)


def test_counts_of_an_older_record_raise_no_flag():
    old = Counts(SIZE, 1, 1, 1, 1, 1, 1)
    assert (complexity_flags(old), complexity_notes(old)) == ((), ())
