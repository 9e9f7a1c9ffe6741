"""A network lent out and given back unchanged, whatever the borrower or the network itself did."""

from __future__ import annotations

import contextlib
import copy
import random
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn

from esr.measure.registered import own_buffers, own_modules, own_parameters

_CONTAINERS = (dict, OrderedDict, list, set)


def seed_generators() -> None:
    """Begin all generators anew, those of GPUs that are not started yet included."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@contextmanager
def preserved(model: nn.Module) -> Iterator[None]:
    """Lend a network in eval mode, to run it or to hook it, and restore it afterwards.

    Meanwhile it works on copies of its tensors. The random numbers are the same each time, and the
    generators of PyTorch, NumPy and Python end as they began.
    """
    tensors = chain(own_parameters(model), own_buffers(model))
    gpus = sorted(
        {tensor.get_device() for _, tensor in tensors if tensor.is_cuda} | _started_gpus()
    )
    snapshots = [_Snapshot(module) for _, module in own_modules(model)]
    with _fixed_randomness(gpus):
        try:
            copies: dict[Hashable, Tensor] = {}
            for snapshot in snapshots:
                snapshot.replace_tensors(copies)
            model.eval()
            yield
        finally:
            for snapshot in snapshots:
                snapshot.restore()


class _Snapshot:
    """The attributes of one module, and the entries of those that are containers."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.kind = type(module)
        self.training = module.training
        self.attributes = dict(vars(module))
        self.entries = [
            (value, copy.copy(value))
            for value in self.attributes.values()
            if type(value) in _CONTAINERS
        ]

    def replace_tensors(self, copies: dict[Hashable, Tensor]) -> None:
        """Put a copy in place of each tensor, the same copy wherever a tensor is shared."""
        tables = [container for container, _ in self.entries if isinstance(container, dict)]
        for table in (vars(self.module), *tables):
            for name, value in table.items():
                if isinstance(value, Tensor):
                    if id(value) not in copies:
                        copies[id(value)] = _copy(value, copies)
                    table[name] = copies[id(value)]

    def restore(self) -> None:
        """Undo every change since."""
        if type(self.module) is not self.kind:  # A lazy layer becomes another when first called.
            self.module.__class__ = self.kind
        vars(self.module).clear()
        vars(self.module).update(self.attributes)
        # Refilled, not replaced: the handles of hooks refer to the containers themselves.
        for container, entries in self.entries:
            container.clear()
            (container.extend if isinstance(container, list) else container.update)(entries)
        self.module.training = self.training  # A ScriptModule keeps it out of its attributes.


def _copy(tensor: Tensor, copies: dict[Hashable, Tensor]) -> Tensor:
    # A copy of a parameter must be one, but `deepcopy` refuses tensors that have a graph, and
    # sparse and packed ones. What PyTorch cannot copy at all is lent itself.
    if _is_part(tensor):
        return _copy_of_part(tensor, copies)
    if isinstance(tensor, nn.Parameter):
        with contextlib.suppress(RuntimeError):
            return copy.deepcopy(tensor)
        with contextlib.suppress(RuntimeError):
            return nn.Parameter(tensor.detach().clone(), requires_grad=tensor.requires_grad)
        return tensor
    with contextlib.suppress(RuntimeError):
        return tensor.detach().clone()
    return tensor


def _is_part(tensor: Tensor) -> bool:
    """Tell whether a parameter is part of a larger piece of memory."""
    if type(tensor) is not nn.Parameter or tensor.layout != torch.strided or tensor.is_meta:
        return False
    return tensor.untyped_storage().nbytes() > tensor.numel() * tensor.element_size()


def _copy_of_part(tensor: Tensor, copies: dict[Hashable, Tensor]) -> Tensor:
    # With the rest of its memory: a network may read on behind it.
    memory = tensor.untyped_storage()
    key = memory.data_ptr(), tensor.dtype
    if key not in copies:
        whole = (memory.nbytes() // tensor.element_size(),)
        copies[key] = tensor.detach().as_strided(whole, (1,), 0).clone()
    part = copies[key].as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
    return nn.Parameter(part, requires_grad=tensor.requires_grad)


def _started_gpus() -> set[int]:
    """List the GPUs on which a network may draw numbers though it has no tensor there."""
    started: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return set(range(torch.cuda.device_count())) if started else set()


@contextmanager
def _fixed_randomness(gpus: list[int]) -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(gpus):
            seed_generators()
            for gpu in gpus:
                torch.cuda.default_generators[gpu].manual_seed(0)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
