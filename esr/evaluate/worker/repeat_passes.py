"""Images that were restored once are restored again: warm samples, then steady blocks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from esr.measure.bench import Bench
from esr.measure.channel import Channel
from esr.measure.device import backend
from esr.measure.energy import ENERGY_S, measure_energy
from esr.measure.job import Job, JobFolder, describe_error
from esr.measure.pass_costs import PassCosts
from esr.measure.robust_pass import ROUNDS_AT_LEAST, WINDOW, RobustPass, robust_pass
from esr.measure.steady_pass import steady_pass
from esr.measure.time_budget import RoundTimer, TimeBudget, is_due
from esr.records.conditions import SteadyPlan
from esr.records.measurement import Flag
from esr.records.timing_samples import STEADY, WARM, SplitTiming


@dataclass
class Repeated:
    """What the passes over images that were restored already have found."""

    splits: list[SplitTiming]
    robust: list[RobustPass] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)


@dataclass(frozen=True)
class _Repeater:
    """Where images are restored again, and how much time there is."""

    bench: Bench
    job: Job
    folder: JobFolder
    channel: Channel
    costs: PassCosts
    budget: TimeBudget

    def warm(self, number: int, repeats: int, seconds: float) -> RobustPass | None:
        """Take the warm samples of a data set; None if there is no time for two rounds.

        Who gave their number gets two all the same.
        """
        split = self.job.splits[number]
        what = f"{WARM} over {split.role}"
        cost_s = ROUNDS_AT_LEAST * self.costs.round_s(number)
        cost_s += self.costs.warm_up_s(number, WINDOW)
        if cost_s > seconds and not self._is_due(self.job.passes.repeats, cost_s):
            self.budget.leave_out(what)
            return None
        place = (number, split.count)
        timer, seed = RoundTimer(seconds), self.job.passes.seed
        robust = robust_pass(self.bench, self.folder, self.channel, *place, repeats, seed, timer)
        taken = len(robust.samples.samples_ms[0])
        if taken < repeats:
            self.budget.leave_out(f"{what}: {repeats - taken} of {repeats} rounds")
        return robust

    def steady(self, timing: SplitTiming, number: int, plan: SteadyPlan) -> SplitTiming:
        """Add the steady blocks of a data set, unless there is no time for a warm-up and two.

        Who said how precise they shall be gets them all the same.
        """
        cost_s = (WINDOW + ROUNDS_AT_LEAST) * self.costs.round_s(number)
        if cost_s > plan.budget_s and not self._is_due(self.job.passes.precision_percent, cost_s):
            self.budget.leave_out(f"{STEADY} over {timing.role}")
            return timing
        count = self.job.splits[number].count
        steady = steady_pass(self.bench, self.folder, self.channel, number, count, plan)
        return replace(timing, steady=steady)

    def _is_due(self, asked: float | None, cost_s: float) -> bool:
        used_s = self.costs.official_s + self.budget.spent_s
        return is_due(asked is not None, cost_s, used_s, self.job.timeout_s)

    def energy(self, timing: SplitTiming, number: int) -> SplitTiming:
        """Add what an image of a data set costs in energy, on a GPU and if there is time."""
        on_gpu = self.bench.device.type == "cuda"
        if not on_gpu or not self.budget.allows(f"energy over {timing.role}", ENERGY_S):
            return timing
        count = self.job.splits[number].count
        return replace(timing, energy=measure_energy(self.bench, self.folder, number, count))


def repeat(
    bench: Bench,
    job: Job,
    folder: JobFolder,
    channel: Channel,
    official: list[SplitTiming],
    costs: PassCosts,
    budget: TimeBudget,
) -> Repeated:
    """Add the warm and the steady pass to every data set, as far as they are asked for.

    Data sets share the time that is left. What has been measured already is kept if the network
    cannot go through them.
    """
    passes, device = job.passes, backend(bench.device)
    repeats = device.repeats if passes.repeats is None else passes.repeats
    asked = passes.precision_percent
    percent = device.precision_percent if asked is None else asked
    repeater = _Repeater(bench, job, folder, channel, costs, budget)
    found = Repeated(list(official))
    try:
        for number in range(len(job.splits)):
            end_s = budget.spent_s + budget.available_s / (len(job.splits) - number)
            if repeats and (robust := repeater.warm(number, repeats, end_s - budget.spent_s)):
                found.robust.append(robust)
                found.splits[number] = replace(found.splits[number], robust=robust.samples)
            if percent:
                plan = SteadyPlan(percent, max(0.0, end_s - budget.spent_s), passes.seed)
                found.splits[number] = repeater.steady(found.splits[number], number, plan)
                found.splits[number] = repeater.energy(found.splits[number], number)
    except Exception as error:  # What the official script measures is measured already.
        found.flags.append(Flag("robust_pass_failed", describe_error(error)))
    return found
