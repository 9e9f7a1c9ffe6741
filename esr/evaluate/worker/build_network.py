"""A job -> a network with its weights on its device, ready to be timed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from esr.base.errors import printable_line
from esr.challenge.hooks import hooks_of
from esr.measure.bench import Bench
from esr.measure.device import backend, resolve
from esr.measure.job import Job
from esr.measure.loading import network
from esr.measure.nvml import GpuWatch
from esr.measure.restore import Restorer, restorer
from esr.records.measurement import Flag, Stage
from esr.submissions.clone_session.session import Session
from esr.submissions.sidecar import Sidecar
from esr.submissions.submission import Submission


@dataclass(frozen=True)
class Built:
    """A network with its weights on its device."""

    device: torch.device
    model: nn.Module
    sidecar: Sidecar
    forward: Restorer
    flags: tuple[Flag, ...] = ()
    """What was done to its checkpoint, so that it could be loaded."""


def prepare(job: Job, enter: Callable[[Stage], None]) -> Built:
    """Import, build and load the network, as the official `select_model` leaves it.

    Args:
        job: a submission in our own layout.
        enter: called when a stage begins.
    """
    submission = job.submission
    assert isinstance(submission, Submission)
    device = choose_device(job)
    enter("import")
    sys.dont_write_bytecode = True  # A clone's files stay as they are.
    remark = ""
    if submission.handed_in_to is not None:
        model = hooks_of(submission.handed_in_to).build_network(submission.model_file)
    else:
        model, remark = _loaded(submission, enter, trusted=job.trusted)
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad = False
    model = model.to(device)
    flags = (Flag("checkpoint_adapted", printable_line(remark)),) if remark else ()
    return Built(device, model, submission.sidecar, restorer(model, submission.sidecar), flags)


def _loaded(
    submission: Submission, enter: Callable[[Stage], None], *, trusted: bool
) -> tuple[nn.Module, str]:
    clone = submission.model_file.parent.parent
    if clone not in map(Path, sys.path):
        sys.path.insert(0, str(clone))
    module = network.import_model(submission.model_file)
    enter("build")
    model = network.build(module, submission)
    enter("load")
    assert submission.checkpoint is not None, "the parent starts no job without a checkpoint"
    strict = submission.sidecar.strict
    return model, network.load(model, submission.checkpoint, strict=strict, trusted=trusted)


def prepare_clone(job: Job, session: Session) -> Built:
    """Let a clone's own `select_model` do it, and take its own call of the network."""
    device = choose_device(job)
    selected = session.select(device)
    sidecar = replace(job.submission.sidecar, data_range=selected.data_range, tile=selected.tile)
    forward = selected.forward or restorer(selected.network, sidecar)
    return Built(device, selected.network, sidecar, forward)


def choose_device(job: Job) -> torch.device:
    """Find the device that was asked for, and make it the current one."""
    device = resolve(job.device)
    torch.backends.cudnn.benchmark = False
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def make_bench(built: Built) -> Bench:
    """Get a network that is loaded ready to be timed."""
    device_backend = backend(built.device)
    return Bench(
        device=built.device,
        forward=built.forward,
        watch=device_backend.stopwatch(),
        memory=device_backend.memory(built.device),
        gpu=GpuWatch(built.device),
        sidecar=built.sidecar,
    )
