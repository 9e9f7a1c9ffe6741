"""Which numbers an output depends on that are neither the image nor parameters: hidden weights.

Weights may stand in buffers, lists and arrays, in the source, or be drawn from a seeded generator.
What they have in common: they reach the output, and come from no parameter. So every operation
hands on to its results where its operands came from. A *source* is

    an attribute   a tensor of the network that is no parameter
    from outside   a tensor that no operation has made: of NumPy, a list, a literal, a closure
    drawn          random numbers, where the image is multiplied or convolved with them; noise that
                   is added to it is none
    made up        a tensor computed from no other, `arange` say, where it first meets the image, a
                   parameter or another source
    constants      numbers of Python that operations are given, and tensors of one value

What is computed from parameters in the pass has no source but those that took part in it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch._ops import OpOverload

from esr.measure.counts.constants import constants_of, first_value
from esr.measure.counts.memory_pieces import (
    Memory,
    storages_in,
    storages_of,
    tensors_in,
    whole_of,
)
from esr.measure.counts.op_formulas import formula_of
from esr.measure.counts.pattern import Irregular, irregular
from esr.measure.registered import elements
from esr.records.network_counts import Unregistered

OUTSIDE, DRAWN, MADE_UP = "from outside", "drawn at random", "made up"
CONSTANTS = "constants"
_BLANK = ("empty", "empty_strided", "empty_like", "new_empty", "new_empty_strided")
_REFILLS = (
    *("normal_", "uniform_", "random_", "exponential_", "cauchy_", "log_normal_"),
    *("geometric_", "bernoulli_"),
)
"""Random numbers in the place of whatever was there."""
_Sources = frozenset[int]


@dataclass(frozen=True)
class _Found:
    name: str
    elements: int
    """Of the tensor."""
    values: Irregular


@dataclass(frozen=True)
class Operands:
    """What an operation is given, and what comes of it."""

    written: Memory
    is_given: bool
    """Whether the image or a parameter is among it."""
    is_image: bool
    is_all_image: bool
    """Whether all that is multiplied with each other was computed of the image."""
    sources: _Sources


class ValueSources:
    """Where the values in each piece of memory come from.

    Args:
        image: memory of the input.
        given: memory of parameters.
        attributes: memory of other tensors of the network, with their names.
    """

    def __init__(
        self,
        image: Iterable[Hashable],
        given: Iterable[Hashable],
        attributes: Mapping[Hashable, tuple[str, Tensor]],
    ) -> None:
        self._image = set(image)
        self._given = self._image | set(given)
        self._sources: dict[Hashable, _Sources] = dict.fromkeys(self._given, frozenset())
        self._blank: set[Hashable] = set()
        self._attributes = attributes
        self._found: list[_Found] = []
        self._constants: list[float] = []
        self._multiplied: set[int] = set()
        """Sources of what an image is multiplied with."""

    def read(
        self, func: OpOverload, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> Operands:
        """Take note of the operands before an operation can write over them."""
        tensors, written = _operands(func, args, kwargs)
        self._constants += constants_of(func, args, kwargs)
        written_pieces = storages_in(written)
        operands = {piece: tensor for tensor in tensors for piece in storages_of(tensor)}
        for piece, tensor in operands.items():
            if piece not in self._sources:
                name, whole = self._attributes.get(piece, (OUTSIDE, tensor))
                self._sources[piece] = self._source(name, whole)
        is_given = not operands.keys().isdisjoint(self._given)
        if is_given or any(self._sources[piece] for piece in operands):
            self._meet(operands, written_pieces)
        is_image = not operands.keys().isdisjoint(self._image)
        if is_image and formula_of(func._schema.name) is not None:
            for piece in operands.keys() - self._image:
                self._multiplied |= self._sources[piece]
        sources = frozenset[int]().union(*(self._sources[piece] for piece in operands))
        is_all_image = is_image and self._is_all_image(func, args, kwargs)
        return Operands(written_pieces, is_given, is_image, is_all_image, sources)

    def _is_all_image(
        self, func: OpOverload, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> bool:
        factors = _factors(func, args, kwargs)
        return len(factors) > 1 and all(storages_of(each) <= self._image for each in factors)

    def rewritten(self, piece: Hashable, tensor: Tensor) -> None:
        """Take what somebody has written unseen into a piece of memory for weights."""
        if piece not in self._image:
            sources = self._sources.get(piece, frozenset())
            self._sources[piece] = sources | self._source(OUTSIDE, tensor)

    def _meet(self, operands: Mapping[Hashable, Tensor], written: Memory) -> None:
        """Find what was made up of nothing among operands that the image or others join."""
        # What nobody has written yet may hold anything, unless it is written now.
        blank = self._blank & written
        for piece, tensor in operands.items():
            if not (piece in self._given or piece in blank or self._sources[piece]):
                self._sources[piece] = self._source(MADE_UP, tensor)

    def _source(self, name: str, tensor: Tensor) -> _Sources:
        # A small view may stand before weights.
        tensor = whole_of(tensor)
        values = irregular(tensor)
        if not values.elements:
            self._constants += first_value(tensor)
            return frozenset()
        self._found.append(_Found(name, elements(tensor), values))
        return frozenset({len(self._found) - 1})

    def made(self, func: OpOverload, operands: Operands, out: object) -> None:
        """Hand on to what an operation has made or written where its operands came from."""
        name = func._schema.name.split("::")[-1]
        results = tensors_in(out)
        pieces = storages_in(results)
        changed = pieces | operands.written
        if _is_drawn(func, name, operands):
            sources = self._source(DRAWN, results[0]) if results else frozenset[int]()
        else:
            sources = operands.sources
            self._given |= changed if operands.is_given else frozenset()
            self._image |= changed if operands.is_image else frozenset()
        for piece in changed:
            self._sources[piece] = self._sources.get(piece, frozenset()) | sources
        if name in _BLANK:
            self._blank |= pieces
        else:
            self._blank -= operands.written

    def reaching(self, output: object, leave_out_from: int | None) -> tuple[Unregistered, ...]:
        """List the sources of an output, those of the same values once, patterns left out.

        Args:
            output: of the pass.
            leave_out_from: from so many elements on, what comes from outside is no weights: where
                tensors leave PyTorch, it may be what was made of the image meanwhile.
        """
        pieces = storages_in(output)
        reached = frozenset[int]().union(*(self._sources.get(p, frozenset()) for p in pieces))
        weights: dict[str, int] = {}
        seen: set[bytes] = set()
        for number in sorted(reached):
            found = self._found[number]
            is_image = leave_out_from is not None and found.elements >= leave_out_from
            is_noise = found.name == DRAWN and number not in self._multiplied
            if (found.name == OUTSIDE and is_image) or is_noise or found.values.digest in seen:
                continue
            seen.add(found.values.digest)
            weights[found.name] = weights.get(found.name, 0) + found.values.elements
        constants = irregular(
            torch.tensor(self._constants, dtype=torch.float64, device="cpu")
        ).elements
        if constants:
            weights[CONSTANTS] = constants
        return tuple(Unregistered(name, count) for name, count in weights.items())


def _is_drawn(func: OpOverload, name: str, operands: Operands) -> bool:
    is_random = torch.Tag.nondeterministic_seeded in func.tags
    return is_random and (not operands.is_given or name in _REFILLS)


def _factors(
    func: OpOverload, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> list[Tensor]:
    """List what a product multiplies; a convolution slides weights, whatever made them."""
    name = func._schema.name.split("::")[-1]
    if "conv" in name:
        return []
    added = ("bias", "attn_mask", "attn_bias", "out", *(("self",) if "add" in name else ()))
    named = zip((each.name for each in func._schema.arguments), args, strict=False)
    values = dict(named) | {**kwargs}
    return [each for key, value in values.items() if key not in added for each in tensors_in(value)]


def _operands(
    func: OpOverload, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> tuple[list[Tensor], list[Tensor]]:
    """List the tensors whose values an operation reads, and those that it writes."""
    arguments, name = func._schema.arguments, func._schema.name.split("::")[-1]
    values = {each.name: value for each, value in zip(arguments, args, strict=False)} | {**kwargs}
    unread: tuple[str, ...] = ("out",)
    if name.endswith("_like") or name.startswith("new_"):
        unread = tuple(values)  # It takes over a shape alone.
    elif name == "copy_":
        unread = ("self",)
    read = [
        each for key, value in values.items() if key not in unread for each in tensors_in(value)
    ]
    written = [
        tensor
        for each in arguments
        if each.alias_info is not None and each.alias_info.is_write
        for tensor in tensors_in(values.get(each.name))
    ]
    return read, written
