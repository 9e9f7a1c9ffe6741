"""Weights and work put where somebody who has read the counters would put them."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
import torch
from test_parameters import LEARNT, Plain
from torch import nn
from torch.nn import functional

from esr.audit.record_flags import complexity_flags
from esr.measure.counts import complexity
from esr.measure.counts.timed_count import TimedCount
from esr.records.network_counts import CountedPass

KERNEL = np.random.default_rng(0).normal(0, 0.1, LEARNT).astype(np.float32)
NUMBERS = KERNEL.tolist()
SIZE = (3, 48, 48)
"""More pixels than weights: what leaves PyTorch might be an image else."""


def convolved(x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return functional.conv2d(x, weights.reshape(48, 3, 3, 3), padding=1)


class One(Plain):
    """A parameter of one element, from which memory of any size can be made."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Parameter(torch.ones(1))

    def memory(self) -> torch.Tensor:
        return self.one.expand(LEARNT).clone()


class InStatistics(Plain):
    """A normalisation that nothing is normalised with."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(LEARNT, affine=False)
        self.norm.running_mean.copy_(torch.from_numpy(KERNEL))

    def more(self, x):
        return convolved(x, self.norm.running_mean)


class ThroughNormalisation(InStatistics):
    def more(self, x):
        return convolved(x, self.norm(0 * x.mean() * torch.ones(1, LEARNT, 1, 1)))


class WrittenByNumPy(One):
    def more(self, x):
        weights = self.memory()
        weights.numpy()[:] = KERNEL
        return convolved(x, weights)


class WrittenWhereNothingWas(One):
    def more(self, x):
        weights = torch.empty(LEARNT)
        weights.numpy()[:] = KERNEL
        return convolved(x, weights)


class WrittenByAddress(One):
    def more(self, x):
        weights = self.memory()
        ctypes.memmove(weights.untyped_storage().data_ptr(), KERNEL.ctypes.data, KERNEL.nbytes)
        return convolved(x, weights)


class WrittenByNumbers(One):
    """No tensor has held them before."""

    def more(self, x):
        places = self.memory().unbind()
        return convolved(x, torch.stack(torch._foreach_mul(places, NUMBERS)))


class OneByOne(One):
    """Tensors of a single element, which are no weights each."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = [torch.tensor([number]) for number in NUMBERS]

    def more(self, x):
        places = self.memory().split(1)
        return convolved(x, torch.cat(torch._foreach_mul(places, self.numbers)))


class BesideASource(One):
    """Made up of nothing, and mixed with a small table before it meets the image."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.tensor([0.3, 0.7])

    def more(self, x):
        number = (torch.arange(LEARNT) + 7) * 1103515245 % 2**31
        return convolved(x, (number * number % 65537 / 65537 - 0.5) * self.table[0])


@pytest.mark.parametrize(
    ("network", "named"),
    [
        (InStatistics, "norm.running_mean"),
        (ThroughNormalisation, "norm.running_mean"),
        (WrittenByNumPy, "from outside"),
        (WrittenWhereNothingWas, "from outside"),
        (WrittenByAddress, "from outside"),
        (WrittenByNumbers, "constants"),
        (OneByOne, "constants"),
        (BesideASource, "made up"),
    ],
)
def test_hidden_weights_are_named(network, named: str) -> None:
    found = complexity_flags(complexity.count(network().eval(), SIZE))
    (detail,) = [flag.detail for flag in found if flag.name == "unregistered_weights"]
    assert named in detail


class Unwatched(Plain):
    """Computes where no mode of the dispatcher is, into memory that was made where one is."""

    def more(self, x):
        features = torch.zeros(1, 48, *x.shape[-2:])
        with torch._C._DisableTorchDispatch():
            features.copy_(convolved(x, torch.from_numpy(KERNEL)))
        return features


class InStrips(Plain):
    """The same into new memory, each less than the image."""

    def more(self, x):
        with torch._C._DisableTorchDispatch():
            strips = [strip.clone() for strip in convolved(x, self.body.weight + 1).split(1, 1)]
            strips = [half.clone() for strip in strips for half in strip.split(24, 2)]
        rows = [torch.cat(strips[n : n + 2], 2) for n in range(0, 96, 2)]
        return torch.cat(rows, 1)


@pytest.mark.parametrize("network", [Unwatched, InStrips])
def test_work_where_nobody_watches_leaves_values_that_nobody_made(network) -> None:
    model = network().eval()
    names = [flag.name for flag in complexity_flags(complexity.count(model, SIZE))]
    assert "foreign_tensors" in names
    assert not _makes_output(model)


class BehindASmallView(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.all = torch.from_numpy(KERNEL.copy())
        self.view = self.all[:2]

    def more(self, x):
        return convolved(x, self.all)


class BesideAParameter(Plain):
    """Slice by slice, none larger than the parameter in the same memory."""

    def __init__(self) -> None:
        super().__init__()
        memory = torch.from_numpy(KERNEL.copy())
        self.first = nn.Parameter(memory[:81])
        self.slices = list(memory.split(81))

    def more(self, x):
        return convolved(x, torch.cat([self.first, *self.slices[1:]]))


@pytest.mark.parametrize(
    ("network", "hidden"), [(BehindASmallView, LEARNT), (BesideAParameter, LEARNT - 81)]
)
def test_what_lies_in_the_memory_of_a_view_is_counted(network, hidden: int) -> None:
    assert _seen(network().eval()).unregistered_elements == hidden


class InOperations(Plain):
    def more(self, x):
        detail = 0
        for number in NUMBERS:
            detail = number * (x[:, :1, ::8, ::8] + detail)
        return detail.mean()


def test_numbers_of_python_are_weights_where_there_are_many() -> None:
    assert _seen(InOperations().eval()).unregistered_elements >= LEARNT


class Rewritten(Plain):
    """Adds to what is returned what it knows of the image."""

    def forward(self, x):
        output = super().forward(x)
        output.numpy()[:] += 0.5
        return output


def test_an_output_that_is_written_over_is_not_what_was_made() -> None:
    assert _makes_output(Plain().eval())
    assert not _makes_output(Rewritten().eval())


def _makes_output(model: nn.Module) -> bool:
    return _seen(model).makes_output


def _seen(model: nn.Module) -> CountedPass:
    lr = torch.rand(1, *SIZE)
    count = TimedCount(model, model, 4)
    with torch.no_grad(), count.watching(lr):
        output = model(lr)
    return count.seen(output)


class Refuses(Plain):
    def more(self, x):
        if torch.utils._python_dispatch._get_current_dispatch_mode() is not None:
            raise RuntimeError("not here")
        return convolved(x, torch.from_numpy(KERNEL))


def test_a_network_that_fails_where_it_is_watched_alone_is_flagged() -> None:
    counts = complexity.count(Refuses().eval(), SIZE)
    (flag,) = [flag for flag in complexity_flags(counts) if flag.name == "audit_incomplete"]
    assert "RuntimeError: not here" in flag.detail


def test_products_of_an_image_with_itself_are_told_from_those_with_weights() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.back = nn.Linear(3, 8), nn.Linear(8, 3)
            self.bias = nn.Parameter(torch.zeros(20, 20))

        def forward(self, x):
            tokens = self.embed(x.flatten(2).transpose(1, 2))
            shared = torch.baddbmm(self.bias, tokens, tokens.transpose(1, 2)).softmax(-1)
            return self.back(shared @ tokens).transpose(1, 2).view(x.shape)

    model, lr = Attention().eval(), torch.rand(1, 3, 4, 5)
    count = TimedCount(model, model, 1)
    with torch.no_grad(), count.watching(lr):
        output = model(lr)
    seen = count.seen(output)
    # 20 tokens of 8 numbers: 20 x 20 x 8 each for what they share and for what comes of it.
    assert seen.flops_of_images == 2 * 20 * 20 * 8
    # And from 3 to 8 numbers and back.
    assert seen.flops - seen.flops_of_images == 2 * 20 * 3 * 8
