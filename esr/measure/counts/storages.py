"""Which pieces of memory a network has, and what of them a pass reads: parameters and others."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping

from torch import Tensor, nn

from esr.measure.counts.memory_pieces import (
    Memory,
    distinct_elements,
    span_of,
    storages_of,
    whole_of,
)
from esr.measure.counts.unseen_writes import UnseenWrites
from esr.measure.counts.value_sources import ValueSources
from esr.measure.registered import attributes, elements, own_modules, own_parameters, table
from esr.records.network_counts import Unregistered

_ELEMENT_SIZE = Tensor.element_size
STATISTICS_SHARE = 0.2
"""Of the parameters: running statistics behind nothing but depthwise 3x3 convolutions, two numbers
for nine weights and a scale and a shift, come to 0.18."""


class Storages:
    """Where the numbers come from: a parameter, another tensor of the model, or an operation."""

    def __init__(self, model: nn.Module, dummy: Tensor) -> None:
        self._parameters: dict[Hashable, dict[str, int]] = {}
        self._spans: dict[Hashable, list[tuple[int, int]]] = {}
        whole: dict[Hashable, Tensor] = {}
        for name, parameter in own_parameters(model):
            for storage in storages_of(parameter):
                self._parameters.setdefault(storage, {})[name] = elements(parameter)
                self._spans.setdefault(storage, []).append(span_of(parameter))
                whole[storage] = parameter
        self._spans = {storage: _joined(spans) for storage, spans in self._spans.items()}
        attributes = dict(_attributes(model, self._parameters.keys()))
        image = storages_of(dummy)
        given = {*self._parameters, *_running_statistics(model)}
        self._known = {*image, *given, *attributes}
        self.sources = ValueSources(image, given, attributes)
        whole |= {storage: tensor for storage, (_, tensor) in attributes.items()}
        self._writes = UnseenWrites()
        self._writes.note({**whole, **dict.fromkeys(image, dummy)})
        self._read: set[Hashable] = set()
        self._made: set[Hashable] = set()
        self._beyond: dict[Hashable, int] = {}
        self._beside: dict[Hashable, int] = {}
        self._foreign_from = dummy.shape[-1] * dummy.shape[-2]
        self._foreign = 0

    @property
    def foreign_elements(self) -> int:
        """Elements that no operation has made; 0 where all of them are fewer than pixels."""
        return self._foreign if self._foreign >= self._foreign_from else 0

    def read(self, tensors: Iterable[Tensor]) -> Memory:
        """Note what an operation is given."""
        views = [(storage, tensor) for tensor in tensors for storage in storages_of(tensor)]
        given = dict(views)
        self._read.update(given)
        for storage, tensor in views:
            if storage in self._parameters:
                self._look_beyond(storage, tensor)
        for storage, tensor in given.items():
            if storage not in self._known:
                self._known.add(storage)
                self._foreign += elements(tensor)
        for storage in self._writes.find(given):
            self._foreign += elements(given[storage])
            self.sources.rewritten(storage, given[storage])
        return frozenset(given)

    def leave(self, tensors: Iterable[Tensor]) -> None:
        """Note what an operation has left in the memory that it was given and has made."""
        self._writes.note(
            {storage: tensor for tensor in tensors for storage in storages_of(tensor)}
        )

    def _look_beyond(self, storage: Hashable, tensor: Tensor) -> None:
        """Note a view of a parameter's memory with more elements than the parameters there have."""
        registered = sum(self._parameters[storage].values())
        if elements(tensor) > registered and not tensor.is_complex():
            beyond = distinct_elements(tensor) - registered
            self._beyond[storage] = max(beyond, self._beyond.get(storage, 0))
        span = span_of(tensor)
        if not any(start <= span[0] and span[1] <= end for start, end in self._spans[storage]):
            # It reaches beside them; what one view has shown is not counted again with the next.
            before = _length(self._spans[storage])
            self._spans[storage] = _joined([*self._spans[storage], span])
            beside = (_length(self._spans[storage]) - before) // _ELEMENT_SIZE(tensor)
            self._beside[storage] = self._beside.get(storage, 0) + beside

    def made(self, tensors: Iterable[Tensor]) -> Memory:
        """Note what an operation returned."""
        storages = frozenset(storage for tensor in tensors for storage in storages_of(tensor))
        # A view of what was there before is not made.
        self._made |= storages - self._read
        self._known |= storages
        return storages

    def has_made(self, tensor: Tensor) -> bool:
        """Whether operations were seen to make what a tensor holds, and all that went into it."""
        pieces = dict.fromkeys(storages_of(tensor), tensor)
        is_left = not self._writes.find(pieces)
        return pieces.keys() <= self._made and is_left and not self.foreign_elements

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
            for storage in self._beyond.keys() | self._beside.keys()
            if (count := max(self._beyond.get(storage, 0), self._beside.get(storage, 0))) > 0
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
    """List the memory of the running statistics of normalisations: two numbers a channel.

    Where they are more than normalisations need they are taken for what they hold.
    """
    statistics = [
        tensor
        for _, module in own_modules(model)
        if isinstance(module, nn.modules.batchnorm._NormBase)
        for name, tensor in table(module, "_buffers").items()
        if name in ("running_mean", "running_var") and isinstance(tensor, Tensor)
    ]
    held = sum(elements(whole_of(tensor)) for tensor in statistics)
    if held > STATISTICS_SHARE * sum(elements(tensor) for _, tensor in own_parameters(model)):
        return frozenset()
    return frozenset(storage for tensor in statistics for storage in storages_of(tensor))


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans that touch."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _length(spans: Iterable[tuple[int, int]]) -> int:
    return sum(end - start for start, end in _joined(spans))


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
