"""What counts as a parameter, whatever a network says, and which weights are none."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from esr.audit.record_flags import complexity_flags
from esr.measure.counts import complexity
from esr.measure.counts.pattern import irregular
from esr.measure.registered import own_modules, own_parameters, registered

SIZE = (3, 32, 32)
LEARNT = 48 * 3 * 9
NAMES = ("overridden_parameters", "wide_parameters", "unregistered_weights")


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Conv2d(3, 48, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.pixel_shuffle(self.body(x) + self.more(x), 4)

    def more(self, x: torch.Tensor) -> torch.Tensor:
        return 0


def flags(network: nn.Module) -> dict[str, str]:
    found = complexity_flags(complexity.count(network, SIZE))
    return {flag.name: flag.detail for flag in found if flag.name in NAMES}


def test_modules_and_parameters_are_those_of_pytorch() -> None:
    shared = nn.Linear(3, 3)
    network = nn.Sequential(shared, nn.Sequential(shared, nn.BatchNorm2d(3)), nn.LSTM(3, 3))
    network.register_parameter("absent", None)
    network[1].again = shared.weight
    assert list(own_modules(network)) == list(network.named_modules())
    names = [(name, id(tensor)) for name, tensor in own_parameters(network)]
    assert names == [(name, id(tensor)) for name, tensor in network.named_parameters()]
    for made in (torch.jit.script(shared), torch.jit.trace(shared, torch.zeros(1, 3))):
        assert registered(made).elements == 12
        assert registered(made).overridden == ()


class Forger(dict):
    def items(self):
        return ()

    def values(self):
        return ()


class Silent(nn.Parameter):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", "") == "numel":
            return 0
        return super().__torch_function__(func, types, args, kwargs or {})


class Masked(Plain):
    __class__ = property(lambda self: int)


class Childless(Plain):
    def children(self):
        return iter(())

    def named_children(self):
        return iter(())

    def modules(self):
        return iter((self,))


def numel(network: nn.Module) -> None:
    network.body.weight.numel = lambda: 10**400


def forged(network: nn.Module) -> None:
    vars(network.body)["_parameters"] = Forger(network.body._parameters)


def silent(network: nn.Module) -> None:
    network.body.weight = Silent(network.body.weight.data)


def on_the_instance(network: nn.Module) -> None:
    network.parameters = lambda recurse=True: iter(())


@pytest.mark.parametrize(
    ("kind", "change", "named"),
    [
        (Plain, numel, "numel of body.weight"),
        (Plain, forged, "_parameters (a Forger) of body"),
        (Plain, silent, "__torch_function__ of body.weight"),
        (Plain, on_the_instance, "parameters"),
        (Masked, lambda network: None, "__class__"),
        (Childless, lambda network: None, "children"),
    ],
)
def test_what_a_network_says_of_its_parameters_is_flagged_and_not_believed(
    kind: type[nn.Module], change, named: str
) -> None:
    network = kind()
    change(network)
    counted = registered(network)
    assert counted.elements == LEARNT + 48
    assert named in counted.overridden


@pytest.mark.parametrize(
    ("dtype", "beyond"),
    # A complex64 is two float32; so is a float64; an int64 holds eight weights of 8 bits.
    [(torch.complex64, 1), (torch.float64, 1), (torch.complex128, 3), (torch.int64, 7)],
)
def test_parameters_that_hold_more_than_one_number_are_flagged(dtype, beyond: int) -> None:
    network = Plain()
    network.wide = nn.Parameter(torch.ones(500, dtype=dtype), requires_grad=False)
    assert registered(network).wide_elements == 500 * beyond
    assert str(dtype) in flags(network)["wide_parameters"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_parameters_hold_one_number_each(dtype) -> None:
    assert registered(Plain().to(dtype)).wide_elements == 0


KERNEL = np.random.default_rng(0).normal(0, 0.1, (48, 3, 3, 3)).astype(np.float32)


class Scaled(Plain):
    """A buffer that no convolution reads itself."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("codes", torch.randint(-127, 127, (48, 3, 3, 3), dtype=torch.int8))

    def more(self, x):
        return functional.conv2d(x, self.codes.float() / 400, padding=1)


class Added(Scaled):
    """Computed from a parameter, as far as anybody can see."""

    def more(self, x):
        kernel = self.codes / 400 + 0 * self.body.weight
        return functional.conv2d(x, kernel, padding=1)


class AsIfOfTheImage(Scaled):
    def more(self, x):
        return functional.conv2d(x, self.codes / 400 + 0 * x.mean(), padding=1)


class Elsewhere(Plain):
    def more(self, x):
        return functional.conv2d(x, torch.from_numpy(KERNEL), padding=1)


class Spelt(Plain):
    def more(self, x):
        return functional.conv2d(x, torch.tensor(KERNEL.tolist()), padding=1)


class Drawn(Plain):
    def more(self, x):
        kernel = torch.empty(48, 3, 3, 3)
        kernel.uniform_(generator=torch.Generator().manual_seed(1))
        return functional.conv2d(x, kernel, padding=1)


class Reckoned(Plain):
    """A generator of random numbers, written by hand."""

    def more(self, x):
        number = torch.arange(LEARNT).add(7) * 1103515245 % 2**31
        kernel = number * number % 65537 / 65537 - 0.5
        return functional.conv2d(x, kernel.view(48, 3, 3, 3), padding=1)


class LookedUp(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.table = [torch.randn(256, 48)]

    def more(self, x):
        index = (x[:, 0].clamp(0, 1) * 255).long()
        return self.table[0][index].permute(0, 3, 1, 2)


class Binary(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.signs = {"all": torch.randint(0, 2, (48, 3, 3, 3)) * 2.0 - 1}

    def more(self, x):
        return functional.conv2d(x, self.signs["all"], padding=1)


class BehindAParameter(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.small = nn.Parameter(torch.randn(LEARNT)[:1])

    def more(self, x):
        return functional.conv2d(x, self.small.as_strided((48, 3, 3, 3), (27, 9, 3, 1)), padding=1)


class Unlisted(Plain):
    """A layer that is in no list of PyTorch's."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Conv2d(3, 48, 3, padding=1)]

    def more(self, x):
        return self.layers[0](x)


@pytest.mark.parametrize(
    ("network", "named"),
    [
        (Scaled, "codes"),
        (Added, "codes"),
        (AsIfOfTheImage, "codes"),
        (Elsewhere, "from outside"),
        (Spelt, "from outside"),
        (Drawn, "drawn at random"),
        (Reckoned, "made up"),
        (LookedUp, "table"),
        (Binary, "signs.all"),
        (BehindAParameter, "behind small"),
        (Unlisted, "from outside"),
    ],
)
def test_weights_that_are_no_parameters_are_named(network, named: str) -> None:
    assert named in flags(network())["unregistered_weights"]


class Fixed(Plain):
    """What honest networks hold beside parameters."""

    def __init__(self) -> None:
        super().__init__()
        sobel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
        self.register_buffer("sobel", sobel.repeat(3, 1, 1, 1))
        self.register_buffer("mean", torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1))
        self.register_buffer("blocks", torch.eye(48).view(48, 3, 4, 4))
        self.norm = nn.BatchNorm2d(48)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 2)
        place = torch.arange(8)
        apart = (place[:, None, None, None] - place[None, None, :, None]) * 15
        apart = apart + place[None, :, None, None] - place[None, None, None, :]
        self.register_buffer("index", (apart + 112).reshape(64, 64))
        self.bias = nn.Parameter(torch.randn(225))

    def more(self, x):
        y = x - self.mean
        edges = functional.conv2d(y, self.sobel, padding=1, groups=3)
        blocks = functional.conv2d(functional.pad(y, (0, 3, 0, 3)), self.blocks)
        places = self.bias[self.index.clamp(0, 224)].mean()
        noise = 1e-3 * torch.randn_like(blocks)
        return self.norm(blocks) + edges.mean(1, keepdim=True) + places + noise


class Merged(Plain):
    """Branches that become one convolution when the network runs."""

    def __init__(self) -> None:
        super().__init__()
        self.point = nn.Conv2d(3, 48, 1)
        self.norm = nn.BatchNorm2d(48)

    def more(self, x):
        identity = torch.zeros(48, 3, 3, 3)
        for channel in range(48):
            identity[channel, channel % 3, 1, 1] = 1
        gain = self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()
        kernel = functional.pad(self.point.weight, (1, 1, 1, 1)) + identity
        return functional.conv2d(x, kernel * gain.view(-1, 1, 1, 1), padding=1)


class MergedOnce(Merged):
    """The same before its first image; the parameters it came from stay where they are."""

    def __init__(self) -> None:
        super().__init__()
        branch = nn.Conv2d(3, 48, 3, padding=1)
        self.kernel = branch.weight.detach() * 2
        self.branch = branch

    def more(self, x):
        return functional.conv2d(x, self.kernel, padding=1)


@pytest.mark.parametrize("network", [Plain, Fixed, Merged, MergedOnce])
def test_honest_networks_raise_none_of_the_flags(network) -> None:
    model = network().eval()
    plain = sum(parameter.numel() for parameter in copy.deepcopy(model).parameters())
    assert registered(model).elements == plain
    assert flags(model) == {}


def test_values_in_no_order_count_in_full_and_patterns_hardly() -> None:
    torch.manual_seed(0)
    for weights in (torch.randn(5000), torch.randint(0, 2, (5000,)), torch.randint(0, 99, (5000,))):
        assert irregular(weights).elements == 5000
    identity = torch.zeros(64, 64, 3, 3)
    identity[range(64), range(64), 1, 1] = 1
    assert irregular(identity).elements < 0.05 * identity.numel()
    assert irregular(torch.full((1000,), math.pi)).elements == 0


@pytest.mark.parametrize(("height", "width"), [(192, 320), (339, 510)])
def test_masks_as_large_as_the_image_hardly_count(height: int, width: int) -> None:
    count = torch.zeros(1, 3, 4 * height, 4 * width)  # Of tiles that overlap.
    for top in (0, height - 256):
        count[..., max(0, 4 * top) : 4 * top + 1024, :].add_(1)
    assert irregular(count).elements < 1024
    window, places = 8, torch.arange(-(-height // 8) * 8)
    region = (places >= places[-1] - 7).int() + (places >= places[-1] - 3)
    windows = region.view(-1, window, 1).repeat(-(-width // 8), 1, window).flatten(1)
    shifted = (windows[:, None] != windows[:, :, None]).float() * -100.0
    assert shifted.numel() > 2**21
    assert irregular(shifted).elements < 1024


def test_weights_behind_a_pattern_count_in_full() -> None:
    torch.manual_seed(0)
    hidden = torch.cat([torch.zeros(2**20), torch.randn(50_000)])
    assert irregular(hidden).elements >= 50_000


@pytest.mark.parametrize("dtype", [torch.float64, torch.int64])
def test_weights_on_a_ramp_count_and_the_ramp_hardly(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    places = torch.arange(20_000)
    weights = (100 * torch.randn(20_000, dtype=torch.float64)).to(dtype)
    assert irregular(1000 * places + weights).elements > 0.8 * 20_000
    # Places as whole numbers and as shares take the same words, but for their rounding.
    assert irregular(places / 20_000).elements < 1.1 * irregular(places).elements
