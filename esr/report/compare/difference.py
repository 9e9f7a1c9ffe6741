"""One thing in which two runs differ, and whether by more than the scatter within them.

What the test covers: the scatter from image to image. What it cannot: whatever moves a whole run at
once, such as clock rates, temperature, or another program on the machine; only repeated runs show
that. So two runs of one program may truly differ, and this says that they do, not why.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from esr.report.cell import Value
from esr.report.compare.comparable_facts import Facts, SetFacts

Verdict = Literal[
    "differs", "beyond noise", "within noise", "not comparable", "not judged", "noted"
]
"""`differs`: the same program on the same pixels would not. `noted`: a circumstance, no result."""

Obstacle = tuple[Verdict, str] | None
"""Why runtimes and memory say nothing about the program, if so: what is said of them instead."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in A and B."""

    subject: str
    """With its data set and unit."""
    a: Value
    """None is unknown."""
    b: Value
    verdict: Verdict
    detail: str = ""
    relative: bool = True
    """Whether a ratio means anything: that of decibels or ranks does not."""

    @property
    def marked(self) -> bool:
        """Whether a reader who expects a reproduction should look at it."""
        return self.verdict in ("differs", "beyond noise")

    @property
    def ratio(self) -> float | None:
        """B relative to A; None unless both are numbers above zero."""
        if not self.relative:
            return None
        if isinstance(self.a, str) or isinstance(self.b, str) or not self.a or not self.b:
            return None
        return self.b / self.a if self.a > 0 and self.b > 0 else None


def list_unequal(
    a: Mapping[str, Value], b: Mapping[str, Value], verdict: Verdict
) -> Iterator[Difference]:
    """List what is not exactly equal; what neither side knows is equal."""
    for subject in dict.fromkeys([*a, *b]):
        if a.get(subject) != b.get(subject):
            yield Difference(subject, a.get(subject), b.get(subject), verdict)


def compare_facts(a: Facts, b: Facts) -> Iterator[Difference]:
    """Compare counts exactly, quality exactly, runtime and memory where that means something."""
    yield from list_unequal(a.counts, b.counts, "differs")
    for role in sorted(a.sets.keys() | b.sets.keys()):
        if role not in a.sets or role not in b.sets:
            state_a, state_b = ("measured" if role in side.sets else None for side in (a, b))
            yield Difference(f"{role} set", state_a, state_b, "differs")
            continue
        yield from _compare_set(a.sets[role], b.sets[role], _find_obstacle(a, b))


def _find_obstacle(a: Facts, b: Facts) -> Obstacle:
    if a.device == b.device:
        return None
    if a.device is None or b.device is None:
        return "not judged", "device of one side unknown"
    clocks = "clock" if a.device[0] != b.device[0] else "device"
    return "not comparable", f"different {clocks}"


def _compare_set(a: SetFacts, b: SetFacts, obstacle: Obstacle) -> Iterator[Difference]:
    if None not in (a.dataset, b.dataset) and a.dataset != b.dataset:
        yield Difference(f"{a.role} set", a.dataset, b.dataset, "differs", "nothing else compared")
        return
    if a.names is not None and b.names is not None and a.names != b.names:
        only = sorted(set(a.names) ^ set(b.names))
        detail = f"in one only: {', '.join(only[:3])}" if only else "in another order"
        yield Difference(f"{a.role} images", len(a.names), len(b.names), "differs", detail)
    yield from _compare_files(a, b)
    for metric in sorted(a.means.keys() | b.means.keys()):
        yield from _compare_quality(a, b, metric)
    yield from _compare_runtime(a, b, obstacle)
    yield from _compare_warm_runtime(a, b, obstacle)
    if a.memory_mib != b.memory_mib:
        verdict, detail = obstacle or ("differs", "")
        subject = f"{a.role} memory [MiB]"
        yield Difference(subject, a.memory_mib, b.memory_mib, verdict, detail)


def _compare_files(a: SetFacts, b: SetFacts) -> Iterator[Difference]:
    if a.data_sha256 == b.data_sha256:
        return
    verdict: Verdict = "not judged" if None in (a.data_sha256, b.data_sha256) else "differs"
    detail = "one side does not say" if verdict == "not judged" else "perhaps other pixels"
    yield Difference(f"{a.role} files SHA-256", a.data_sha256, b.data_sha256, verdict, detail)


def _compare_quality(a: SetFacts, b: SetFacts, metric: str) -> Iterator[Difference]:
    subject = f"{a.role} {metric.upper()}"
    means = a.means.get(metric), b.means.get(metric)
    if None in means:
        yield Difference(subject, *means, "not judged", "measured in one only")
        return
    pairs = _pair_values(a, b, a.scores.get(metric, ()), b.scores.get(metric, ()))
    gaps = {name: abs(y - x) for name, (x, y) in pairs.items() if x != y}
    if gaps:
        worst = max(gaps, key=lambda name: (gaps[name], name))
        detail = f"{len(gaps)} of {len(pairs)} images differ, most {worst}: {gaps[worst]:.3g}"
        yield Difference(subject, *means, "differs", detail, relative=False)
    elif means[0] != means[1]:
        yield Difference(subject, *means, "differs", relative=False)


def _pair_values(
    a: SetFacts, b: SetFacts, of_a: tuple[float, ...], of_b: tuple[float, ...]
) -> dict[str, tuple[float, float]]:
    """Pair values by image name, or by position where one side has no names."""
    if a.names is not None and b.names is not None:
        if len(of_a) != len(a.names) or len(of_b) != len(b.names):
            return {}
        by_name = dict(zip(b.names, of_b, strict=True))
        pairs = zip(a.names, of_a, strict=True)
        return {name: (x, by_name[name]) for name, x in pairs if name in by_name}
    if len(of_a) != len(of_b):
        return {}
    names = a.names or b.names or [f"image {number}" for number in range(1, len(of_a) + 1)]
    return dict(zip(names, zip(of_a, of_b, strict=True), strict=False))


def _compare_runtime(a: SetFacts, b: SetFacts, obstacle: Obstacle) -> Iterator[Difference]:
    pairs = _pair_values(a, b, a.runtimes_ms, b.runtimes_ms)
    if a.runtime_ms == b.runtime_ms and all(x == y for x, y in pairs.values()):
        return
    verdict, detail = obstacle or _judge(list(pairs.values()))
    if obstacle is None and pairs and a.dataset is None:
        detail += "; devices not named"
    yield Difference(f"{a.role} runtime [ms]", a.runtime_ms, b.runtime_ms, verdict, detail)


def _judge(pairs: list[tuple[float, float]]) -> tuple[Verdict, str]:
    if not pairs:
        return "not judged", "no runtimes per image"
    if len(pairs) < PAIRS_AT_LEAST:
        return "not judged", f"{len(pairs)} images; the test needs {PAIRS_AT_LEAST}"
    p = compute_signed_rank_p([x for x, _ in pairs], [y for _, y in pairs])
    return "beyond noise" if p < LEVEL else "within noise", f"p = {p:.2g}, {len(pairs)} images"


def _compare_warm_runtime(a: SetFacts, b: SetFacts, obstacle: Obstacle) -> Iterator[Difference]:
    subject = f"{a.role} warm runtime [ms]"
    if a.robust is None or b.robust is None:
        if a.robust is not b.robust:
            mean_a, mean_b = (side.robust.mean_ms if side.robust else None for side in (a, b))
            yield Difference(subject, mean_a, mean_b, "not judged", "repeats in one only")
        return
    if a.robust.mean_ms == b.robust.mean_ms:
        return
    apart = a.robust.high_ms < b.robust.low_ms or b.robust.high_ms < a.robust.low_ms
    verdict, detail = obstacle or (
        ("beyond noise", "95 % intervals apart")
        if apart
        else ("within noise", "95 % intervals overlap")
    )
    yield Difference(subject, a.robust.mean_ms, b.robust.mean_ms, verdict, detail)


LEVEL = 0.05
"""Runs of the same distribution are told apart this often, at most."""

PAIRS_AT_LEAST = 6
"""With fewer, not even unanimous pairs reach the level: 2 / 2**5 is more than 5 %."""


def compute_signed_rank_p(a: Sequence[float], b: Sequence[float]) -> float:
    """Compute the two-sided p-value of Wilcoxon's signed-rank test of log(b / a).

    Exact for any number of pairs, ties at their mean ranks, pairs without a difference left out
    (Wilcoxon, Individual Comparisons by Ranking Methods, 1945). One outlier, such as the cold first
    image, has no more weight than its rank.

    Args:
        a: positive values.
        b: as many, each one the partner of that of `a` at its position.
    """
    pairs = zip(a, b, strict=True)
    logs = np.array([math.log(y / x) for x, y in pairs if x != y])
    doubled = _double_ranks(np.abs(logs))
    total = int(doubled.sum())
    statistic = int(doubled[logs > 0].sum())
    extreme = min(statistic, total - statistic)
    return min(1.0, 2 * float(_compute_chances(doubled)[: extreme + 1].sum()))


def _double_ranks(values: np.ndarray) -> np.ndarray:
    """Twice the mean ranks, which are whole numbers."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, side="left")
    up_to = np.searchsorted(ordered, values, side="right")
    doubled: np.ndarray = below + up_to + 1
    return doubled


def _compute_chances(doubled: np.ndarray) -> np.ndarray:
    """Probability of every sum of the ranks, each of which is in it with probability 1/2."""
    chances = np.zeros(int(doubled.sum()) + 1)
    chances[0] = 1.0
    for rank in doubled:
        chances[rank:] = (chances[rank:] + chances[:-rank]) / 2
        chances[:rank] /= 2
    return chances
