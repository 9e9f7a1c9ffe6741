"""A network on its device: one image restored and timed, and the official pass over the images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from esr.base.own_memory import peak_rss_mib
from esr.images import Image
from esr.images.official_image import uint2tensor4
from esr.images.output_image import save_uint, tensor2levels
from esr.measure.channel import Channel
from esr.measure.counts.timed_count import TimedCount
from esr.measure.job import Job, JobFolder, describe_error
from esr.measure.nvml import GpuWatch, around
from esr.measure.restore import Restorer, check_finite, check_output
from esr.measure.timing import Lap, PeakMemory, Stopwatch, wall_ns
from esr.records.timing_samples import SplitTiming
from esr.submissions.sidecar import Sidecar


@dataclass(frozen=True)
class Bench:
    """A network on its device, ready to be timed."""

    device: torch.device
    forward: Restorer
    watch: Stopwatch
    memory: PeakMemory
    gpu: GpuWatch
    sidecar: Sidecar
    helper: Executor = field(default_factory=lambda: ThreadPoolExecutor(1))
    """Sleeps but when an output is made an image."""

    def load(self, lr: Image) -> Tensor:
        """Put an LR image on the device: (1, 3, h, w), float32 in [0, data_range]."""
        return uint2tensor4(lr, self.sidecar.data_range).to(self.device)

    def time(self, lr: Tensor) -> tuple[object, Lap]:
        """Time one forward pass, tiling and padding included, copies to and from the device not."""
        return self.watch.time(lambda: self.forward(lr))

    def image(self, output: object, lr: Tensor) -> Image:
        """Check an output and turn it into the SR image that is scored."""
        sr = check_output(output, lr, self.sidecar.scale)
        image, extremes = tensor2levels(sr, self.sidecar.data_range, self.helper)
        check_finite(*extremes)
        return image

    def save(self, output: object, lr: Tensor, sr_file: Path) -> None:
        """Check an output and save the same SR image as .npy."""
        sr = check_output(output, lr, self.sidecar.scale)
        # Whether it is finite is seen on the way: to look first would take as long again.
        with self.memory.aside():
            extremes = save_uint(sr, self.sidecar.data_range, sr_file, self.helper)
        check_finite(*extremes)


@dataclass
class OfficialPass:
    """What the official pass found beside the runtimes."""

    splits: list[SplitTiming]
    laps: list[Lap]
    dtypes: set[str]
    """Types of the elements of the outputs."""
    kinds: set[str]
    """Python types of the outputs."""
    whole_s: list[float] = field(default_factory=list)
    """What every image took with reading LR and saving SR, in seconds."""
    further_s: float = 0.0
    """What the further ones took together."""
    peak_rss_mib: float = 0.0
    """Peak of this process's memory until then."""


@dataclass(frozen=True)
class Turn:
    """An image whose LR is in the folder."""

    place: tuple[int, int]
    """(data set, image)."""
    is_scored: bool = True
    """Whether its figures count; else it is one of the further ones, which may fail."""
    count: TimedCount | None = None


def official_pass(
    bench: Bench,
    job: Job,
    folder: JobFolder,
    channel: Channel,
    counter: Callable[[], TimedCount],
) -> OfficialPass:
    """Restore every image once, cold and in order, the first included, and keep the SR images.

    It goes as the official loop does, and nothing that this house adds may come before it. Behind
    it the parent hands out a few further images, which go the same way: a network sees the same
    functions call it, and nothing in an image says that it is no image of the set.
    """
    official = OfficialPass([], [], set(), set())
    for number in range(len(job.splits) + 1):
        bench.memory.restart()
        before = bench.gpu.state()
        turns = _turns(job, number, channel, counter)
        laps = [lap for turn in turns for lap in _restore(bench, turn, folder, channel, official)]
        if number == len(job.splits):
            break
        official.peak_rss_mib = peak_rss_mib()
        memory = bench.memory
        official.splits.append(
            SplitTiming(
                role=job.splits[number].role,
                runtime_ms=tuple(lap.ms for lap in laps),
                memory_mib=memory.official_mib(),
                split_memory_mib=memory.split_mib(),
                reserved_mib=memory.reserved_mib(),
                gpu=around(before, bench.gpu.state()),
            )
        )
        official.laps += laps
    return official


def _turns(
    job: Job, number: int, channel: Channel, counter: Callable[[], TimedCount]
) -> Iterator[Turn]:
    """Wait for each image of a data set in turn, and behind the last set for the further ones."""
    if number < len(job.splits):
        for index in range(job.splits[number].count):
            channel.take_image(number, index)
            yield Turn((number, index))
        return
    while (further := channel.take_further()) is not None:
        count = counter() if further.is_counted else None
        yield Turn(further.place, is_scored=False, count=count)


def _restore(
    bench: Bench, turn: Turn, folder: JobFolder, channel: Channel, official: OfficialPass
) -> list[Lap]:
    laps: list[Lap] = []
    began_ns = wall_ns()
    with _forgiven(turn, channel):
        lr = bench.load(np.load(folder.lr_image(*turn.place)))
        with turn.count.watching(lr) if turn.count else nullcontext():
            output, lap = bench.time(lr)
        channel.say("restored", lap.ms)
        if turn.count:
            channel.say("counted", turn.count.seen(output))
        bench.save(output, lr, folder.sr_image(*turn.place))
        channel.say("saved")
        if turn.is_scored:
            official.dtypes.add(str(getattr(output, "dtype", "unknown")))
            official.kinds.add(f"{type(output).__module__}.{type(output).__qualname__}")
        laps.append(lap)
    took_s = (wall_ns() - began_ns) / 1e9
    if turn.is_scored:
        official.whole_s.append(took_s)
    else:
        official.further_s += took_s
    return laps


@contextmanager
def _forgiven(turn: Turn, channel: Channel) -> Iterator[None]:
    """Say that a further image failed and go on; what the official script measures is measured."""
    try:
        yield
    except Exception as error:
        if turn.is_scored:
            raise
        channel.say("skipped", describe_error(error))
