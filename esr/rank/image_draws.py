"""What one process says of the places: the images drawn anew, the same ones for everybody."""

from __future__ import annotations

import numpy as np

from esr.rank.drawn_field import Rival, order_draws
from esr.rank.rank_intervals import LEVEL
from esr.rank.ranking import Ranking
from esr.rank.runtime_draws import DRAWS
from esr.rank.runtimes import RUNTIMES, Process, read_processes


def place_by_images(ranking: Ranking, track: int) -> dict[str, tuple[int, int]]:
    """Say between which places 95 % of the draws of images put everybody in a track.

    Args:
        ranking: by a runtime that is made of single images.
        track: its position in the protocol.

    Returns:
        (best, worst) by label; nothing where images are not timed one by one, or not the same
    """
    runtime = RUNTIMES[ranking.choices.runtime]
    if not runtime.of_images:
        return {}
    counted = [s for s in ranking.standings if s.placings[track].score is not None]
    processes = {
        s.row.label: read[0]
        for s in counted
        if (read := read_processes(s.row, runtime, ranking.with_test))
    }
    ranked = [s for s in counted if s.placings[track].rank is not None]
    shapes = {tuple(len(samples) for samples in process) for process in processes.values()}
    if len(shapes) != 1 or any(s.row.label not in processes for s in ranked):
        return {}
    drawn = _draw(processes, ranking.choices.runtime, ranking.choices.seed)
    rivals = [
        Rival(s.row.label, s.costs, score) for s in ranked if (score := s.placings[track].score)
    ]
    orders = order_draws(
        ranking.protocol.tracks[track],
        rivals,
        ranking.base_costs,
        ranking.baseline,
        drawn,
    )
    tail = (1 - LEVEL) / 2
    return {
        rival.label: _find_ends(1 + (orders < orders[:, [own]]).sum(axis=1), tail)
        for own, rival in enumerate(rivals)
    }


def _find_ends(places: np.ndarray, tail: float) -> tuple[int, int]:
    low, high = np.quantile(places, [tail, 1 - tail], method="nearest")
    return int(low), int(high)


def _draw(processes: dict[str, Process], word: str, seed: int) -> dict[str, np.ndarray]:
    """Draw the images of each data set, and make everybody's figure of those."""
    runtime = RUNTIMES[word]
    random = np.random.default_rng(seed)
    shape = [len(samples) for samples in next(iter(processes.values()))]
    chosen = [random.integers(images, size=(images, DRAWS)) for images in shape]
    return {
        label: np.mean(
            [
                runtime.sum_up(np.median(samples, axis=1)[numbers])
                for samples, numbers in zip(process, chosen, strict=True)
            ],
            axis=0,
        )
        for label, process in processes.items()
    }
