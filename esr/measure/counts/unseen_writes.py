"""What is written into memory while no operation is seen to write: by NumPy, ctypes, hidden calls.

A network may hand its tensors to others, or put the dispatcher's modes away for a while
(`torch._C._DisableTorchDispatch`), and let the result appear in memory that an operation has made
before. So a few bytes of every piece, at places drawn for each pass, are read after each operation
that touches it and compared before the next.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable, Mapping

import torch
from torch import Tensor

from esr.measure.timing import synchronize

_BYTES = 64
"""Of each piece. Where all of it is written again, half of them are others and more."""


class UnseenWrites:
    """A few bytes of each piece of memory as the last operation left it."""

    def __init__(self) -> None:
        rng = random.SystemRandom()
        shares = sorted(rng.random() for _ in range(_BYTES))
        self._shares = torch.tensor(shares, dtype=torch.float64, device="cpu")
        self._places: dict[tuple[int, torch.device], Tensor] = {}
        self._left: dict[Hashable, bytes] = {}

    def note(self, pieces: Mapping[Hashable, Tensor]) -> None:
        """Keep what is there now."""
        on_host = any(each.is_cpu for each in pieces.values())
        if on_host and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            synchronize()  # A GPU may still be writing to the host.
        for piece, tensor in pieces.items():
            self._left[piece] = self._sample(tensor)

    def find(self, pieces: Mapping[Hashable, Tensor]) -> Iterable[Hashable]:
        """Name the pieces that are others than they were left."""
        left = self._left
        return [p for p, tensor in pieces.items() if p in left and left[p] != self._sample(tensor)]

    def _sample(self, tensor: Tensor) -> bytes:
        with torch._C.DisableTorchFunction():
            try:
                storage = tensor.untyped_storage()
                row = torch.empty(0, dtype=torch.uint8, device=tensor.device)
                row.set_(storage)
                places = self._places_in(len(row), row.device)
                return row.index_select(0, places).cpu().numpy().tobytes() if len(row) else b""
            except (NotImplementedError, RuntimeError, ValueError, TypeError):
                return b""  # It shows no memory.

    def _places_in(self, length: int, device: torch.device) -> Tensor:
        known = self._places
        if (length, device) not in known:
            known[length, device] = (self._shares * length).long().to(device)
        return known[length, device]
