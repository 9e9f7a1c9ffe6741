"""A submission is built, restores every image, is watched and counted: a `Measurement`."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from esr.audit.audit_passes import audit, restored_in_other_range
from esr.audit.audit_rules import Evidence, TamperWatch
from esr.base.own_memory import peak_rss_mib
from esr.challenge.protocol import COMPLEXITY_INPUT
from esr.evaluate.worker.build_network import make_bench, prepare, prepare_clone
from esr.images import Image
from esr.measure.bench import Bench, official_pass
from esr.measure.counts import complexity
from esr.measure.counts.layer_costs import layers
from esr.measure.device import backend, describe_machine
from esr.measure.fixed_input_pass import run_fixed_input
from esr.measure.job import Job, JobFolder, StageMark, describe_error
from esr.measure.op_watch import OpWatch
from esr.measure.robust_pass import RobustPass, robust_pass
from esr.records.measurement import Flag, Measurement, SplitTiming
from esr.sandbox.inside import audit_hook
from esr.sandbox.inside.audit_events import AuditFlags
from esr.sandbox.policy import own_files
from esr.submissions.clone_session.session import Session
from esr.submissions.submission import CloneSubmission


def measure(job: Job, folder: JobFolder, stage: StageMark) -> Measurement:
    """Build the network, restore and time every image, then look for what could deceive, and count.

    The official pass over all data sets comes first: nothing before it may warm the network up.
    """
    with contextlib.ExitStack() as stack:
        session = None
        if isinstance(job.submission, CloneSubmission):
            session = Session(job.submission, stage.enter, trusted=job.trusted)
            stack.enter_context(session.opened())
        return _measure(job, folder, stage, session)


def _measure(job: Job, folder: JobFolder, stage: StageMark, session: Session | None) -> Measurement:
    before, constructor, audit_flags = TamperWatch(), OpWatch(), observe(job, folder)
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
    costs = layers(model, COMPLEXITY_INPUT) if job.passes.layers else ()
    measurement = Measurement(
        counts=counts,
        clock=bench.watch.clock,
        splits=tuple(splits),
        output_dtype=", ".join(sorted(official.dtypes)),
        peak_rss_mib=peak_mib,
        machine=describe_machine(device),
        flags=(*built.flags, *failed, *flags, *audit_flags.flags()),
        precision=precision,
        layers=costs,
        fork=session.facts() if session else None,
    )
    other = restored_in_other_range(bench, model, folder.lr_image(0, 0), folder.other_range)
    # Last, since it leaves the network in half precision.
    fixed = run_fixed_input(bench, model, job.fixed_input) if job.fixed_input else None
    return replace(measurement, other_range=other, fixed_input=fixed)


def observe(job: Job, folder: JobFolder) -> AuditFlags:
    """Note from now on what the submission opens, starts and connects to."""
    flags = AuditFlags(folder.path, own_files(job.submission))
    audit_hook.install(flags.judge)
    return flags


def repeat(
    bench: Bench, job: Job, folder: JobFolder, official: list[SplitTiming]
) -> tuple[list[SplitTiming], list[RobustPass], list[Flag]]:
    """Add the robust pass to every data set, if repeats are asked for.

    Returns:
        (the data sets, the robust passes, a flag if the network could not go through them)
    """
    repeats = job.passes.repeats
    if repeats is None:
        repeats = backend(bench.device).repeats
    if not repeats:
        return official, [], []
    try:
        passes = [
            robust_pass(bench, folder, number, split.count, repeats, job.passes.seed)
            for number, split in enumerate(job.splits)
        ]
    except Exception as error:  # What the official script measures is measured already.
        return official, [], [Flag("robust_pass_failed", describe_error(error))]
    splits = [
        replace(split, robust=robust.samples)
        for split, robust in zip(official, passes, strict=True)
    ]
    return splits, passes, []


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
