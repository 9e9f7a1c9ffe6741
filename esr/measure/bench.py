"""A network on its device: one image restored and timed, and the official pass over the images."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from esr.images import Image
from esr.images.official_image import save_uint, tensor2levels, uint2tensor4
from esr.measure.channel import Channel
from esr.measure.job import Job, JobFolder
from esr.measure.nvml import GpuWatch, around
from esr.measure.restore import Restorer, check_finite, check_output
from esr.measure.timing import Lap, PeakMemory, Stopwatch, wall_ns
from esr.records.measurement import SplitTiming
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
        check_finite(*save_uint(sr, self.sidecar.data_range, sr_file, self.helper))


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


def official_pass(bench: Bench, job: Job, folder: JobFolder, channel: Channel) -> OfficialPass:
    """Restore every image once, cold and in order, the first included, and keep the SR images.

    It goes as the official loop does, and nothing that this house adds may come before it.
    """
    official = OfficialPass([], [], set(), set())
    for number, split in enumerate(job.splits):
        bench.memory.restart()
        before = bench.gpu.state()
        laps = [
            _restore(bench, (number, index), folder, channel, official)
            for index in range(split.count)
        ]
        memory = bench.memory
        official.splits.append(
            SplitTiming(
                role=split.role,
                runtime_ms=tuple(lap.ms for lap in laps),
                memory_mib=memory.official_mib(),
                split_memory_mib=memory.split_mib(),
                reserved_mib=memory.reserved_mib(),
                gpu=around(before, bench.gpu.state()),
            )
        )
        official.laps += laps
    return official


def _restore(
    bench: Bench,
    place: tuple[int, int],
    folder: JobFolder,
    channel: Channel,
    official: OfficialPass,
) -> Lap:
    began_ns = wall_ns()
    channel.take_image(*place)
    lr = bench.load(np.load(folder.lr_image(*place)))
    output, lap = bench.time(lr)
    channel.say("restored", lap.ms)
    bench.save(output, lr, folder.sr_image(*place))
    channel.say("saved")
    official.whole_s.append((wall_ns() - began_ns) / 1e9)
    official.dtypes.add(str(getattr(output, "dtype", "unknown")))
    official.kinds.add(f"{type(output).__module__}.{type(output).__qualname__}")
    return lap
