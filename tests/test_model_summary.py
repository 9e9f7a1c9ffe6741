"""The official counting rules, on nets small enough to count by hand (protocol.md, section 1.2)."""

from __future__ import annotations

import re

import pytest
import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn
from torch.nn import functional

from esr.base.errors import UserError
from esr.measure.counts.official_counts import dummy_input, get_model_activation, get_model_flops

SIZE = (3, 16, 24)
PIXELS = 16 * 24


class Net(nn.Module):
    """A net of one layer whose forward pass is a function of that layer and the image."""

    def __init__(self, layer, forward):
        super().__init__()
        self.layer, self.run = layer, forward

    def forward(self, x):
        return self.run(self.layer, x)


def fvcore_flops(model, size=SIZE):
    """Count with a tool that we did not write."""
    analysis = FlopCountAnalysis(model.eval(), torch.zeros(1, *size))
    return analysis.unsupported_ops_warnings(False).total()


def tokens(x):
    """(1, C, H, W) -> (1, H * W, C)."""
    return x.flatten(2).transpose(1, 2)


def windows(x):
    """(1, C, H, W) -> (W / 8, C, H, 8)."""
    return torch.cat(x.split(8, dim=3))


CONV = nn.Conv2d(3, 8, 3, padding=1)
CONV_COST = 9 * 3 * 8 * PIXELS
FREE = (0, 0, 0)

# Each with its FLOPs, activations and convolutions.
HAND_COUNTED = {
    "conv": (CONV, CONV_COST, 8 * PIXELS, 1),
    "bias is free": (nn.Conv2d(3, 8, 1, bias=False), 3 * 8 * PIXELS, 8 * PIXELS, 1),
    "stride": (nn.Conv2d(3, 8, 3, 2, 1), CONV_COST // 4, 8 * PIXELS // 4, 1),
    "groups": (nn.Conv2d(3, 6, 3, 1, 1, groups=3), 9 * 3 * 2 * PIXELS, 6 * PIXELS, 1),
    "kernel 1x5": (nn.Conv2d(3, 8, (1, 5)), 5 * 3 * 8 * 16 * 20, 8 * 16 * 20, 1),
    "transposed": (nn.ConvTranspose2d(3, 8, 2, 2), 4 * 3 * 8 * 4 * PIXELS, 8 * 4 * PIXELS, 1),
    "subclass of conv": (type("C", (nn.Conv2d,), {})(3, 8, 1), 24 * PIXELS, 8 * PIXELS, 1),
    "without batch": (Net(CONV, lambda f, x: f(x[0])), 9 * 3 * 8 * 8 * 24, 8 * PIXELS, 1),
    "windows": (Net(nn.Conv2d(3, 8, 1), lambda f, x: f(windows(x))), 24 * PIXELS, 8 * PIXELS, 1),
    "called twice": (
        Net(nn.Conv2d(3, 3, 1), lambda f, x: f(f(x))),
        *(2 * 9 * PIXELS, 2 * 3 * PIXELS, 2),
    ),
    "never called": (Net(CONV, lambda f, x: x * 2), *FREE),
    "functional": (Net(CONV, lambda f, x: functional.conv2d(x, f.weight)), *FREE),
    "forward()": (Net(CONV, lambda f, x: f.forward(x)), *FREE),
    "Conv1d": (Net(nn.Conv1d(3, 8, 3), lambda f, x: f(x.flatten(2))), *FREE),
    "Conv3d": (Net(nn.Conv3d(1, 2, 3), lambda f, x: f(x.unsqueeze(1))), *FREE),
    "BatchNorm affine": (nn.BatchNorm2d(3), 2 * 3 * PIXELS, 0, 0),
    "BatchNorm plain": (nn.BatchNorm2d(3, affine=False), 3 * PIXELS, 0, 0),
    "ReLU": (nn.ReLU(), 3 * PIXELS, 0, 0),
    "ReLU6": (nn.ReLU6(), 3 * PIXELS, 0, 0),
    "LeakyReLU": (nn.LeakyReLU(0.05), 3 * PIXELS, 0, 0),
    "PReLU": (nn.PReLU(3), 3 * PIXELS, 0, 0),
    "ELU": (nn.ELU(), 3 * PIXELS, 0, 0),
    "subclass of ReLU": (type("R", (nn.ReLU,), {})(), 3 * PIXELS, 0, 0),
    "GELU": (nn.GELU(), *FREE),
    "Linear on (B, C)": (Net(nn.Linear(3, 5), lambda f, x: f(x.mean((2, 3)))), 15, 0, 0),
    "Linear on (C,)": (Net(nn.Linear(3, 5), lambda f, x: f(x.mean((0, 2, 3)))), 15, 0, 0),
    "Linear on tokens": (Net(nn.Linear(3, 5), lambda f, x: f(tokens(x))), PIXELS**2, 0, 0),
}


@pytest.mark.parametrize("name", HAND_COUNTED)
def test_rule(name):
    model, flops, activations, num_conv = HAND_COUNTED[name]
    assert get_model_flops(model, SIZE, False) == flops
    assert get_model_activation(model, SIZE) == (activations, num_conv)


def test_linear_on_tokens_of_256x256_is_128_times_too_high():
    model, size = Net(nn.Linear(4, 128), lambda f, x: f(tokens(x))), (4, 256, 256)
    assert get_model_flops(model, size, False) == 128 * fvcore_flops(model, size)


def test_agrees_with_fvcore_where_the_rules_agree():
    model = nn.Sequential(
        nn.Conv2d(3, 12, 5, 2, 2, bias=False),
        nn.BatchNorm2d(12),
        nn.Conv2d(12, 12, (3, 1), padding=(1, 0), groups=4),
        nn.BatchNorm2d(12, affine=False),
        nn.Conv2d(12, 48, 3, padding=2, dilation=2),
        nn.PixelShuffle(4),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(3, 7),
    )
    assert get_model_flops(model, SIZE, False) == fvcore_flops(model) > 0


def test_transposed_conv_costs_stride_squared_times_what_fvcore_says():
    model = nn.ConvTranspose2d(3, 6, 4, 2, 1, groups=3)
    assert get_model_flops(model, SIZE, False) == 4 * fvcore_flops(model)


def test_nested_and_data_parallel_nets_are_the_sum_of_their_layers():
    conv = nn.Conv2d(3, 3, 3, padding=1)
    inner = nn.Sequential(conv, nn.ReLU(), nn.Sequential(nn.Sequential(conv)))
    cost = 2 * 9 * 9 * PIXELS + 3 * PIXELS
    assert get_model_flops(inner, SIZE, False) == cost
    assert get_model_flops(nn.DataParallel(inner), SIZE, False) == cost


def test_lazy_layer_is_counted_as_what_it_becomes():
    model = nn.LazyConv2d(8, 3, padding=1)
    assert get_model_flops(model, SIZE, False) == 9 * 3 * 8 * PIXELS
    assert get_model_flops(model, SIZE, False) == 9 * 3 * 8 * PIXELS


def test_input_constructor_makes_the_arguments_of_forward():
    class TwoInputs(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 1)

        def forward(self, image, noise_level):
            return self.conv(image) * noise_level

    def construct(size):
        return {"image": torch.zeros(2, *size), "noise_level": 0.1}

    model = TwoInputs()
    assert get_model_flops(model, SIZE, False, construct) == 2 * 3 * 8 * PIXELS
    assert get_model_activation(model, SIZE, input_constructor=construct) == (2 * 8 * PIXELS, 1)


def test_counts_follow_the_data_but_not_the_state_of_the_generators():
    class Undecided(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            for _ in range(int(x.sum()) % 7 + int(torch.randint(50, ()))):
                x = self.conv(x)
            return x

    model = Undecided()
    first = get_model_flops(model, SIZE, False), get_model_activation(model, SIZE)
    assert first[0] > 0
    for seed in range(5):
        torch.manual_seed(seed)
        assert (get_model_flops(model, SIZE, False), get_model_activation(model, SIZE)) == first


@pytest.mark.parametrize("size", [(3, 256, 256), (1, 7, 5), (3, 4, 8, 9)])
def test_dummy_input_is_the_same_calm_image_every_time(size):
    image = dummy_input(nn.Conv2d(3, 3, 1), size)
    assert image.shape == (1, *size)
    assert image.dtype == torch.float32
    assert 0 <= image.min() < image.max() <= 1
    assert torch.equal(image, dummy_input(nn.PReLU(), size))


def test_dummy_input_has_no_noise():
    image = dummy_input(nn.Identity(), (3, 256, 256))
    assert image.std() > 0.1
    assert max(image.diff(dim=2).abs().max(), image.diff(dim=3).abs().max()) < 0.05


def test_dummy_input_lies_where_the_parameters_lie():
    assert dummy_input(nn.Conv2d(3, 3, 1, device="meta"), SIZE).device.type == "meta"
    assert dummy_input(nn.Identity(), SIZE).device.type == "cpu"


def test_table_lists_every_layer_that_was_called(capsys):
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.GELU(), nn.Sequential(nn.ReLU()))
    total = get_model_flops(model, SIZE)
    rows = [re.split(r" {2,}| (?=FLOPs)", line) for line in capsys.readouterr().out.splitlines()]
    assert [row[:2] for row in rows] == [["0", "Conv2d"], ["2.0", "ReLU"]]
    assert sum(int(row[2]) for row in rows) == total == 3 * 8 * PIXELS + 8 * PIXELS


def test_prints_nothing_unless_asked(capsys):
    get_model_flops(nn.ReLU(), SIZE, False)
    get_model_activation(nn.ReLU(), SIZE)
    assert capsys.readouterr().out == ""


def test_table_of_a_net_that_costs_nothing(capsys):
    nobody = {"input": torch.zeros(0, *SIZE)}
    model = nn.Sequential(nn.Conv2d(3, 8, 1))
    assert get_model_flops(model, SIZE, input_constructor=lambda _: nobody) == 0
    assert "Conv2d" in capsys.readouterr().out


def test_input_size_without_channels_is_refused():
    with pytest.raises(UserError, match=r"\(256, 256\).*\(3, 256, 256\)"):
        get_model_flops(nn.ReLU(), (256, 256))
