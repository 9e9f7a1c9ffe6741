"""Whether intervals of ranks keep what they promise, on challenges whose true order is known.

    python -m benchmarks.simulated_challenge

Each challenge has 16 submissions of known runtimes: four pairs of copies (A/A), the rest 3 % apart
or less. Every process has a speed of its own (`process noise`), every block of images another
(`block noise`), and the first image of a process is cold. A challenge is ranked as any other, by
`esr.rank.ranking.rank`, and compared with the ranking of the true runtimes:

- coverage: how many rank intervals contain the true place;
- A/A: how many pairs of copies tie;
- 3 %: how many pairs of neighbours that are 3 % apart do not.

The verdict is about 500 challenges with 3 processes, a process noise of 1 % and a block noise of
2 %; the other lines show that it is not tuned to these.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np

from esr.challenge.protocol import protocols
from esr.rank.entrants import Choices
from esr.rank.ranking import Placing, Ranking, rank
from esr.records.measurement import Machine
from esr.records.network_counts import Counts
from esr.records.official_results import official_entry
from esr.records.record import SCHEMA, Provenance, Record
from esr.records.results_folder import Row
from esr.records.split_result import ImageResult, ProcessTiming, SplitResult, SteadyTiming
from esr.submissions.sidecar import Sidecar

STEPS = (0.0, 0.03, 0.03, 0.0, 0.03, 0.02, 0.03, 0.0, 0.03, 0.01, 0.03, 0.005, 0.03, 0.0, 0.03)
"""Share of its time by which each submission is faster than the next one; 0 makes copies."""
SLOWEST_MS = 10.0
BASELINE_MS = 11.0
COLD_MS = 20.0
IMAGES, ROUNDS = 16, 8

COVERAGE_AT_LEAST, TIES_AT_LEAST, SEPARATED_AT_LEAST = 0.93, 0.95, 0.95


@dataclass(frozen=True)
class NoisyMachine:
    """How noisy a simulated machine is, and how it measures."""

    process_noise: float = 0.01
    """Standard deviation, as a share."""
    block_noise: float = 0.02
    processes: int = 3
    runtime: str = "robust"
    uneven: bool = False
    """Whether half of the submissions have three times the process noise of the others."""
    heavy: bool = False
    """Whether the process noise is Student's t of 4 degrees of freedom instead of normal."""


@dataclass(frozen=True)
class Tally:
    """What came out right, and of how many."""

    covered: int
    places: int
    tied: int
    copies: int
    separated: int
    apart: int

    def list_shares(self) -> tuple[float, float, float]:
        """Coverage, A/A pairs that tie, pairs 3 % apart that do not."""
        return (
            self.covered / self.places,
            self.tied / self.copies,
            self.separated / self.apart,
        )


def true_runtimes_ms() -> list[float]:
    """The true runtimes, the baseline's first."""
    times = [SLOWEST_MS]
    for step in STEPS:
        times.append(times[-1] * (1 - step))
    return [BASELINE_MS, *times]


def simulate(setting: NoisyMachine, seed: int) -> list[Row]:
    """Measure every submission on a machine of known noise."""
    random = np.random.default_rng(seed)
    factors = 1 + 2 * (random.random(len(STEPS) + 2) < 0.5) * setting.uneven
    times = true_runtimes_ms()
    return [
        _make_row(number, _measure(ms, setting, float(factor), random))
        for number, (ms, factor) in enumerate(zip(times, factors, strict=True))
    ]


def _measure(
    true_ms: float, setting: NoisyMachine, factor: float, random: np.random.Generator
) -> SplitResult:
    count = setting.processes
    # Of a variance of 1; Student's t of 4 degrees of freedom has 2.
    speeds = random.standard_t(4, count) / 2**0.5 if setting.heavy else random.normal(size=count)
    images = true_ms * (1 + 0.2 * np.linspace(-1, 1, IMAGES))
    timings = []
    for speed in speeds:
        blocks = images[:, None] * np.exp(setting.process_noise * factor * speed)
        rounds = blocks * np.exp(setting.block_noise * random.normal(size=(IMAGES, ROUNDS)))
        official = blocks[:, 0] * np.exp(setting.block_noise * random.normal(size=IMAGES))
        official[0] += COLD_MS * np.exp(0.1 * random.normal())
        timings.append(ProcessTiming(tuple(official.tolist()), (), _make_steady(rounds)))
    return _make_split(timings)


def _make_steady(rounds: np.ndarray) -> SteadyTiming:
    mean_ms = float(np.median(rounds, axis=1).mean())
    samples = tuple(map(tuple, rounds.tolist()))
    blocks = tuple((number,) for number in range(len(samples)))
    return SteadyTiming(
        blocks, samples, "budget", 0, True, None, 0, None, mean_ms, mean_ms, mean_ms
    )


def _make_split(timings: Sequence[ProcessTiming]) -> SplitResult:
    first, *further = timings
    images = tuple(
        ImageResult(f"{number:04}.png", ms, {"psnr": 27.5})
        for number, ms in enumerate(first.runtime_ms)
    )
    return SplitResult(
        "valid", "DIV2K_LSDIR_valid", images, None, None, steady=first.steady,
        processes=tuple(further),
    )  # fmt: skip


_COUNTS = Counts((3, 256, 256), 150_000, 10**10, 10**10, None, 40_000_000, 20)
_MACHINE = Machine(
    "cuda:0", "GPU", "CPU", "GPU", None, "3.11", "2.13.0", None, None, "Linux", 1, False, True,
    False,
)  # fmt: skip
_PROVENANCE = Provenance("2026-11-21T12:00:00Z", (), None, None, "", "0" * 64, "", "0" * 64)


def _make_row(number: int, split: SplitResult) -> Row:
    label = "00_SPAN" if number == 0 else f"{number:02}_Net"
    record = Record(
        schema=SCHEMA, label=label, model_id=number, form=None, sidecar=Sidecar(),
        protocol="ntire2026", counts=_COUNTS, clock="cuda_event", output_dtype="torch.float32",
        peak_rss_mib=900.0, machine=_MACHINE, splits=(split,), note=None, provenance=_PROVENANCE,
    )  # fmt: skip
    return Row(label, record, official=official_entry(record, "fvcore"))


def judge(setting: NoisyMachine, seed: int) -> Tally:
    """Rank one challenge, and compare it with the truth."""
    rules = protocols()["ntire2026"]
    ranking = rank(simulate(setting, seed), rules, Choices(runtime=setting.runtime))
    placings = _list_placings(ranking)
    times = dict(enumerate(true_runtimes_ms()))
    del times[0]
    places = {
        number: 1 + sum(other < ms for other in times.values()) for number, ms in times.items()
    }
    covered = [
        placing.interval is not None
        and placing.interval[0] <= places[number] <= placing.interval[1]
        for number, placing in placings.items()
    ]
    ties = [
        (step, bool(set(placings[a].ties) & set(placings[b].ties)))
        for step, (a, b) in zip(STEPS, pairwise(times), strict=True)
    ]
    copies = [tied for step, tied in ties if step == 0]
    apart = [not tied for step, tied in ties if step == 0.03]
    return Tally(sum(covered), len(covered), sum(copies), len(copies), sum(apart), len(apart))


def _list_placings(ranking: Ranking) -> dict[int, Placing]:
    return {
        standing.row.record.model_id: standing.placings[0]
        for standing in ranking.standings
        if standing.row.record and not standing.is_baseline
    }


def repeat(setting: NoisyMachine, challenges: int, workers: int = 2) -> Tally:
    """Judge many challenges, on some cores."""
    with ProcessPoolExecutor(workers) as pool:
        tallies = pool.map(partial(judge, setting), range(challenges), chunksize=5)
        columns = zip(*(vars(tally).values() for tally in tallies), strict=True)
        return Tally(*map(sum, columns))


def list_others(setting: NoisyMachine) -> dict[str, NoisyMachine]:
    """Other machines than the one that the verdict is about."""
    return {
        "official runtimes": replace(setting, runtime="official"),
        "process noise 0.3 %": replace(setting, process_noise=0.003),
        "process noise 3 %": replace(setting, process_noise=0.03),
        "block noise 1 %": replace(setting, block_noise=0.01),
        "block noise 5 %": replace(setting, block_noise=0.05),
        "2 processes": replace(setting, processes=2),
        "4 processes": replace(setting, processes=4),
        "5 processes": replace(setting, processes=5),
        "uneven process noise": replace(setting, uneven=True),
        "heavy-tailed process noise": replace(setting, heavy=True),
    }


def main() -> int:
    """Print every line; returns 0 if the verdict is good."""
    print(f"{'':34}coverage   A/A tie   3 % apart")
    began = time.perf_counter()
    tally = repeat(NoisyMachine(), 500)
    seconds = time.perf_counter() - began
    _print_line("process noise 1 %, block noise 2 %", tally)
    for title, other in list_others(NoisyMachine()).items():
        _print_line(title, repeat(other, 100))
    limits = (COVERAGE_AT_LEAST, TIES_AT_LEAST, SEPARATED_AT_LEAST)
    kept = [share >= limit for share, limit in zip(tally.list_shares(), limits, strict=True)]
    verdict = "ok" if all(kept) else "MISSED"
    print(f"500 challenges in {seconds:.0f} s; at least {limits} are asked for: {verdict}")
    return 0 if all(kept) else 1


def _print_line(title: str, tally: Tally) -> None:
    print(f"{title:34}" + "".join(f"{share:10.3f}" for share in tally.list_shares()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
