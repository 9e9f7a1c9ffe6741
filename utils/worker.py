"""`python -m utils.worker FOLDER`: measure one submission, in a process of its own.

The only program that runs somebody else's code. It is given LR images and no path to HR; its
answer travels in files (`utils.job`), so whatever the submission prints cannot disturb it.
"""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from utils import complexity, jsonfile, machine, network
from utils.errors import UserError
from utils.job import Job, JobFailure, JobFolder
from utils.protocol import COMPLEXITY_INPUT
from utils.record import Measurement, SplitTiming, Stage
from utils.restore import Restorer, check_output, restorer
from utils.sidecar import Sidecar
from utils.timing import PeakMemory, Stopwatch, peak_rss_mib, stopwatch
from utils.utils_image import tensor2uint, uint2tensor4

_REASON_AT_MOST = 300


def main(argv: list[str]) -> int:
    """Measure the job in the folder `argv[0]`."""
    folder = JobFolder(Path(argv[0]))
    try:
        measurement = measure(jsonfile.load(Job, folder.job), folder)
    except BaseException as error:  # A submission may raise anything, SystemExit included.
        traceback.print_exc()
        stage: Stage = folder.stage.read_text(encoding="utf-8")  # type: ignore[assignment]
        jsonfile.dump(JobFailure(stage, one_line(error)), folder.failure)
        return 1
    jsonfile.dump(measurement, folder.measurement)
    return 0


def measure(job: Job, folder: JobFolder) -> Measurement:
    """Build the network, restore and time every image, then count."""
    device, model = prepare(job, folder)
    bench = Bench(
        device, restorer(model, job.submission.sidecar), stopwatch(device), job.submission.sidecar
    )
    memory = PeakMemory(device)
    enter(folder, "restore")
    splits: list[SplitTiming] = []
    dtypes: set[str] = set()
    for number, split in enumerate(job.splits):
        memory.restart()
        samples = [
            bench.restore(folder.lr_image(number, index), folder.sr_image(number, index))
            for index in range(split.count)
        ]
        dtypes.update(dtype for _, dtype in samples)
        runtime_ms = tuple(ms for ms, _ in samples)
        splits.append(
            SplitTiming(split.role, runtime_ms, memory.official_mib(), memory.split_mib())
        )
    enter(folder, "count")
    return Measurement(
        counts=complexity.count(model, COMPLEXITY_INPUT),
        clock=bench.watch.clock,
        splits=tuple(splits),
        output_dtype=", ".join(sorted(dtypes)),
        peak_rss_mib=peak_rss_mib(),
        machine=machine.describe(device),
    )


def prepare(job: Job, folder: JobFolder) -> tuple[torch.device, nn.Module]:
    """Import, build and load the network, as the official `select_model` leaves it."""
    submission = job.submission
    enter(folder, "build")
    device = machine.resolve_device(job.device)
    torch.backends.cudnn.benchmark = False
    if device.type == "cuda":
        torch.cuda.set_device(device)
    enter(folder, "import")
    module = network.import_model(submission.model_file)
    enter(folder, "build")
    model = network.build(module, submission)
    enter(folder, "load")
    assert submission.checkpoint is not None, "the parent starts no job without a checkpoint"
    network.load(model, submission.checkpoint, strict=submission.sidecar.strict)
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad = False
    return device, model.to(device)


@dataclass(frozen=True)
class Bench:
    """A network on its device, ready to be timed."""

    device: torch.device
    forward: Restorer
    watch: Stopwatch
    sidecar: Sidecar

    def restore(self, lr_file: Path, sr_file: Path) -> tuple[float, str]:
        """Restore one image as the official loop does; only the forward pass is timed.

        Returns:
            (runtime in milliseconds, dtype of the network's output)
        """
        lr = uint2tensor4(np.load(lr_file), self.sidecar.data_range).to(self.device)
        output, runtime_ms = self.watch.time(lambda: self.forward(lr))
        sr = check_output(output, lr, self.sidecar.scale)
        np.save(sr_file, tensor2uint(sr, self.sidecar.data_range))
        return runtime_ms, str(sr.dtype)


def enter(folder: JobFolder, stage: Stage) -> None:
    """Leave word of the stage, for the case that nothing else can be said."""
    folder.stage.write_text(stage, encoding="utf-8")


def one_line(error: BaseException) -> str:
    """Say what went wrong in one line."""
    text = " ".join(str(error).split())
    if not isinstance(error, UserError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= _REASON_AT_MOST else f"{text[: _REASON_AT_MOST - 3]}..."


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads and exit handlers that a submission left behind must not keep the process alive.
    os._exit(status)
