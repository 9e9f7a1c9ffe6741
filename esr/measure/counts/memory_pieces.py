"""Which memory a tensor stands for, whatever kind of tensor it is."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import is_traceable_wrapper_subclass
from torch.utils._pytree import tree_leaves

Memory = frozenset[Hashable]
"""Pieces of memory."""


def storages_of(tensor: Tensor) -> Memory:
    """Name the memory behind a tensor, whatever view of it that is.

    A sparse or a nested tensor has several pieces; one that shows none is a piece itself.
    """
    # A weak reference keeps the address from being given to another storage meanwhile.
    # Nor is our own look at it to be seen by `Exits`.
    with torch._C.DisableTorchFunction():
        return frozenset(map(_storage_of, _pieces(tensor)))


def tensors_in(tree: object) -> list[Tensor]:
    """List the tensors among arguments or results of an operation."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def storages_in(tree: object) -> Memory:
    """Name the memory behind all tensors among arguments or results."""
    return frozenset(storage for tensor in tensors_in(tree) for storage in storages_of(tensor))


def distinct_elements(tensor: Tensor) -> int:
    """Count the places in memory that a view reaches, one that it reads twice once."""
    with torch._C.DisableTorchFunction():
        if tensor.layout != torch.strided or tensor.is_nested:
            return tensor.numel()
        sides = (size for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride)
        in_memory = tensor.untyped_storage().nbytes() // max(tensor.element_size(), 1)
        return min(math.prod(sides), in_memory)


def whole_of(tensor: Tensor) -> Tensor:
    """Give all of the memory that a view is cut out of, as one row; itself if it is all of it."""
    with torch._C.DisableTorchFunction():
        try:
            storage = tensor.untyped_storage()
            length = storage.nbytes() // tensor.element_size()
            if tensor.is_quantized or tensor.is_nested or length <= tensor.numel():
                return tensor
            row = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
            return row.set_(storage, 0, (length,), (1,))
        except (NotImplementedError, RuntimeError, ValueError, TypeError):
            return tensor  # It shows no memory.


def span_of(tensor: Tensor) -> tuple[int, int]:
    """Say from which byte of its memory to which a view reaches."""
    with torch._C.DisableTorchFunction():
        if tensor.layout != torch.strided or tensor.is_nested or not tensor.numel():
            return 0, 0
        sides = zip(tensor.shape, tensor.stride(), strict=True)
        start, size = int(tensor.storage_offset()), tensor.element_size()
        last = start + sum((length - 1) * stride for length, stride in sides)
        return start * size, (last + 1) * size


_COMPRESSED = (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)


def _pieces(tensor: Tensor) -> Iterator[Tensor]:
    if is_traceable_wrapper_subclass(tensor):
        for name in tensor.__tensor_flatten__()[0]:
            yield from _pieces(getattr(tensor, name))
    elif tensor.layout == torch.sparse_coo:
        yield tensor._values()
        yield tensor._indices()
    elif tensor.layout in _COMPRESSED or tensor.is_nested:
        yield tensor.values()
    else:
        yield tensor


def _storage_of(tensor: Tensor) -> Hashable:
    try:
        return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
    except (NotImplementedError, RuntimeError, ValueError):  # Of a library, or not made yet.
        return _Opaque(tensor)


@dataclass(frozen=True, eq=False)
class _Opaque:
    """A tensor that shows no memory; it is kept, so that no other is taken for it."""

    tensor: Tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Opaque) and other.tensor is self.tensor

    def __hash__(self) -> int:
        return id(self.tensor)
