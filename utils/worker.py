"""`python -m utils.worker FOLDER`: measure one submission, in a process of its own.

The only program that runs somebody else's code. It is given LR images and no path to HR; its
answer travels in files (`utils.job`), so whatever the submission prints cannot disturb it.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from utils import jsonfile
from utils.audit.audit import audit
from utils.audit.evidence import Before, Evidence
from utils.audit.other_range import restored_in_other_range
from utils.count import complexity
from utils.count.layers import layers
from utils.errors import UserError, printable_line
from utils.fork.session import Session
from utils.job import Job, JobFailure, JobFolder
from utils.measure import machine, network
from utils.measure.bench import Bench, Image, official_pass
from utils.measure.device import backend, resolve
from utils.measure.nvml import GpuWatch
from utils.measure.opwatch import OpWatch
from utils.measure.restore import Restorer, restorer
from utils.measure.robust import RobustPass, robust_pass
from utils.measure.timing import peak_rss_mib
from utils.protocol import COMPLEXITY_INPUT
from utils.record import Flag, Measurement, SplitTiming, Stage
from utils.rtsr.arch import import_arch
from utils.rtsr.procedure import run_fixed_input
from utils.sandbox import gate, process
from utils.sandbox.allocation import limit_memory
from utils.sandbox.observer import Observer
from utils.sandbox.policy import own_files
from utils.sidecar import Sidecar
from utils.submission import ForkSubmission, Submission


def main(argv: list[str]) -> int:
    """Measure the job in the folder `argv[0]`."""
    folder = JobFolder(Path(argv[0]))
    process.limit()
    gate.wait()
    stage = StageMark(folder)
    try:
        job = jsonfile.load(Job, folder.job)
        if job.memory_bytes is not None and (job.device == "cpu" or not torch.cuda.is_available()):
            limit_memory(job.memory_bytes)
        measurement = measure(job, folder, stage)
    except BaseException as error:  # A submission may raise anything, SystemExit included.
        with contextlib.suppress(Exception):  # It may have filled the log.
            traceback.print_exc()
        jsonfile.dump(JobFailure(stage.now, one_line(error)), folder.failure)
        return 1
    jsonfile.dump(measurement, folder.measurement)
    return 0


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
    """Build the network, restore and time every image, then look for what could deceive, and count.

    The official pass over all data sets comes first: nothing before it may warm the network up.
    """
    with contextlib.ExitStack() as stack:
        session = None
        if isinstance(job.submission, ForkSubmission):
            session = Session(job.submission, stage.enter, trusted=job.trusted)
            stack.enter_context(session.opened())
        return _measure(job, folder, stage, session)


def _measure(job: Job, folder: JobFolder, stage: StageMark, session: Session | None) -> Measurement:
    before, constructor, observer = Before(), OpWatch(), observe(job, folder)
    with constructor:
        built = prepare(job, stage) if session is None else prepare_clone(job, session)
    before.look()
    device, model = built.device, built.model
    bench = make_bench(built)
    stage.enter("restore")
    official = official_pass(bench, job, folder)
    peak_mib = peak_rss_mib()
    before.look()
    splits, passes, failed = repeat(bench, job, folder, official.splits)
    before.look()
    stage.enter("count")
    evidence = Evidence(before, constructor, official, passes, probe_image(job, folder, passes))
    flags, precision = audit(bench, model, evidence)
    counts = complexity.count(model, COMPLEXITY_INPUT)
    costs = layers(model, COMPLEXITY_INPUT) if job.layers else ()
    measurement = Measurement(
        counts=counts,
        clock=bench.watch.clock,
        splits=tuple(splits),
        output_dtype=", ".join(sorted(official.dtypes)),
        peak_rss_mib=peak_mib,
        machine=machine.describe(device),
        flags=(*failed, *flags, *observer.flags()),
        precision=precision,
        layers=costs,
        fork=session.facts() if session else None,
    )
    other = restored_in_other_range(bench, model, folder.lr_image(0, 0), folder.other_range)
    # Last, since it leaves the network in half precision.
    fixed = run_fixed_input(bench, model, job.fixed_input) if job.fixed_input else None
    return replace(measurement, other_range=other, fixed_input=fixed)


@dataclass(frozen=True)
class Built:
    """A network with its weights on its device."""

    device: torch.device
    model: nn.Module
    sidecar: Sidecar
    forward: Restorer


def prepare(job: Job, stage: StageMark) -> Built:
    """Import, build and load the network, as the official `select_model` leaves it."""
    submission = job.submission
    assert isinstance(submission, Submission)
    device = _device(job)
    stage.enter("import")
    sys.dont_write_bytecode = True  # A clone's files stay as they are.
    if submission.factory is not None:
        model = import_arch(submission.model_file, submission.factory)
    else:
        model = _loaded(submission, stage, trusted=job.trusted)
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad = False
    model = model.to(device)
    return Built(device, model, submission.sidecar, restorer(model, submission.sidecar))


def _loaded(submission: Submission, stage: StageMark, *, trusted: bool) -> nn.Module:
    clone = submission.model_file.parent.parent
    if clone not in map(Path, sys.path):
        sys.path.insert(0, str(clone))
    module = network.import_model(submission.model_file)
    stage.enter("build")
    model = network.build(module, submission)
    stage.enter("load")
    assert submission.checkpoint is not None, "the parent starts no job without a checkpoint"
    strict = submission.sidecar.strict
    network.load(model, submission.checkpoint, strict=strict, trusted=trusted)
    return model


def observe(job: Job, folder: JobFolder) -> Observer:
    """Note from now on what the submission opens, starts and connects to."""
    observer = Observer(folder.path, own_files(job.submission), Path(__file__).parent)
    observer.install()
    return observer


def prepare_clone(job: Job, session: Session) -> Built:
    """Let a clone's own `select_model` do it, and take its own call of the network."""
    device = _device(job)
    found = session.select(device)
    sidecar = replace(job.submission.sidecar, data_range=found.data_range, tile=found.tile)
    forward = found.forward or restorer(found.network, sidecar)
    return Built(device, found.network, sidecar, forward)


def _device(job: Job) -> torch.device:
    device = resolve(job.device)
    torch.backends.cudnn.benchmark = False
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def make_bench(built: Built) -> Bench:
    """Get a network that is loaded ready to be timed."""
    found = backend(built.device)
    return Bench(
        device=built.device,
        forward=built.forward,
        watch=found.stopwatch(),
        memory=found.memory(built.device),
        gpu=GpuWatch(built.device),
        sidecar=built.sidecar,
    )


def repeat(
    bench: Bench, job: Job, folder: JobFolder, official: list[SplitTiming]
) -> tuple[list[SplitTiming], list[RobustPass], list[Flag]]:
    """Add the robust pass to every data set, if repeats are asked for.

    Returns:
        (the data sets, the robust passes, a flag if the network could not go through them)
    """
    repeats = backend(bench.device).repeats if job.repeats is None else job.repeats
    if not repeats:
        return official, [], []
    try:
        passes = [
            robust_pass(bench, folder, number, split.count, repeats, job.seed)
            for number, split in enumerate(job.splits)
        ]
    except Exception as error:  # What the official script measures is measured already.
        return official, [], [Flag("robust_pass_failed", one_line(error))]
    splits = [
        replace(split, robust=found.samples) for split, found in zip(official, passes, strict=True)
    ]
    return splits, passes, []


def probe_image(job: Job, folder: JobFolder, passes: list[RobustPass]) -> Image:
    """Choose the LR image for the audit: one that ran suspiciously fast, else the smallest."""
    for number, found in enumerate(passes):
        if found.suspect is not None:
            return _load(folder.lr_image(number, found.suspect))
    files = [
        folder.lr_image(number, index)
        for number, split in enumerate(job.splits)
        for index in range(split.count)
    ]
    # The header alone says the size; it is a fixed number of bytes before the pixels.
    return _load(min(files, key=lambda file: file.stat().st_size))


def _load(file: Path) -> Image:
    image: Image = np.load(file)
    return image


def one_line(error: BaseException) -> str:
    """Say what went wrong in one line."""
    if isinstance(error, UserError):
        return printable_line(str(error))
    said = f"{type(error).__name__}: {error}".removesuffix(": ")
    if isinstance(error, MemoryError) or "can't allocate memory" in said:
        return f"{printable_line(said)} (--memory_limit)"
    return printable_line(said)


if __name__ == "__main__":
    process.end(main(sys.argv[1:]))
