"""`python -m utils.worker FOLDER`: measure one submission, in a process of its own.

The only program that runs somebody else's code. It is given LR images and no path to HR; its
answer travels in files (`utils.job`), so whatever the submission prints cannot disturb it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from utils import complexity, jsonfile, machine, network
from utils.device import backend, resolve
from utils.errors import UserError, printable_line
from utils.job import Job, JobFailure, JobFolder
from utils.protocol import COMPLEXITY_INPUT
from utils.record import Measurement, SplitTiming, Stage
from utils.restore import Restorer, check_finite, check_output, restorer
from utils.sidecar import Sidecar
from utils.timing import Stopwatch, peak_rss_mib
from utils.utils_image import save_uint, uint2tensor4

FILE_AT_MOST = 2**30
"""Bytes of the largest file a submission may write, its log included."""

_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> int:
    """Measure the job in the folder `argv[0]`."""
    folder = JobFolder(Path(argv[0]))
    limit()
    stage = StageMark(folder)
    try:
        measurement = measure(jsonfile.load(Job, folder.job), folder, stage)
    except BaseException as error:  # A submission may raise anything, SystemExit included.
        with contextlib.suppress(Exception):  # It may have filled the log.
            traceback.print_exc()
        jsonfile.dump(JobFailure(stage.now, one_line(error)), folder.failure)
        return 1
    jsonfile.dump(measurement, folder.measurement)
    return 0


def limit() -> None:
    """Bound the files this process may write, and tie its life to its parent's."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_AT_MOST, FILE_AT_MOST))
    if sys.platform == "linux":
        # Nobody else would ever stop the child of a parent that was killed.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class StageMark:
    """The stage that is reached, also left in a file, for a child that is killed."""

    def __init__(self, folder: JobFolder) -> None:
        self._file = folder.stage
        self.enter("build")

    def enter(self, stage: Stage) -> None:
        """Say that a stage begins."""
        self.now = stage
        self._file.write_text(stage, encoding="utf-8")


def measure(job: Job, folder: JobFolder, stage: StageMark) -> Measurement:
    """Build the network, restore and time every image, then count."""
    device, model = prepare(job, stage)
    watch, memory = backend(device).stopwatch(), backend(device).memory(device)
    sidecar = job.submission.sidecar
    bench = Bench(device, restorer(model, sidecar), watch, sidecar)
    stage.enter("restore")
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
        peaks = memory.official_mib(), memory.split_mib()
        splits.append(SplitTiming(split.role, runtime_ms, *peaks))
    stage.enter("count")
    return Measurement(
        counts=complexity.count(model, COMPLEXITY_INPUT),
        clock=watch.clock,
        splits=tuple(splits),
        output_dtype=", ".join(sorted(dtypes)),
        peak_rss_mib=peak_rss_mib(),
        machine=machine.describe(device),
    )


def prepare(job: Job, stage: StageMark) -> tuple[torch.device, nn.Module]:
    """Import, build and load the network, as the official `select_model` leaves it."""
    submission = job.submission
    device = resolve(job.device)
    torch.backends.cudnn.benchmark = False
    if device.type == "cuda":
        torch.cuda.set_device(device)
    stage.enter("import")
    module = network.import_model(submission.model_file)
    stage.enter("build")
    model = network.build(module, submission)
    stage.enter("load")
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
        sr = check_finite(check_output(output, lr, self.sidecar.scale))
        save_uint(sr, self.sidecar.data_range, sr_file)
        return runtime_ms, str(sr.dtype)


def one_line(error: BaseException) -> str:
    """Say what went wrong in one line."""
    if isinstance(error, UserError):
        return printable_line(str(error))
    return printable_line(f"{type(error).__name__}: {error}".removesuffix(": "))


if __name__ == "__main__":
    status = main(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # The submission may have closed or replaced it.
            stream.flush()
    # Threads and exit handlers that a submission left behind must not keep the process alive.
    os._exit(status)
