"""Which pieces of memory a network has, and what of them a pass reads: parameters and others."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping

from torch import Tensor, nn

from esr.measure.counts.memory_pieces import Memory, distinct_elements, storages_of
from esr.measure.counts.value_sources import ValueSources
from esr.measure.registered import attributes, elements, own_modules, own_parameters, table
from esr.records.network_counts import Unregistered


class Storages:
    """Where the numbers come from: a parameter, another tensor of the model, or an operation."""

    def __init__(self, model: nn.Module, dummy: Tensor) -> None:
        self._parameters: dict[Hashable, dict[str, int]] = {}
        for name, parameter in own_parameters(model):
            for storage in storages_of(parameter):
                self._parameters.setdefault(storage, {})[name] = elements(parameter)
        attributes = dict(_attributes(model, self._parameters.keys()))
        image = storages_of(dummy)
        given = {*self._parameters, *_running_statistics(model)}
        self._known = {*image, *given, *attributes}
        self.sources = ValueSources(image, given, attributes)
        self._read: set[Hashable] = set()
        self._made: set[Hashable] = set()
        self._beyond: dict[Hashable, int] = {}
        self._foreign_from = dummy.shape[-1] * dummy.shape[-2]
        self.foreign_elements = 0

    def read(self, tensors: Iterable[Tensor]) -> Memory:
        """Note what an operation is given."""
        given = {storage: tensor for tensor in tensors for storage in storages_of(tensor)}
        self._read.update(given)
        for storage, tensor in given.items():
            if storage in self._parameters:
                self._look_beyond(storage, tensor)
            if storage not in self._known:
                self._known.add(storage)
                if elements(tensor) >= self._foreign_from:
                    self.foreign_elements += elements(tensor)
        return frozenset(given)

    def _look_beyond(self, storage: Hashable, tensor: Tensor) -> None:
        """Note a view of a parameter's memory with more elements than the parameters there have."""
        registered = sum(self._parameters[storage].values())
        if elements(tensor) > registered and not tensor.is_complex():
            beyond = distinct_elements(tensor) - registered
            self._beyond[storage] = max(beyond, self._beyond.get(storage, 0))

    def made(self, tensors: Iterable[Tensor]) -> Memory:
        """Note what an operation returned."""
        storages = frozenset(storage for tensor in tensors for storage in storages_of(tensor))
        # A view of what was there before is not made.
        self._made |= storages - self._read
        self._known |= storages
        return storages

    def has_made(self, tensor: Tensor) -> bool:
        """Whether an operation was seen to make what a tensor holds."""
        return storages_of(tensor) <= self._made

    def untouched(self) -> dict[str, int]:
        """Parameters that no operation read: name and elements."""
        unread = (names for storage, names in self._parameters.items() if storage not in self._read)
        return {name: elements for names in unread for name, elements in names.items()}

    def unregistered(self, output: object, *, has_exits: bool) -> tuple[Unregistered, ...]:
        """Weights that the output depends on and that are no parameters, the largest first.

        Args:
            output: of the pass.
            has_exits: whether tensors have left PyTorch in it.
        """
        behind = [
            Unregistered(f"behind {next(iter(self._parameters[storage]))}", count)
            for storage, count in self._beyond.items()
            if count > 0
        ]
        size = self._foreign_from if has_exits else None
        weights = [*self.sources.reaching(output, size), *behind]
        return tuple(sorted(weights, key=lambda each: -each.elements))


def _attributes(
    model: nn.Module, parameters: Collection[Hashable]
) -> Iterator[tuple[Hashable, tuple[str, Tensor]]]:
    """List the memory of all tensors of a model that are no parameters, by name."""
    for path, module in own_modules(model):
        for name, value in attributes(module).items():
            for key, tensor in _tensors(value):
                parts = (path, "" if name in ("_buffers", "_parameters") else name, key)
                for storage in storages_of(tensor):
                    if storage not in parameters:
                        yield storage, (".".join(filter(None, parts)), tensor)


def _running_statistics(model: nn.Module) -> Memory:
    """List the memory of the running statistics of normalisations: two numbers a channel."""
    return frozenset(
        storage
        for _, module in own_modules(model)
        if isinstance(module, nn.modules.batchnorm._NormBase)
        for name, tensor in table(module, "_buffers").items()
        if name in ("running_mean", "running_var") and isinstance(tensor, Tensor)
        if elements(tensor) <= module.num_features
        for storage in storages_of(tensor)
    )


def _tensors(value: object, depth: int = 4, key: str = "") -> Iterator[tuple[str, Tensor]]:
    """List the tensors in containers, with their keys."""
    if isinstance(value, Tensor):
        yield key, value
    elif depth and isinstance(value, Mapping):
        for name, item in list(value.items()):
            yield from _tensors(item, depth - 1, f"{key}.{name}" if key else str(name))
    elif depth and isinstance(value, list | tuple | set):
        for item in value:
            yield from _tensors(item, depth - 1, key)
