"""Images that were restored once are restored again: warm samples, then steady blocks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from esr.measure.bench import Bench
from esr.measure.channel import Channel
from esr.measure.device import backend
from esr.measure.energy import measure_energy
from esr.measure.job import Job, JobFolder, describe_error
from esr.measure.robust_pass import RobustPass, robust_pass
from esr.measure.steady_pass import steady_pass
from esr.records.conditions import SteadyPlan
from esr.records.measurement import Flag, SplitTiming


@dataclass
class Repeated:
    """What the passes over images that were restored already have found."""

    splits: list[SplitTiming]
    robust: list[RobustPass] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)


def repeat(
    bench: Bench, job: Job, folder: JobFolder, channel: Channel, official: list[SplitTiming]
) -> Repeated:
    """Add the warm and the steady pass to every data set, as far as they are asked for.

    What has been measured already is kept if the network cannot go through them.
    """
    passes, device = job.passes, backend(bench.device)
    repeats = device.repeats if passes.repeats is None else passes.repeats
    percent = passes.precision_percent
    plan = SteadyPlan(
        device.precision_percent if percent is None else percent, passes.budget_s, passes.seed
    )
    found = Repeated(list(official))
    try:
        for number, split in enumerate(job.splits):
            if repeats:
                place = (number, split.count)
                robust = robust_pass(bench, folder, channel, *place, repeats, passes.seed)
                found.robust.append(robust)
                found.splits[number] = replace(found.splits[number], robust=robust.samples)
            if plan.precision_percent:
                steady = steady_pass(bench, folder, channel, number, split.count, plan)
                found.splits[number] = replace(found.splits[number], steady=steady)
                energy = measure_energy(bench, folder, number, split.count)
                found.splits[number] = replace(found.splits[number], energy=energy)
    except Exception as error:  # What the official script measures is measured already.
        found.flags.append(Flag("robust_pass_failed", describe_error(error)))
    return found
