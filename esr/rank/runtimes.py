"""RUNTIMES: the figures of a runtime that may rank; one entry adds one.

Each reads what every process of a submission measured as a matrix (images or blocks, rounds), and
sums it up: the median of the rounds, then mean or median over the images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esr.rank.figures import Quantity, official_runtime, robust_runtime
from esr.records.official_results import look_up
from esr.records.results_folder import Row
from esr.records.split_result import SplitResult, SteadyTiming

Matrix = NDArray[np.float64]
"""(images or blocks, rounds) in ms an image, of one process and data set."""

Process = tuple[Matrix, ...]
"""What one process measured: the validation set, and the test set if that counts."""

Reader = Callable[[SplitResult], Sequence["Matrix | None"]]
"""Takes what each process measured of a data set; None where one has not measured it."""


@dataclass(frozen=True)
class Runtime:
    """One way to make a figure of the samples."""

    title: str
    """As it is named where several stand side by side."""
    words: str
    """What is ranked by, in a sentence."""
    read: Reader
    by_median: bool = False
    """Whether the median over the images counts instead of their mean."""
    of_images: bool = True
    """Whether the rows of a matrix are single images, the same for everybody."""
    first: int = 0
    """The first image that counts."""
    official: bool = False
    """Whether official results hold what it is made of."""

    def sum_up(self, samples: Matrix) -> NDArray[np.float64]:
        """Make the figure, in ms.

        Args:
            samples: (images, ways) or (images,), each the median of its rounds.
        """
        figure: NDArray[np.float64] = np.asarray(
            np.median(samples, axis=0) if self.by_median else samples.mean(axis=0)
        )
        return figure

    def figure_ms(self, process: Process) -> float:
        """Make the figure of a process: the mean over its data sets."""
        return float(np.mean([self.sum_up(np.median(samples, axis=1)) for samples in process]))


def _read_official(split: SplitResult) -> list[Matrix | None]:
    times = [[image.runtime_ms for image in split.images]]
    times += [list(process.runtime_ms) for process in split.processes]
    count = len(split.images)
    return [np.array(ms)[:, None] if ms and len(ms) == count else None for ms in times]


def _read_warm(split: SplitResult) -> list[Matrix | None]:
    samples = [split.robust.samples_ms if split.robust else ()]
    samples += [process.warm_ms for process in split.processes]
    return [np.array(ms) if ms and ms[0] else None for ms in samples]


def _read_steady(split: SplitResult) -> list[Matrix | None]:
    timings = [split.steady, *(process.steady for process in split.processes)]
    return [None if steady is None else _of_one_image(steady) for steady in timings]


def _of_one_image(steady: SteadyTiming) -> Matrix | None:
    images = sum(map(len, steady.blocks))
    if not images or not steady.rounds:
        return None
    # Blocks may differ in size: their sum counts, by the number of all images.
    return np.array(steady.samples_ms) * len(steady.blocks) / images


def _read_robust(split: SplitResult) -> list[Matrix | None]:
    return _read_steady(split) if split.steady else _read_warm(split)


_LOOP = "the runtime of the official loop"
_ALONE = "the first image left out"

RUNTIMES: dict[str, Runtime] = {
    "official": Runtime("official", _LOOP, _read_official, official=True),
    "official_median": Runtime(
        "official, median",
        "the median over the images of the official pass",
        _read_official,
        by_median=True,
        official=True,
    ),
    "no_first": Runtime(
        "no first image", f"{_LOOP}, {_ALONE}", _read_official, first=1, official=True
    ),
    "no_first_median": Runtime(
        "no first, median",
        f"the median over the images of the official pass, {_ALONE}",
        _read_official,
        by_median=True,
        first=1,
        official=True,
    ),
    "warm": Runtime("warm", "warm runtimes", _read_warm),
    "warm_median": Runtime(
        "warm, median", "the median over the images of warm runtimes", _read_warm, by_median=True
    ),
    "steady": Runtime("steady", "steady runtimes", _read_steady, of_images=False),
    "robust": Runtime(
        "robust", "steady runtimes, or warm ones where there are none", _read_robust,
        of_images=False,
    ),
}  # fmt: skip
"""By the word of `--runtime`."""


def read_processes(row: Row, runtime: Runtime, with_test: bool) -> list[Process]:
    """Read what every process of a row measured, the first one first.

    Args:
        row: whose.
        runtime: which samples.
        with_test: the test set too; then only processes count that measured both.

    Returns:
        the processes whose figure is a time; none if the first has none
    """
    roles = [("valid", "hybrid_test"), ("test",)][: 1 + with_test]
    sides = [_read_side(row, runtime, role) for role in roles]
    processes = [
        tuple(samples[runtime.first :] for samples in parts if samples is not None)
        for parts in zip(*sides, strict=False)
        if all(samples is not None and len(samples) > runtime.first for samples in parts)
    ]
    usable = [0 < runtime.figure_ms(process) < math.inf for process in processes]
    if not usable or not usable[0] or any(side[0] is None for side in sides):
        return []
    return [process for process, is_usable in zip(processes, usable, strict=True) if is_usable]


def _read_side(row: Row, runtime: Runtime, roles: Sequence[str]) -> Sequence[Matrix | None]:
    if row.record is not None:
        splits = [split for split in row.record.splits if split.role in roles]
        return runtime.read(splits[0]) if splits else []
    times: object = look_up(row.official or {}, f"{roles[0]}_runtime") if runtime.official else None
    if not isinstance(times, list) or not all(isinstance(ms, int | float) for ms in times):
        return []
    return [np.array(times, np.float64)[:, None]]


def measure_runtime(row: Row, name: str, with_test: bool) -> Quantity | None:
    """Make the figure of a row: the mean over its processes.

    Args:
        row: whose.
        name: of one of `RUNTIMES`.
        with_test: the mean of validation and test set, as published; otherwise validation alone.
    """
    runtime = RUNTIMES[name]
    processes = read_processes(row, runtime, with_test)
    if len(processes) < 2 and name in _OF_ONE_PROCESS:
        return _OF_ONE_PROCESS[name](row, with_test)
    if not processes:
        return None
    return Quantity.exact(float(np.mean([runtime.figure_ms(process) for process in processes])))


_OF_ONE_PROCESS = {"official": official_runtime, "robust": robust_runtime}
"""What one process measured as it says itself: the official mean, the interval of its rounds."""


def list_runtimes(rows: Sequence[Row]) -> list[str]:
    """List the figures that a row has, without the mixture `robust`."""
    return [
        name
        for name, runtime in RUNTIMES.items()
        if name != "robust" and any(read_processes(row, runtime, with_test=False) for row in rows)
    ]
