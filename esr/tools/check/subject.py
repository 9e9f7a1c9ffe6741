"""A network that rules may try. It is in the child, where PyTorch is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import cache_from_source
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from esr.audit.audit_passes import other_range
from esr.images import Image
from esr.measure.bench import Bench
from esr.measure.restore import check_output
from esr.sandbox.inside.audit_events import EventJudge, SideEffect
from esr.sandbox.inside.audit_hook import Event
from esr.tools.check.rule import NotReached

PROBE_PX = 64
"""Side of the probes: room for every network of the official repositories, and quick on a CPU."""
_PROBES = 3


_NOWHERE = tuple(map(Path, (os.devnull, "/dev/stdout", "/dev/stderr")))


class SideEffects:
    """Keeps what a submission does beside restoring images, whoever of its libraries does it.

    Args:
        folder: its private folder.
        readable: files of the submission.
    """

    def __init__(self, folder: Path, readable: Sequence[Path]) -> None:
        compiled = [Path(cache_from_source(str(path))) for path in readable]
        self._judge = EventJudge(folder, (*readable, *compiled), _NOWHERE)
        self._is_watching = False
        self.seen: list[SideEffect] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keep what happens in this block."""
        self._is_watching = True
        try:
            yield
        finally:
            self._is_watching = False

    def judge(self, event: Event) -> None:
        """Keep what should not be."""
        if self._is_watching:
            self.seen += self._judge.find(event)


@dataclass(frozen=True)
class NetworkOutput:
    """What a network returned for one or more images."""

    values: NDArray[np.float32]
    """(n, 3, scale*h, scale*w)."""
    dtype: str
    """Its readable type, `torch.float32`."""


class Subject:
    """A network on its device, watched while it restores images.

    Args:
        bench: the network.
        side_effects: what it did since it was imported; to be watched on.
        photographs: LR images of the data set; noise is no fair input for a network.
    """

    def __init__(self, bench: Bench, side_effects: SideEffects, photographs: list[Image]) -> None:
        self._bench = bench
        self._side_effects = side_effects
        self._photographs = photographs
        self.scale = bench.sidecar.scale
        self.white = bench.sidecar.data_range
        self.on_cpu = bench.device.type == "cpu"
        self.probes = self._probes()
        self._works = False
        self.other_white = other_range(self.white)
        """White of the range that was meant, if it is not the declared one."""
        self.gives_numbers = True
        """Until a rule finds NaN or infinity, of which no other rule can tell anything."""

    @property
    def side_effects(self) -> list[SideEffect]:
        """What it did beside restoring images, so far."""
        return self._side_effects.seen

    def restore(self, *images: Image) -> NetworkOutput:
        """Restore images of one size as one batch.

        Raises:
            UserError: the output is no image of `scale` times their size.
            Exception: whatever the network raises.
        """
        return self._restore(self._bench, images)

    def restored_in_other_range(self, probe: Image) -> NetworkOutput | None:
        """Restore a probe as if `other_white` had been declared; None if that does not work."""
        sidecar = replace(self._bench.sidecar, data_range=self.other_white)
        try:
            return self._restore(replace(self._bench, sidecar=sidecar), [probe])
        except Exception:  # The network's own code runs: it may raise anything.
            return None

    def _restore(self, bench: Bench, images: Sequence[Image]) -> NetworkOutput:
        batch = torch.cat([bench.load(image) for image in images])
        with self._side_effects.watching():
            output = bench.forward(batch)
        checked = check_output(output, batch, self.scale)
        self._works = True
        return NetworkOutput(checked.detach().float().cpu().numpy(), str(checked.dtype))

    def restored(self, probe: Image) -> NetworkOutput:
        """Restore a probe for a rule that is about something else than whether that works.

        Raises:
            NotReached: nothing was ever restored, as the first rule has said, or no numbers.
            Exception: whatever the network raises that has worked before.
        """
        if not self.gives_numbers:
            raise NotReached
        try:
            return self.restore(probe)
        except Exception as error:
            if self._works:
                raise
            raise NotReached from error

    def crop(self, height: int, width: int) -> Image:
        """Cut a photograph to a size, mirrored where it is too small."""
        return _cut(self._photographs[0], height, width)

    def _probes(self) -> list[Image]:
        # Three at least, all different: turned ones where the set has fewer.
        turned = [np.rot90(image, turns) for turns in range(_PROBES) for image in self._photographs]
        return [_cut(image, PROBE_PX, PROBE_PX) for image in turned[:_PROBES]]


def _cut(image: Image, height: int, width: int) -> Image:
    rows, columns = max(height - image.shape[0], 0), max(width - image.shape[1], 0)
    image = np.pad(image, ((0, rows), (0, columns), (0, 0)), mode="symmetric")
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])
