"""A network is given back as it was, whatever happened to it meanwhile."""

from __future__ import annotations

import contextlib
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from esr.measure.counts import complexity
from esr.measure.counts.official_counts import get_model_activation, get_model_flops
from esr.measure.network_snapshot import preserved

SIZE = (3, 16, 16)

BORROWERS = {
    "get_model_flops": lambda model: get_model_flops(model, SIZE, False),
    "get_model_activation": lambda model: get_model_activation(model, SIZE),
    "complexity.count": lambda model: complexity.count(model, SIZE),
}


class Busy(nn.Module):
    """Changes everything it can reach, in forward and on the way to eval mode."""

    def __init__(self, fails=False):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.same_bn = self.bn
        self.branch = nn.Conv2d(4, 4, 1)
        self.wave = self.conv.weight.sum() * torch.ones(4, 1, 1)
        self.seen, self.cache, self.fails = [], {"mask": torch.zeros(1)}, fails
        self.register_buffer("mean", torch.ones(1).expand(4).view(4, 1, 1))
        self.register_buffer("calls", torch.zeros(()), persistent=False)
        self.register_forward_hook(lambda *_: None)

    def train(self, mode=True):
        if not mode and hasattr(self, "branch"):
            self.conv.weight.data += 1
            del self.branch
        return super().train(mode)

    def forward(self, x):
        self.calls += 1
        self.seen.append(x.shape)
        self.cache["mask"] += 1
        self.cache[x.shape] = x
        self.last = x
        self.conv.weight.data = self.conv.weight.data * 2
        self.conv.bias.requires_grad_(False)
        self.wave += np.random.rand() + random.random() + torch.rand(())
        x = self.conv(x) + self.wave - self.mean
        x = functional.batch_norm(x, self.bn.running_mean, self.bn.running_var, training=True)
        if self.fails:
            raise ValueError("out of order")
        return self.same_bn(self.bn(x))


def describe(model):
    """Everything that must not change, in comparable form."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    tensors["wave"], tensors["mask"] = model.wave, model.cache["mask"]
    return {
        "attributes": {name: list(vars(module)) for name, module in model.named_modules()},
        "training": {name: module.training for name, module in model.named_modules()},
        "hooks": [
            (list(module._forward_hooks), list(module._forward_pre_hooks))
            for module in model.modules()
        ],
        "tensors": {
            name: (id(tensor), tensor.tolist(), tensor.requires_grad)
            for name, tensor in tensors.items()
        },
        "state_dict": list(model.state_dict()),
        "containers": (list(model.seen), list(model.cache)),
    }


def generators():
    return torch.get_rng_state().tolist(), random.getstate(), repr(np.random.get_state())


@pytest.mark.parametrize("borrower", BORROWERS)
@pytest.mark.parametrize("fails", [False, True])
def test_counting_leaves_the_network_as_it_was(borrower, fails):
    model = Busy(fails)
    model.bn.eval()
    before, random_before = describe(model), generators()
    with contextlib.suppress(ValueError):
        BORROWERS[borrower](model)
    assert describe(model) == before
    assert generators() == random_before


def test_the_network_that_is_tested_with_does_change_by_itself():
    model = Busy()
    before = describe(model)
    with torch.no_grad():
        model.eval()(torch.zeros(1, *SIZE))
    after = describe(model)
    assert all(before[key] != after[key] for key in before if key != "hooks")


def test_lends_in_eval_mode_with_copies_that_share_what_was_shared():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    weight = model[0].weight
    with preserved(model):
        assert not model[0].training
        assert isinstance(model[0].weight, nn.Parameter)
        assert model[0].weight is not weight
        assert model[0].weight is model[1].weight
        assert torch.equal(model[0].weight, weight)
    assert model[0].training
    assert model[0].weight is model[1].weight is weight


def test_hooks_of_the_owner_still_work_and_can_still_be_removed():
    model, calls = nn.ReLU(), []
    handle = model.register_forward_hook(lambda *_: calls.append(1))
    with preserved(model):
        model.register_forward_hook(lambda *_: calls.append(2))
    model(torch.zeros(1))
    assert calls == [1]
    handle.remove()
    model(torch.zeros(1))
    assert calls == [1]


def test_lazy_layer_stays_lazy_and_usable():
    model = nn.LazyConv2d(4, 1)
    get_model_flops(model, SIZE, False)
    assert type(model) is nn.LazyConv2d
    assert model(torch.zeros(1, 5, 8, 8)).shape == (1, 4, 8, 8)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")
def test_script_module_keeps_its_training_flag():
    scripted = torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 1)))
    get_model_flops(nn.Sequential(scripted), SIZE, False)
    assert scripted.training


def test_random_numbers_are_the_same_each_time():
    drawn = []
    for seed in range(2):
        torch.manual_seed(seed)
        with preserved(nn.Identity()):
            drawn.append((torch.rand(()).item(), random.random(), np.random.rand()))
    assert drawn[0] == drawn[1]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_generator_ends_as_it_began():
    model = nn.Conv2d(3, 3, 1).cuda()
    before = torch.cuda.get_rng_state()
    with preserved(model):
        torch.rand(5, device="cuda")
    assert torch.equal(torch.cuda.get_rng_state(), before)
