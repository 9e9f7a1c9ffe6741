"""A submission is built, restores every image, is watched and counted: a `Measurement`."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from esr.audit.audit_passes import audit, is_repeatable, restored_in_other_range
from esr.audit.audit_rules import Evidence, TamperWatch
from esr.evaluate.worker.build_network import make_bench, prepare, prepare_clone
from esr.evaluate.worker.repeat_passes import repeat
from esr.evaluate.worker.restore_folders import restore_folders
from esr.images import Image
from esr.measure.bench import Bench, official_pass
from esr.measure.channel import Channel
from esr.measure.counts import complexity
from esr.measure.counts.layer_costs import layers
from esr.measure.counts.timed_count import TimedCount
from esr.measure.deploy.deployed_pass import deploy
from esr.measure.device import describe_machine
from esr.measure.fixed_input_pass import run_fixed_input
from esr.measure.job import Job, JobFolder
from esr.measure.loading.extension_builds import ExtensionWatch
from esr.measure.network_snapshot import seed_generators
from esr.measure.op_watch import OpWatch
from esr.measure.pass_costs import PassCosts, read_costs
from esr.measure.robust_pass import RobustPass
from esr.measure.time_budget import TimeBudget
from esr.records.measurement import Measurement
from esr.records.network_counts import LayerCost
from esr.sandbox.inside import audit_hook
from esr.sandbox.inside.audit_events import AuditFlags
from esr.sandbox.policy import own_files
from esr.submissions.clone_session.session import Session
from esr.submissions.submission import CloneSubmission

COUNTED = 2
"""Passes of the counters that official figures come from: they are never left out."""
CHECKED = 5
"""Passes over an image that tell most: types, values, repeatability, the other data_range."""
LAYERED = 5
"""Passes of the layers, which are never left out either: they are measured if asked for alone."""


def measure(job: Job, folder: JobFolder, channel: Channel) -> None:
    """Build the network, restore and time every image, then look for what could deceive, and count.

    The official pass over all data sets comes first: nothing before it may warm the network up. The
    parent is told the measurement; the network in other runtimes, if asked for, follows on it.
    """
    if job.layer:
        sys.path.insert(0, job.layer)
    with contextlib.ExitStack() as stack:
        session = None
        if isinstance(job.submission, CloneSubmission):
            session = Session(job.submission, channel.enter, trusted=job.trusted)
            stack.enter_context(session.opened())
        # Before its first line: what it seeds itself, as it would for the official script, holds.
        seed_generators()
        if session is not None and (call := session.folder_call) is not None:
            restore_folders(job, call, folder, channel, session, observe(job, folder))
            return
        builds = ExtensionWatch()
        stack.enter_context(builds.watching())
        _measure(job, folder, channel, session, builds)


def _measure(
    job: Job,
    folder: JobFolder,
    channel: Channel,
    session: Session | None,
    builds: ExtensionWatch,
) -> None:
    before, constructor, audit_flags = TamperWatch(), OpWatch(), observe(job, folder)
    with constructor:
        built = prepare(job, channel.enter) if session is None else prepare_clone(job, session)
    before.look()
    device, model = built.device, built.model
    bench = make_bench(built)
    channel.enter("restore")
    official = official_pass(
        bench, job, folder, channel, lambda: TimedCount(model, bench.forward, bench.sidecar.scale)
    )
    costs = read_costs(official, job, folder)
    counting_s = counted_s(costs, job.complexity_input)
    budget = TimeBudget(max(job.passes.budget_s, costs.official_s) - official.further_s)
    before.look()
    beyond_s = beyond_timing_s(costs, counting_s) + LAYERED * counting_s * job.passes.layers
    with budget.reserved(0 if job.is_further else beyond_s):
        repeated = repeat(bench, job, folder, channel, official.splits, costs, budget)
    before.look()
    channel.enter("count")
    place = probe_place(costs, repeated.robust)
    image: Image = np.load(folder.lr_image(*place))
    pass_s = costs.splits[place[0]][place[1]].pass_s
    evidence = Evidence(before, constructor, official, repeated.robust, image, pass_s)
    measurement = Measurement(
        counts=complexity.uncounted(model, job.complexity_input, "counted in the first process"),
        clock=bench.watch.clock,
        splits=tuple(repeated.splits),
        output_dtype=", ".join(sorted(official.dtypes)),
        peak_rss_mib=official.peak_rss_mib,
        machine=describe_machine(device),
        flags=(*built.flags, *repeated.flags, *evidence.flags()),
    )
    if not job.is_further:
        measurement = examine(measurement, bench, model, evidence, budget)
        measurement = add_costs(measurement, bench, model, costs, budget, job, folder)
    measurement = replace(
        measurement,
        flags=(*measurement.flags, *audit_flags.flags()),
        fork=session.facts() if session else None,
        left_out=budget.left_out,
        builds=builds.builds,
    )
    channel.say("measurement", measurement)
    # What was said stays said, whatever becomes of the network now.
    deploy(bench, model, job, folder, channel)


def beyond_timing_s(costs: PassCosts, counting_s: float) -> float:
    """What has to be left of the time when the timed passes are over."""
    largest_s = max(image.pass_s for split in costs.splits for image in split)
    return COUNTED * counting_s + CHECKED * largest_s


def counted_s(costs: PassCosts, counted_input: tuple[int, int, int]) -> float:
    """What a pass over the input of the counters will take."""
    _, height, width = counted_input
    return costs.of_size_s(height * width)


def examine(
    measurement: Measurement,
    bench: Bench,
    model: nn.Module,
    evidence: Evidence,
    budget: TimeBudget,
) -> Measurement:
    """Count, and look for what could deceive, while there is time.

    What figures need comes first, and is done in any case; then the most telling checks.
    """
    with budget.reserved(CHECKED * evidence.pass_s):
        counts = complexity.count(model, measurement.counts.input_size, budget)
    repeatable = None
    if budget.allows("repeatability", 2 * evidence.pass_s):
        repeatable = is_repeatable(bench, evidence.image)
    with budget.reserved(evidence.pass_s):
        flags, precision = audit(bench, model, evidence, budget)
    return replace(
        measurement,
        counts=counts,
        precision=precision,
        flags=(*measurement.flags, *flags),
        is_repeatable=repeatable,
    )


def add_costs(
    measurement: Measurement,
    bench: Bench,
    model: nn.Module,
    costs: PassCosts,
    budget: TimeBudget,
    job: Job,
    folder: JobFolder,
) -> Measurement:
    """Add what comes last: layers, the other data_range, and what changes the network.

    Layers are listed however late it is: they are never measured unless somebody asks for them.
    """
    layer_costs: tuple[LayerCost, ...] = ()
    if job.passes.layers:
        layer_costs = layers(model, job.complexity_input)
    other = None
    if budget.allows("other data_range", costs.splits[0][0].pass_s):
        lr_file = folder.lr_image(0, 0)
        other = restored_in_other_range(bench, model, lr_file, folder.other_range)
    # Last, since it leaves the network in half precision.
    fixed = run_fixed_input(bench, model, job.fixed_input) if job.fixed_input else None
    return replace(measurement, layers=layer_costs, other_range=other, fixed_input=fixed)


def observe(job: Job, folder: JobFolder) -> AuditFlags:
    """Note from now on what the submission opens, starts and connects to."""
    own = (*own_files(job.submission), *([Path(job.layer)] if job.layer else []))
    flags = AuditFlags(folder.path, own)
    audit_hook.install(flags.judge)
    return flags


def probe_place(costs: PassCosts, passes: list[RobustPass]) -> tuple[int, int]:
    """Choose the LR image for the audit: one that ran suspiciously fast, else the smallest.

    Returns:
        (data set, image)
    """
    for number, robust in enumerate(passes):
        if robust.suspect is not None:
            return number, robust.suspect
    places = [(n, index) for n, split in enumerate(costs.splits) for index in range(len(split))]
    return min(places, key=lambda place: costs.splits[place[0]][place[1]].pixels)
