"""A submission is built, restores every image, is watched and counted: a `Measurement`."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from esr.audit.audit_passes import audit, is_repeatable, restored_in_other_range
from esr.audit.audit_rules import Evidence, TamperWatch
from esr.base.own_memory import peak_rss_mib
from esr.challenge.protocol import COMPLEXITY_INPUT
from esr.evaluate.worker.build_network import make_bench, prepare, prepare_clone
from esr.evaluate.worker.repeat_passes import repeat
from esr.images import Image
from esr.measure.bench import official_pass
from esr.measure.channel import Channel
from esr.measure.counts import complexity
from esr.measure.counts.layer_costs import layers
from esr.measure.device import describe_machine
from esr.measure.fixed_input_pass import run_fixed_input
from esr.measure.job import Job, JobFolder
from esr.measure.op_watch import OpWatch
from esr.measure.robust_pass import RobustPass
from esr.records.measurement import Measurement
from esr.sandbox.inside import audit_hook
from esr.sandbox.inside.audit_events import AuditFlags
from esr.sandbox.policy import own_files
from esr.submissions.clone_session.session import Session
from esr.submissions.submission import CloneSubmission


def measure(job: Job, folder: JobFolder, channel: Channel) -> Measurement:
    """Build the network, restore and time every image, then look for what could deceive, and count.

    The official pass over all data sets comes first: nothing before it may warm the network up.
    """
    if job.layer:
        sys.path.insert(0, job.layer)
    with contextlib.ExitStack() as stack:
        session = None
        if isinstance(job.submission, CloneSubmission):
            session = Session(job.submission, channel.enter, trusted=job.trusted)
            stack.enter_context(session.opened())
        return _measure(job, folder, channel, session)


def _measure(job: Job, folder: JobFolder, channel: Channel, session: Session | None) -> Measurement:
    before, constructor, audit_flags = TamperWatch(), OpWatch(), observe(job, folder)
    with constructor:
        built = prepare(job, channel.enter) if session is None else prepare_clone(job, session)
    before.look()
    device, model = built.device, built.model
    bench = make_bench(built)
    channel.enter("restore")
    official = official_pass(bench, job, folder, channel)
    peak_mib = peak_rss_mib()
    before.look()
    repeated = repeat(bench, job, folder, channel, official.splits)
    before.look()
    channel.enter("count")
    image = probe_image(job, folder, repeated.robust)
    evidence = Evidence(before, constructor, official, repeated.robust, image)
    flags, precision = audit(bench, model, evidence)
    counts = complexity.count(model, COMPLEXITY_INPUT)
    costs = layers(model, COMPLEXITY_INPUT) if job.passes.layers else ()
    measurement = Measurement(
        counts=counts,
        clock=bench.watch.clock,
        splits=tuple(repeated.splits),
        output_dtype=", ".join(sorted(official.dtypes)),
        peak_rss_mib=peak_mib,
        machine=describe_machine(device),
        flags=(*built.flags, *repeated.flags, *flags, *audit_flags.flags()),
        precision=precision,
        layers=costs,
        is_repeatable=is_repeatable(bench, image),
        fork=session.facts() if session else None,
    )
    other = restored_in_other_range(bench, model, folder.lr_image(0, 0), folder.other_range)
    # Last, since it leaves the network in half precision.
    fixed = run_fixed_input(bench, model, job.fixed_input) if job.fixed_input else None
    return replace(measurement, other_range=other, fixed_input=fixed)


def observe(job: Job, folder: JobFolder) -> AuditFlags:
    """Note from now on what the submission opens, starts and connects to."""
    own = (*own_files(job.submission), *([Path(job.layer)] if job.layer else []))
    flags = AuditFlags(folder.path, own)
    audit_hook.install(flags.judge)
    return flags


def probe_image(job: Job, folder: JobFolder, passes: list[RobustPass]) -> Image:
    """Choose the LR image for the audit: one that ran suspiciously fast, else the smallest."""
    for number, robust in enumerate(passes):
        if robust.suspect is not None:
            return _load(folder.lr_image(number, robust.suspect))
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
